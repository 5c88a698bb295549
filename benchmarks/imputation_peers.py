"""Imputers that benchmarks/imputation.py compares: each fills the holes of one table."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator

# Draws of every missing cell: ours of one fit, and those of peers, each a chain of its own.
N_DRAWS, N_CHAINS = 50, 10


@dataclass(frozen=True)
class Filled:
    """A filled table (n, d), and draws of it (m, n, d) where the imputer draws."""

    values: np.ndarray
    draws: np.ndarray | None = None


def ours(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """Plain defaults: the median of numbers, the likeliest category, and exact draws."""
    model = EinetDensityEstimator(categorical_features=categorical, random_state=0).fit(holes)
    draws = model.sample_conditional(holes, n_samples=N_DRAWS, random_state=0)
    draws = draws.reshape(len(holes), N_DRAWS, -1).swapaxes(0, 1)
    return Filled(model.impute(holes, strategy="median"), draws)


def simple(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """The median of numbers, the most frequent category."""
    values = SimpleImputer(strategy="median").fit_transform(holes)
    frequent = SimpleImputer(strategy="most_frequent").fit_transform(holes)
    return Filled(np.where(categorical, frequent, values))


def nearest(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """The mean of five neighbours in standardised columns; categories are rounded."""
    scaler = StandardScaler().fit(holes)
    filled = KNNImputer().fit_transform(scaler.transform(holes))
    return Filled(_rounded(scaler.inverse_transform(filled), holes, categorical))


def ridge(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """IterativeImputer by Bayesian ridge regression; its draws are chains of their own."""
    filled = IterativeImputer(BayesianRidge(), random_state=0).fit_transform(holes)
    draws = [
        IterativeImputer(BayesianRidge(), sample_posterior=True, random_state=seed).fit_transform(
            holes
        )
        for seed in range(N_CHAINS)
    ]
    return Filled(_rounded(filled, holes, categorical), np.stack(draws))


def trees(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """IterativeImputer by extremely randomised trees, without draws."""
    regressor = make_pipeline(ExtraTreesRegressor(50, random_state=0))
    filled = IterativeImputer(regressor, max_iter=5, random_state=0).fit_transform(holes)
    return Filled(_rounded(filled, holes, categorical))


def mice(holes: np.ndarray, categorical: np.ndarray) -> Filled:
    """miceforest: draws by predictive mean matching; their median is the value."""
    import miceforest
    import pandas as pd

    frame = pd.DataFrame(holes, columns=[str(column) for column in range(holes.shape[1])])
    for column in np.flatnonzero(categorical):
        frame[str(column)] = frame[str(column)].astype("category")
    # Its usual way for categories fails where one of them is rare.
    ways = {str(i): "fast" if categorical[i] else "normal" for i in range(len(categorical))}
    kernel = miceforest.ImputationKernel(
        frame, num_datasets=N_CHAINS, mean_match_strategy=ways, random_state=0
    )
    kernel.mice(3)
    draws = np.stack([kernel.complete_data(i).astype(float).to_numpy() for i in range(N_CHAINS)])
    return Filled(_rounded(np.median(draws, axis=0), holes, categorical), draws)


def _rounded(values: np.ndarray, holes: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Codes of categories, rounded into the range that the column shows."""
    low, high = np.nanmin(holes, axis=0), np.nanmax(holes, axis=0)
    return np.where(categorical, np.clip(np.rint(values), low, high), values)


IMPUTERS: dict[str, Callable[[np.ndarray, np.ndarray], Filled]] = {
    "skpc": ours,
    "SimpleImputer": simple,
    "KNNImputer": nearest,
    "IterativeImputer, BayesianRidge": ridge,
    "IterativeImputer, ExtraTrees": trees,
}
if find_spec("miceforest") is not None:
    IMPUTERS["miceforest"] = mice
