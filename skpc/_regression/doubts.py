"""Reasons why a fit may predict worse than it could, each with what to do about it.

Axes: B features.
"""

from collections.abc import Iterator

import numpy as np

from ..direct.moments import Standardised
from ..direct.solve import Ridge, is_noiseless, rows_that_carry

# Rise of the expected squared error over the ridge's from which on a user is told that codes are
# too few: 5 % of the root mean square error. It is of the error of new rows, so that it does not
# count where the ridge passes through nearly all rows.
COARSE = 0.1
# Rows beyond those that weights take up, and rows a feature, below both of which errors of two
# good rules differ by more than 5 % now and then (benchmarks/direct_defaults.py, hard tables).
FREE_ROWS, ROWS_A_FEATURE = 30.0, 5.0
# Rows that carry a feature, of the middle one of all, below which tails are heavy; among fewer rows
# in all, normal columns have no more.
CARRIED, ROWS = 1.3, 40.0


class PoorFitWarning(UserWarning):
    """A regression may predict worse than it could; the message says why and what to do."""


def doubts(data: Standardised, ridge: Ridge, coarse: float | None) -> Iterator[str]:
    """Messages for users, one for each reason.

    Parameters
    ----------
    data : Standardised
    ridge : Ridge
        Of these data.
    coarse : float or None
        Relative rise of the expected squared error by codes that are to predict as the ridge does.
    """
    n_features = int(np.count_nonzero(data.x_range))
    free = data.weight * ridge.freedom
    if coarse is not None and coarse * ridge.freedom > COARSE:
        yield (
            f"Codes of these n_bits raise the expected squared error by {coarse:.0%} over that "
            "of the ridge regression that they are near to (excess_error_). Use more n_bits, "
            'a prior with less mass at zero or, in place of "ridge", weight_scale="auto".'
        )
    if free < FREE_ROWS and data.weight < ROWS_A_FEATURE * n_features:
        yield (
            f"{data.weight:.0f} rows for {n_features} features leave {free:.0f} to learn the noise "
            "from: which prior fits is a matter of chance, and errors may be larger by a tenth or "
            "more than by another one. Use fewer features, or compare with another regression by "
            "cross-validation."
        )
    elif data.weight >= ROWS and _is_heavy(data):
        yield (
            "One or two rows carry half of the features: tails are heavy, or all other cells the "
            "same. Predictions of rows as far off are a matter of chance. Transform the features, "
            "for instance by sklearn.preprocessing.QuantileTransformer, or leave out those that "
            "are nearly always the same."
        )
    if n_features and is_noiseless(data, ridge):
        yield (
            "The target is a linear function of the features but for rounding, or less than a "
            "millionth of its standard deviation. Predictions are good to about that; if that is "
            "not enough, use sklearn.linear_model.LinearRegression."
        )


def _is_heavy(data: Standardised) -> bool:
    """Whether the middle one of the features is carried by one row or two."""
    varies = data.x_range > 0
    return bool(varies.any() and np.median(rows_that_carry(data)[varies]) < CARRIED)
