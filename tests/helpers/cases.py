"""One place for all structures, layers and kinds of tables that the estimator must serve.

A new structure, layer or leaf family is one line here; every test of the suite then runs
with it. All tables have four columns.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from skops import io as skops_io

from skpc import EinetDensityEstimator
from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Binomial
from skpc.components import Gaussians, LatentMixture

N_COLUMNS = 4

EXPLICIT = RegionGraph(
    [(0, 1, 2, 3), (0, 1), (2, 3), (0,), (1,), (2,), (3,), (0, 2), (1, 3)],
    [(0, (1, 2)), (0, (7, 8)), (1, (3, 4)), (2, (5, 6))],
)

STRUCTURES: dict[str, dict[str, Any]] = {
    "independent": {"structure": "random_trees", "depth": 0},
    "shallow_trees": {"structure": "random_trees", "depth": 1, "n_replicas": 3},
    "deep_trees": {"structure": "random_trees", "n_replicas": 2},
    "row": {"structure": "poon_domingos"},
    "grid": {"structure": "poon_domingos", "grid_shape": (2, 2), "depth": 1},
    "explicit": {"structure": EXPLICIT},
    # Learned trees in CP layers, random trees in Tucker layers.
    "auto": {"structure": "auto"},
}

LAYERS = ["cp", "tucker"]

# Structures that fit any number of columns.
ANY_WIDTH = {name: STRUCTURES[name] for name in ("shallow_trees", "deep_trees", "row", "auto")}

TINY: dict[str, Any] = {
    "n_replicas": 2, "components": "trees", "n_sums": 3, "n_leaves": 2, "max_iter": 8,
    "smoothing": 0.1,
}  # fmt: skip


def _classes(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    """Four related hidden digits a row, (n, 4)."""
    hidden = rng.uniform(size=n) < 0.4
    flips = rng.uniform(size=(n, N_COLUMNS)) < 0.15
    return (hidden[:, None] ^ flips).astype(float)


def _bernoulli(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    return _classes(rng, n)


def _codes(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    """Columns of 2, 3, 4 and 3 categories, named by other numbers than their codes."""
    more = rng.randint(0, [1, 2, 3, 2], size=(n, N_COLUMNS))
    return 10.0 * (_classes(rng, n) + more) - 10.0


def _gaussian(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    """Two clusters; columns on very different scales."""
    z = 2.0 * _classes(rng, n) + rng.normal(size=(n, N_COLUMNS))
    return z * [1.0, 20.0, 0.01, 3.0] + [0.0, 100.0, 5.0, -2.0]


def _counts(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    """Columns with and without a largest count."""
    classes = _classes(rng, n)
    trials = rng.binomial(5, 0.2 + 0.5 * classes[:, [1, 3]])
    return np.insert(trials.astype(float), [0, 1], rng.poisson(1 + 9 * classes[:, [0, 2]]), axis=1)


def _positive(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    """Columns on very different scales, the last one between 0 and 1."""
    classes = _classes(rng, n).T
    return np.column_stack(
        [
            rng.gamma(2 + 5 * classes[0]),
            1000 * np.exp(rng.normal(classes[1], 0.5)),
            0.01 * rng.exponential(1 + 4 * classes[2]),
            rng.beta(2 + 6 * classes[3], 4),
        ]
    )


def _mixed(rng: np.random.RandomState, n: int) -> NDArray[np.float64]:
    classes = _classes(rng, n)
    noise = rng.normal(size=(n, 2))
    code = classes[:, 3] + rng.randint(0, 2, size=n)
    return np.column_stack(
        [classes[:, 0] + 0.3 * noise[:, 0], classes[:, 1], 5 * classes[:, 2] + noise[:, 1], code]
    )


class OutOfFive(Binomial):
    """Counts of five trials, whatever the largest one in training is."""

    n_trials = 5


# What the estimator gets instead of a family's name: two it chooses by itself.
NAMES = {"categorical": "auto", "gaussian": "auto", "binomial": OutOfFive}


@dataclass(frozen=True)
class Kind:
    """A kind of table: how rows are made and what the estimator needs to know of them."""

    make: Callable[[np.random.RandomState, int], NDArray[np.float64]]
    families: tuple[str, ...]

    @property
    def settings(self) -> dict[str, Any]:
        # Digits are declared: where they are found, a third value keeps a share of its own.
        return {
            "categorical_features": [f == "categorical" for f in self.families],
            "leaf": [NAMES.get(f, f) for f in self.families],
        }


TABLES: dict[str, Kind] = {
    "bernoulli": Kind(_bernoulli, ("bernoulli",) * 4),
    "categorical": Kind(_codes, ("categorical",) * 4),
    "gaussian": Kind(_gaussian, ("gaussian",) * 4),
    "mixed": Kind(_mixed, ("gaussian", "bernoulli", "gaussian", "categorical")),
    "counts": Kind(_counts, ("poisson", "binomial", "poisson", "binomial")),
    "positive": Kind(_positive, ("gamma", "lognormal", "exponential", "beta")),
}

DISCRETE = ("bernoulli", "categorical")


@dataclass(frozen=True)
class Case:
    """A structure, a layer and a kind of table."""

    structure: str
    layer: str
    table: str

    def __str__(self) -> str:
        return f"{self.structure}-{self.layer}-{self.table}"

    def rows(self, n: int, seed: int = 0) -> NDArray[np.float64]:
        """Rows of the table (n, 4)."""
        return TABLES[self.table].make(np.random.RandomState(seed), n)

    def model(self, **settings: Any) -> EinetDensityEstimator:
        """An unfitted small estimator."""
        own = {**TINY, **STRUCTURES[self.structure], **TABLES[self.table].settings}
        return EinetDensityEstimator(**{**own, "layer": self.layer, "random_state": 0, **settings})

    def fitted(self) -> EinetDensityEstimator:
        """A model fitted to 300 rows; shared, so do not change it."""
        return _fitted(self)

    def fully_observed_states(self) -> NDArray[np.float64]:
        """All rows of known categories, for discrete tables."""
        return np.array(list(product(*(np.unique(c) for c in self.rows(300).T))))


@cache
def _fitted(case: Case) -> EinetDensityEstimator:
    return case.model().fit(case.rows(300))


CASES = [Case(*names) for names in product(STRUCTURES, LAYERS, TABLES)]
DISCRETE_CASES = [case for case in CASES if case.table in DISCRETE]


def mixed(n_mixtures: int = 0, n_networks: int = 0) -> list[Any]:
    """Trees with so many Gaussians and so many small latent mixtures."""
    gaussians = [Gaussians(n_units=n_mixtures)] if n_mixtures else []
    latent = [LatentMixture(n_networks=n_networks, n_points=16, max_iter=4)] if n_networks else []
    return ["trees", *gaussians, *latent]


def inside(model: EinetDensityEstimator) -> Any:
    """The fitted state, for what no public attribute tells; the one private name that tests use."""
    return model._fitted_density


def masked(X: NDArray[np.float64], share: float, seed: int = 0) -> NDArray[np.float64]:
    """A copy with a share of its cells missing."""
    missing = np.random.RandomState(seed).uniform(size=X.shape) < share
    return np.where(missing, np.nan, X)


def tiny(**settings: Any) -> EinetDensityEstimator:
    """A small estimator for tables of any width."""
    return EinetDensityEstimator(**{**TINY, "random_state": 0, **settings})


def exact(**settings: Any) -> EinetDensityEstimator:
    """A small estimator that takes full steps in float64."""
    return tiny(**{"batch_size": None, "dtype": "float64", "max_iter": 20, **settings})


def assert_answers_agree(model: EinetDensityEstimator, rows: NDArray[np.float64]) -> None:
    """Conditionals times marginals are joints, and what is drawn or imputed is whole."""
    asked = np.arange(rows.shape[1]) < 2
    seen = rows[~np.isnan(rows[:, asked]).any(axis=1)]
    if len(seen):
        joint = model.predict_conditional(seen, asked) + model.predict_marginal(seen, ~asked)
        assert_allclose(joint, model.score_samples(seen), rtol=1e-9)
    drawn = model.sample_conditional(rows, random_state=0)
    assert_array_equal(drawn[~np.isnan(rows)], rows[~np.isnan(rows)])
    assert np.isfinite(model.score_samples(drawn)).all()
    for strategy in ("mean", "median", "mode", "sample"):
        assert not np.isnan(model.impute(rows, strategy, random_state=0)).any()
    cells = model.score_columns(rows)
    assert_array_equal(np.isnan(cells), np.isnan(rows))
    for j in range(rows.shape[1]):
        seen = ~np.isnan(rows[:, j])
        if seen.any():
            wanted = model.predict_conditional(rows[seen], [j])
            assert_allclose(cells[seen, j], wanted, rtol=1e-7, atol=1e-7)


def assert_copies_score_alike(model: EinetDensityEstimator, X: Any) -> None:
    """By pickle, and by a file of skops that trusts the estimator's class alone."""
    wanted = model.score_samples(X)
    assert_array_equal(pickle.loads(pickle.dumps(model)).score_samples(X), wanted)
    data = skops_io.dumps(model)
    trusted = skops_io.get_untrusted_types(data=data)
    assert trusted == ["skpc.density.EinetDensityEstimator"]
    assert_array_equal(skops_io.loads(data, trusted=trusted).score_samples(X), wanted)
