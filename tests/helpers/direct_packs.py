"""Packed ensembles of random codes, without a fit."""

import numpy as np

from skpc._files import Contents
from skpc.direct.deploy import pack


def random_codes(n_bits, n_samples, n_features, zeros=0.0, seed=0):
    """Codes (S, B), of which so large a share is zero."""
    random = np.random.RandomState(seed)
    largest = 2 ** (n_bits - 1) - 1
    codes = random.randint(-largest, largest + 1, (n_samples, n_features))
    return (codes * (random.uniform(size=codes.shape) >= zeros)).astype(np.int8)


def steps_of(kind, n_features, seed=0):
    """Steps (B,): one for all, powers of two, any numbers, or wide apart."""
    random = np.random.RandomState(seed)
    return {
        "one": np.full(n_features, 0.37),
        "powers": 0.37 * 2.0 ** random.randint(0, 9, n_features),
        "any": random.uniform(0.1, 9.0, n_features),
        "wide": 0.37 * 2.0 ** np.linspace(0, 24, n_features).round(),
    }[kind]


def units_of(n_features, seed=0):
    """Means (B,) and standard deviations (B,) of features in uneven units."""
    random = np.random.RandomState(seed)
    return random.uniform(-50, 50, n_features), 10.0 ** random.uniform(-3, 3, n_features)


def ensemble(n_bits=4, n_samples=3, n_features=21, zeros=0.0, steps="one", seed=0, codes=None):
    """A packed ensemble in uneven units."""
    if codes is None:
        codes = random_codes(n_bits, n_samples, n_features, zeros, seed)
    centre, spread = units_of(codes.shape[1], seed)
    return pack(
        codes,
        n_bits,
        step=steps_of(steps, codes.shape[1], seed),
        centre=centre,
        spread=spread,
        intercept=-12.5,
        noise_variance=0.81,
        input_range=4.0,
    )


def features(packed, n_rows, seed=0):
    """Rows of features (N, B), some beyond the range of int8 inputs."""
    random = np.random.RandomState(seed)
    levels = random.normal(0, 60, (n_rows, packed.n_features))
    return packed.offset + packed.scale * levels


def contents(packed, **changes):
    """What a file of the ensemble holds, with other values of some fields; None leaves one out."""
    fields = {**vars(packed), **changes}
    kept = {name: value for name, value in fields.items() if value is not None}
    arrays = {name: value for name, value in kept.items() if isinstance(value, np.ndarray)}
    numbers = {name: value for name, value in kept.items() if name not in arrays}
    return Contents("packed ensemble", 1, numbers, arrays)
