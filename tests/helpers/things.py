"""A small file of every kind of array, and what it takes to refuse it."""

import numpy as np
import pytest
from hypothesis import strategies as st

from skpc._files import Contents, read, write

FIELDS = {"name": "tree", "step": 0.1, "depth": 3, "parts": [1, None, True, {"a": -0.0}]}
ARRAYS = {
    "weights": np.arange(6.0).reshape(2, 3),
    "codes": np.array([1, -2, 3], dtype=np.int8),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 4), dtype=np.int32),
    "one": np.array(7, dtype=np.uint16),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def anything(header):
    """A check that lets everything pass."""


def read_any(path):
    return read(path, {"thing": 2}, anything)


def write_thing(folder):
    path = folder / "thing"
    write(path, Contents("thing", 1, FIELDS, ARRAYS))
    return path


def refuses(path, data, match=None):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=match) as caught:
        read_any(path)
    # Not one of its kin, which would say nothing to a user.
    assert type(caught.value) is ValueError
