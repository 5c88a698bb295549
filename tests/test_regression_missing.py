"""Missing cells in predictions: a density of the columns integrates them out."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from skpc import DirectBayesianRegressor, EinetDensityEstimator

COVARIANCE = np.array([[2.0, 1.2, 0.4], [1.2, 1.5, -0.3], [0.4, -0.3, 1.0]])
MEAN = np.array([1.0, -2.0, 5.0])
# Of a correlation from 256 draws: five standard errors of a variance, relative.
FIVE = 5 * np.sqrt(2 / 256)


class Gaussian(BaseEstimator):
    """A normal density of three columns, in closed form."""

    def moments(self, X):
        given = [self.conditional(row) for row in X]
        return np.stack([mean for mean, _ in given]), np.stack([np.diag(c) for _, c in given])

    def sample_conditional(self, X, n_samples, random_state):
        random = np.random.RandomState(random_state)
        return np.concatenate(
            [
                np.where(
                    np.isnan(row),
                    random.multivariate_normal(*self.conditional(row), n_samples),
                    row,
                )
                for row in X
            ]
        )

    def conditional(self, row):
        """Mean (3,) and covariance (3, 3) of a row given its seen cells."""
        hole = np.isnan(row)
        mean, covariance = np.where(hole, MEAN, row), np.zeros((3, 3))
        inside, across = COVARIANCE[np.ix_(hole, hole)], COVARIANCE[np.ix_(hole, ~hole)]
        gain = across @ np.linalg.inv(COVARIANCE[np.ix_(~hole, ~hole)])
        mean[hole] += gain @ (row[~hole] - MEAN[~hole])
        covariance[np.ix_(hole, hole)] = inside - gain @ across.T
        return mean, covariance


@pytest.fixture(scope="module")
def table():
    return np.random.RandomState(0).multivariate_normal(MEAN, COVARIANCE, 400)


@pytest.fixture(scope="module")
def model(table):
    noise = 0.5 * np.random.RandomState(1).standard_normal(len(table))
    return DirectBayesianRegressor(random_state=0).fit(table, table @ [1.0, -2.0, 0.5] + noise)


def added_variance(model, mean, covariance):
    """Of a target, by missing cells: w'Cw and tr(SC), S the covariance of the weights."""
    by_weights = model.coef_ @ covariance @ model.coef_
    # The predictive variance is a quadratic form of the row, whose matrix is S.
    centre, one = mean[None], np.eye(len(mean))

    def variance(x):
        return model.predict(x, return_std=True)[1] ** 2

    second = [
        [
            variance(centre + a + b) + variance(centre - a - b)
            - variance(centre + a - b) - variance(centre - a + b)
            for b in one
        ]
        for a in one
    ]  # fmt: skip
    # Both signs and a product of two: x'Sx has 8 S_ij there.
    return by_weights + np.sum(np.array(second)[..., 0] / 8 * covariance)


@pytest.mark.parametrize("j", [0, 1, 2])
def test_one_missing_cell_is_exact(model, table, j):
    row = table[:1].copy()
    row[0, j] = np.nan
    mean, std = model.predict(row, return_std=True, density=Gaussian())
    expected, covariance = Gaussian().conditional(row[0])
    at_mean, its_std = model.predict(expected[None], return_std=True)
    assert mean == pytest.approx(at_mean, rel=1e-12)
    added = added_variance(model, expected, covariance)
    assert std**2 == pytest.approx(its_std**2 + added, rel=1e-6)


def test_several_missing_cells_are_exact_but_for_correlations_of_draws(model, table):
    row = table[:1].copy()
    row[0, :2] = np.nan
    mean, std = model.predict(row, return_std=True, density=Gaussian())
    expected, covariance = Gaussian().conditional(row[0])
    at_mean, its_std = model.predict(expected[None], return_std=True)
    assert mean == pytest.approx(at_mean, rel=1e-12)
    # Only the product of the two weights is estimated.
    right = its_std**2 + added_variance(model, expected, covariance)
    off = 2 * abs(model.coef_[0] * model.coef_[1]) * np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert abs(std**2 - right) < FIVE * off
    assert abs(std**2 - right) < 0.3 * right
    alone = its_std**2 + added_variance(model, expected, np.diag(np.diag(covariance)))
    assert abs(std**2 - right) < 0.3 * abs(alone - right)


def test_seen_rows_are_as_without_a_density(model, table):
    with_holes = table[:4].copy()
    with_holes[1, 0] = np.nan
    seen = [0, 2, 3]
    for given, plain in zip(
        model.predict(with_holes, return_std=True, density=Gaussian()),
        model.predict(table[:4], return_std=True),
        strict=True,
    ):
        assert np.allclose(given[seen], plain[seen], rtol=1e-12)
        assert given[1] != plain[1]
    assert (model.predict(table, density=Gaussian()) == model.predict(table)).all()


def test_binary_columns_equal_an_enumeration():
    random = np.random.RandomState(0)
    first = random.uniform(size=600) < 0.4
    X = np.column_stack(
        [first, first ^ (random.uniform(size=600) < 0.2), random.uniform(size=600) < 0.3]
    )
    X = X.astype(float)
    model = DirectBayesianRegressor(random_state=0).fit(
        X, X @ [3.0, 2.0, -1.0] + 0.1 * random.standard_normal(600)
    )
    density = EinetDensityEstimator(random_state=0).fit(X)
    row = np.array([[np.nan, np.nan, 1.0]])
    states = np.array([[a, b, 1.0] for a, b in product([0.0, 1.0], repeat=2)])
    logs = density.score_samples(states)
    shares = np.exp(logs - np.logaddexp.reduce(logs))
    predicted, stds = model.predict(states, return_std=True)
    mean, std = model.predict(row, return_std=True, density=density)
    assert mean[0] == pytest.approx(shares @ predicted, rel=1e-5)
    right = shares @ (stds**2 + (predicted - mean[0]) ** 2)
    gap = states - shares @ states
    covariance = (shares * gap.T) @ gap
    off = 2 * abs(model.coef_[0] * model.coef_[1]) * np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert abs(std[0] ** 2 - right) < FIVE * off
    one = np.array([[1.0, np.nan, 1.0]])
    logs = density.score_samples(states[2:])
    shares = np.exp(logs - np.logaddexp.reduce(logs))
    mean, std = model.predict(one, return_std=True, density=density)
    right = shares @ (stds[2:] ** 2 + (predicted[2:] - mean[0]) ** 2)
    assert std[0] ** 2 == pytest.approx(right, rel=1e-4)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda x, columns: pl.DataFrame(x, columns)])
def test_frames_are_read_as_arrays_are(table, frame):
    named = frame(table, columns=["a", "b", "c"])
    y = table @ [1.0, 2.0, 3.0]
    density = EinetDensityEstimator(max_iter=3, random_state=0)
    model = DirectBayesianRegressor(random_state=0)
    holes = table[:5].copy()
    holes[0, :2] = holes[3, 1] = np.nan
    by_array = model.fit(table, y).predict(holes, return_std=True, density=density.fit(table))
    rows = frame(holes, columns=["a", "b", "c"])
    by_frame = model.fit(named, y).predict(rows, return_std=True, density=density.fit(named))
    for one, other in zip(by_array, by_frame, strict=True):
        assert np.allclose(one, other, rtol=1e-6)
    assert np.isnan(holes[0, 0])


def test_the_seed_decides(model, table):
    holes = table[:3].copy()
    holes[:, 1:] = np.nan
    once, again = (model.predict(holes, return_std=True, density=Gaussian())[1] for _ in range(2))
    assert (once == again).all()


def test_what_cannot_be_is_refused_by_name(model, table):
    holes = table[:3].copy()
    holes[1, 2] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN in column 2, row 1"):
        model.predict(holes)
    with pytest.raises(TypeError, match="density is 'mean'; a fitted EinetDensityEstimator is"):
        model.predict(holes, density="mean")
    infinite = np.where(np.isnan(holes), np.inf, holes)
    with pytest.raises(ValueError, match="Input X contains infinity in column 2, row 1"):
        model.predict(infinite, density=Gaussian())
    mapped = DirectBayesianRegressor(feature_map=StandardScaler(), random_state=0)
    mapped.fit(table, table[:, 0])
    with pytest.raises(ValueError, match="density is accepted without a feature_map only"):
        mapped.predict(holes, density=Gaussian())
    codes = np.column_stack([table[:, :2], np.arange(len(table)) % 3])
    density = EinetDensityEstimator(categorical_features=[2], max_iter=2, random_state=0)
    density.fit(codes)
    with pytest.raises(ValueError, match="Row 1 has no value in column 2, which density models as"):
        model.predict(holes, density=density)
