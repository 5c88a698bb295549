"""Columns that a user names."""

import numpy as np
import pytest

from skpc._tables import column_mask

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([True, False, True], [1, 0, 1]),
        ([0, 2], [1, 0, 1]),
        ([-1], [0, 0, 1]),
        (["b"], [0, 1, 0]),
        ("c", [0, 0, 1]),
        (1, [0, 1, 0]),
        (np.int64(0), [1, 0, 0]),
        (np.array([False, True, False]), [0, 1, 0]),
        ([], [0, 0, 0]),
        (range(3), [1, 1, 1]),
        (["a", 1], [1, 1, 0]),
    ],
)
def test_columns_by_mask_position_or_name(chosen, expected):
    assert column_mask(chosen, NAMES, 3, "features").astype(int).tolist() == expected


@pytest.mark.parametrize("chosen", [[True], [3], [-4], ["d"], [None], [0.5]])
def test_what_is_no_column_is_refused_by_the_name_of_the_argument(chosen):
    with pytest.raises(ValueError, match="features"):
        column_mask(chosen, NAMES, 3, "features")
