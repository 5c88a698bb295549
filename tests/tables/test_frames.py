"""Columns of arrays and frames are read and written alike."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skpc._tables import container, read_table, take_rows
from skpc._tables.writing import build, column_like, fit_integers, with_cells

ROUNDS = settings(max_examples=60, deadline=None, derandomize=True)
WORDS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "äö", "nan"]))
NUMBERS = st.one_of(st.none(), st.floats(-1e12, 1e12), st.floats(-1e-12, 1e-12))
COUNTS = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))
FLAGS = st.one_of(st.none(), st.booleans())

TYPES = {
    "number": (NUMBERS, "Float64", pl.Float64),
    "integer": (COUNTS, "Int64", pl.Int64),
    "bool": (FLAGS, "boolean", pl.Boolean),
    "category": (WORDS, "string", pl.String),
}


def frame_of(library, kind, cells):
    _, pandas_type, polars_type = TYPES[kind]
    if library == "pandas":
        return pd.DataFrame({"x": pd.array(cells, dtype=pandas_type)})
    return pl.DataFrame({"x": pl.Series(cells, dtype=polars_type)})


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("kind", TYPES)
def test_columns_come_back_as_they_were(library, kind):
    @ROUNDS
    @given(st.lists(TYPES[kind][0], min_size=1, max_size=12))
    def check(cells):
        frame = frame_of(library, kind, cells)
        (raw,) = read_table(frame).columns
        assert raw.kind == kind
        assert raw.name == "column 'x'"
        assert raw.missing.tolist() == [cell is None for cell in cells]
        seen = raw.rows(~raw.missing)
        values = [cell for cell in cells if cell is not None]
        assert seen.values.tolist() == values
        column = column_like(raw, seen.values, library)
        back = build(library, ["x"], [column])
        assert back.equals(frame_of(library, kind, values))

    check()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "uint8", "int64", "bool"])
def test_arrays_come_back_as_they_were(dtype):
    X = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    raws = read_table(X).columns
    columns = [column_like(raw, raw.values, "array") for raw in raws]
    back = build("array", None, columns)
    assert back.dtype == X.dtype
    assert_array_equal(back, X)
    assert raws[1].name == "column 1"


def test_kinds_of_pandas_types():
    frame = pd.DataFrame(
        {
            "float": [1.0, np.nan],
            "nullable": pd.array([1, None], dtype="Int8"),
            "flag": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "word": ["a", None],
            "object": pd.Series([1, "b"], dtype=object),
            "class": pd.Categorical(["b", None], categories=["b", "a"], ordered=True),
            "number class": pd.Categorical([3, 1]),
        }
    )
    raws = read_table(frame).columns
    kinds = ["number", "integer", "bool", "bool", "category", "mixed", "category", "category"]
    assert [raw.kind for raw in raws] == kinds
    assert [raw.missing.tolist()[1] for raw in raws] == [1, 1, 0, 1, 1, 0, 1, 0]
    assert raws[6].categories == ("b", "a")
    assert raws[6].ordered
    assert raws[7].categories == (1, 3)


def test_kinds_of_polars_types():
    frame = pl.DataFrame(
        {
            "float": pl.Series([1.0, None], dtype=pl.Float32),
            "int": pl.Series([1, None], dtype=pl.Int8),
            "flag": [True, None],
            "word": ["a", None],
            "class": pl.Series(["b", None], dtype=pl.Categorical),
            "enum": pl.Series(["b", None], dtype=pl.Enum(["b", "a"])),
        }
    )
    raws = read_table(frame).columns
    kinds = ["number", "integer", "bool", "category", "category", "category"]
    assert [raw.kind for raw in raws] == kinds
    assert all(raw.missing.tolist() == [False, True] for raw in raws)
    assert raws[5].categories == ("b", "a")


def test_nan_counts_as_missing_in_polars_numbers():
    (raw,) = read_table(pl.DataFrame({"x": [1.0, float("nan"), None]})).columns
    assert raw.missing.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1.4, 1.6, -0.2], "int8", [1, 2, 0]),
        ([300.0, -300.0], "int8", [127, -128]),
        ([-4.0, 300.0], "uint8", [0, 255]),
        ([1e30, -1e30], "int64", [2**63 - 1024, -(2**63)]),
        ([1e30, -1.0], "uint64", [2**64 - 2048, 0]),
    ],
)
def test_integers_are_rounded_and_kept_in_range(values, dtype, expected):
    assert fit_integers(np.array(values), dtype).tolist() == expected


def test_container():
    assert container(pd.DataFrame({"a": [1]})) == "pandas"
    assert container(pl.DataFrame({"a": [1]})) == "polars"
    assert container(np.ones((1, 1))) == "array"
    assert container([[1]]) == "array"


@pytest.mark.parametrize("library", ["pandas", "polars", "array"])
def test_new_cells_and_repeated_rows(library):
    data = np.arange(6.0).reshape(3, 2)
    make = {"pandas": pd, "polars": pl}.get(library)
    X = data if make is None else make.DataFrame({"a": data[:, 0], "b": data[:, 1]})
    values = np.array([7.0, 9.0])
    values = values if make is None else make.Series(values)
    out = with_cells(X, {1: (np.array([True, False, True]), values)})
    assert_array_equal(np.asarray(out), [[0, 7], [2, 3], [4, 9]])
    assert_array_equal(np.asarray(X), data)
    assert_array_equal(
        np.asarray(take_rows(X, np.repeat(np.arange(len(data)), 2))), np.repeat(data, 2, axis=0)
    )


@pytest.mark.parametrize("values", [["2020-01-01"], [None]])
@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[ns]"])
def test_dates_are_refused(values, dtype):
    values = [1] if dtype.startswith("time") else values
    frame = pd.DataFrame({"when": pd.Series(values).astype(dtype)})
    with pytest.raises(ValueError, match=r"Column 'when' has the type .*Turn dates"):
        read_table(frame)


def test_complex_numbers_of_a_frame_are_refused():
    with pytest.raises(ValueError, match=r"Column 'z' has the type complex128"):
        read_table(pd.DataFrame({"z": [1j]}))
