"""Answers of two versions of skpc compared: a change of the house changes no number.

    python benchmarks/equal.py save OTHER.npz       # in the one version
    python benchmarks/equal.py compare OTHER.npz    # in the other: the largest differences

Every case is a fit on a small simulated table, then scores, a marginal, a conditional, draws,
conditional draws, both imputations and moments; for DIRECT the ELBO, predictions, draws of
weights and of targets. Nothing in it needs other data than these.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import torch

from skpc import DirectBayesianRegressor, EinetDensityEstimator

QUICK = {"n_sums": 4, "max_iter": 6, "random_state": 0}


def mixed(n: int, seed: int = 0) -> np.ndarray:
    """Numbers, counts, zeros of an amount, digits and codes that share two causes, (n, 8)."""
    random = np.random.RandomState(seed)
    cause = random.normal(size=(n, 2))
    amount = np.exp(cause[:, 0] + 0.3 * random.normal(size=n))
    amount[random.uniform(size=n) < 0.3] = 0.0
    return np.column_stack(
        [
            cause[:, 0] + 0.1 * random.normal(size=n),
            1e3 * cause[:, 1] + random.normal(size=n),
            amount,
            random.poisson(np.exp(0.5 * cause[:, 1])),
            cause[:, 0] + random.normal(size=n) > 0,
            np.clip(np.rint(cause[:, 1] + 1.5), 0, 3),
            np.full(n, 7.0),
            np.round(20 * cause[:, 0]) / 4,
        ]
    )


def holes(X: np.ndarray, share: float = 0.2, seed: int = 1) -> np.ndarray:
    """The table with missing cells."""
    return np.where(np.random.RandomState(seed).uniform(size=X.shape) < share, np.nan, X)


def binary(n: int) -> np.ndarray:
    """Zeros and ones that share three causes, (n, 20)."""
    random = np.random.RandomState(2)
    causes = random.normal(size=(n, 3)) @ random.normal(size=(3, 20))
    return (causes + random.normal(size=causes.shape) > 0).astype(float)


def positive(n: int) -> np.ndarray:
    """One column for each family of counts, positive numbers and numbers between 0 and 1."""
    random = np.random.RandomState(3)
    cause = random.normal(size=n)
    return np.column_stack(
        [
            random.poisson(np.exp(1 + 0.3 * cause)),
            random.binomial(5, 1 / (1 + np.exp(-cause))),
            random.gamma(np.exp(0.5 * cause) + 0.5),
            np.exp(cause + 0.2 * random.normal(size=n)),
            random.exponential(np.exp(cause)),
            np.clip(random.beta(2, np.exp(cause)), 1e-6, 1 - 1e-6),
        ]
    )


FAMILIES = ["poisson", "binomial", "gamma", "lognormal", "exponential", "beta"]

EVERY = ["trees", "gaussians", "latent_mixture"]

# Name, settings, table of training.
DENSITIES: dict[str, tuple[dict, Callable[[], np.ndarray]]] = {
    "defaults, mixed, 400 rows": ({"random_state": 0}, lambda: mixed(400)),
    "defaults, holes, 1,500 rows": ({"random_state": 0, "max_iter": 3}, lambda: holes(mixed(1500))),
    "defaults, binary, 1,200 rows": ({"random_state": 0, "max_iter": 3}, lambda: binary(1200)),
    "defaults, 60 rows": ({"random_state": 0}, lambda: mixed(60)),
    "codes": ({**QUICK, "categorical_features": [3, 5]}, lambda: holes(mixed(300))),
    "random trees": ({**QUICK, "structure": "random_trees", "depth": 2}, lambda: mixed(300)),
    "tucker": ({**QUICK, "layer": "tucker"}, lambda: holes(mixed(300))),
    "poon domingos": ({**QUICK, "structure": "poon_domingos", "grid_shape": (2, 4)},
                      lambda: mixed(300)),
    "adam": ({**QUICK, "solver": "adam", "batch_size": 64}, lambda: holes(mixed(300))),
    "gaussian leaves": ({**QUICK, "leaf": "gaussian"}, lambda: holes(mixed(300))),
    "families": ({**QUICK, "leaf": FAMILIES}, lambda: positive(300)),
    "early stopping": ({**QUICK, "early_stopping": True, "max_iter": 30}, lambda: mixed(300)),
    "three starts": ({**QUICK, "n_init": 3}, lambda: mixed(200)),
    "mini-batches": ({**QUICK, "batch_size": 50, "smoothing": 0.1}, lambda: mixed(300)),
    "every component": ({**QUICK, "components": EVERY}, lambda: mixed(300)),
    "float64": ({**QUICK, "dtype": "float64"}, lambda: holes(mixed(300))),
}  # fmt: skip


def asked(model: EinetDensityEstimator, X: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of a fitted density to rows with and without holes."""
    gaps = holes(X[:40], 0.4, 5)
    mean, variance = model.moments(gaps)
    return {
        "score_samples": model.score_samples(X),
        "score_samples, holes": model.score_samples(gaps),
        "score_samples, float32": model.score_samples(X.astype(np.float32)),
        "predict_marginal": model.predict_marginal(X, [0, 2]),
        "predict_conditional": model.predict_conditional(gaps, [1]),
        "sample": model.sample(200, random_state=3),
        "sample_conditional": model.sample_conditional(gaps, 2, random_state=3),
        "impute, mean": model.impute(gaps),
        "impute, mode": model.impute(gaps, "mode"),
        "mean": mean,
        "variance": variance,
        "history": model.history_["trees"]["log_likelihood"],
        "weights": model.component_weights_,
    }


def densities() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Cases of the density: fits, weights, fits that go on, streams."""
    for name, (settings, table) in DENSITIES.items():
        X = table()
        yield name, asked(EinetDensityEstimator(**settings).fit(X), X)
    X = holes(mixed(300))
    weights = np.random.RandomState(4).randint(0, 3, size=len(X))
    yield "weights", asked(EinetDensityEstimator(**QUICK).fit(X, sample_weight=weights), X)
    again = EinetDensityEstimator(**QUICK, warm_start=True).fit(X)
    yield "going on", asked(again.fit(X), X)
    stream = EinetDensityEstimator(**QUICK)
    for start in range(0, len(X), 100):
        stream.partial_fit(X[start : start + 100])
    yield "stream", asked(stream, X)


def regressions() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Cases of DIRECT."""
    from sklearn.kernel_approximation import RBFSampler

    random = np.random.RandomState(6)
    X = random.normal(size=(200, 12))
    y = 3 + X @ random.normal(size=12) + random.normal(size=200)
    for name, settings in {
        "defaults": {},
        "ridge": {"weight_scale": "ridge"},
        "mixture": {"posterior": "mixture"},
        "spike": {"prior": "spike", "n_bits": 3},
        "coordinate": {"solver": "coordinate"},
        "features": {"feature_map": RBFSampler(n_components=30)},
    }.items():
        model = DirectBayesianRegressor(**settings, random_state=0).fit(X, y)
        mean, std = model.predict(X, return_std=True)
        yield (
            f"DIRECT, {name}",
            {
                "elbo": np.array(model.elbo_),
                "mean": mean,
                "std": std,
                "weights": model.sample_weights(20, random_state=0),
                "targets": model.sample_y(X, 3, random_state=0),
                "log density": model.log_predictive_density(X, y),
            },
        )
    chunks = DirectBayesianRegressor(random_state=0)
    for start in range(0, 200, 50):
        chunks.partial_fit(X[start : start + 50], y[start : start + 50])
    yield "DIRECT, chunks", {"elbo": np.array(chunks.elbo_), "mean": chunks.predict(X)}


def main() -> None:
    """Save answers, or compare them with saved ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["save", "compare"])
    parser.add_argument("file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    answers = {
        f"{case} | {question}": answer
        for cases in (densities(), regressions())
        for case, found in cases
        for question, answer in found.items()
    }
    if options.what == "save":
        np.savez(options.file, **answers)
        return
    before = np.load(options.file)
    assert set(before) == set(answers), set(before) ^ set(answers)
    differ = [name for name in answers if not np.array_equal(before[name], answers[name], True)]
    print(f"{len(answers)} answers, {len(answers) - len(differ)} equal to the last bit")
    for name in differ:
        a, b = np.asarray(before[name], dtype=float), np.asarray(answers[name], dtype=float)
        share = np.abs(a - b) / np.maximum(1.0, np.abs(a)) if a.shape == b.shape else np.inf
        print(f"{name}: {np.nanmax(share):.2g}")


if __name__ == "__main__":
    main()
