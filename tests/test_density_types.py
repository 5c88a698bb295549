"""Every type that fit accepts goes through all queries and comes back; the others are refused."""

import copy
import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import tiny
from helpers.types import MODELLED, REFUSED, guide_table
from numpy.testing import assert_allclose, assert_array_equal

GUIDE = Path(__file__).parents[1] / "doc" / "guide.md"
HOLES = (1, 4, 17)


def types_of(table):
    if isinstance(table, pd.DataFrame):
        return table.dtypes.tolist()
    return table.dtypes if isinstance(table, pl.DataFrame) else [table.dtype]


def cells_of(table, column):
    """Cells of a column as Python's objects, None where missing."""
    if isinstance(table, pl.DataFrame):
        return [None if v != v else v for v in table.to_series(column).to_list()]
    cells = table.iloc[:, column] if isinstance(table, pd.DataFrame) else table[:, column]
    return [None if pd.isna(v) else v for v in cells.tolist()]


def rows_of(table, index):
    if isinstance(table, pd.DataFrame):
        return table.iloc[index]
    return table[index]


@pytest.fixture(name="kind", params=MODELLED, ids=str)
def each_type(request):
    return request.param


@cache
def fitted(kind):
    return tiny(max_iter=2).fit(kind.table())


@pytest.fixture(name="model")
def fit_model(kind):
    return fitted(kind)


def test_family(kind, model):
    assert model.leaf_families_[0] == kind.family


def test_draws_look_like_the_table(kind, model):
    draws = model.sample(20, random_state=0)
    assert types_of(draws) == types_of(kind.table())
    cells = cells_of(draws, 0)
    if kind.family != "numeric":
        assert set(cells) <= set(kind.cells)
    assert None not in cells
    assert {type(v) for v in cells} <= {type(v) for v in cells_of(kind.table(), 0)} | {float}


def test_whole_rows_come_back_as_they_are(kind, model):
    table = kind.table()
    for filled in (model.impute(table), model.sample_conditional(table, random_state=0)):
        assert types_of(filled) == types_of(table)
        assert cells_of(filled, 0) == cells_of(table, 0)


@pytest.mark.parametrize("strategy", ["mean", "mode", "draw"])
def test_holes_are_filled_in_their_type(kind, model, strategy):
    if not kind.nullable:
        assert not any(cell is None for cell in cells_of(kind.table(), 0))
        return
    table = kind.table(HOLES)
    if strategy == "draw":
        filled = model.sample_conditional(table, random_state=0)
    else:
        filled = model.impute(table, strategy=strategy)
    assert types_of(filled) == types_of(table)
    before, after = cells_of(table, 0), cells_of(filled, 0)
    assert None not in after
    assert all(a == b for i, (a, b) in enumerate(zip(after, before, strict=True)) if i not in HOLES)
    if kind.family != "numeric":
        assert set(after) <= set(kind.cells)
    assert np.isfinite(model.score_samples(filled)).all()


def test_a_column_that_is_all_missing_is_predicted(kind, model):
    """A column without a type of its own is the question: predict it."""
    whole = kind.table()
    if isinstance(whole, pd.DataFrame):
        asked = [whole.assign(x=nothing) for nothing in (np.nan, None, pd.NA)]
        asked += [whole.assign(x=pd.Categorical([None] * len(whole)))]
    elif isinstance(whole, pl.DataFrame):
        asked = [whole.with_columns(x=pl.lit(None)), whole.with_columns(x=pl.lit(float("nan")))]
        asked += [whole.with_columns(x=pl.Series([None] * len(whole), dtype=pl.Enum([])))]
    else:
        nothing = np.full(whole.shape, np.nan)
        nothing[:, 1] = whole[:, 1]
        asked = [nothing]
    if kind.nullable:
        asked.append(kind.table(range(len(whole))))
    scores = model.predict_marginal(whole, [1])
    for table in asked:
        # float32 has six digits.
        assert_allclose(model.score_samples(table), scores, rtol=1e-5)
        for filled in (model.impute(table), model.sample_conditional(table, random_state=0)):
            cells = cells_of(filled, 0)
            assert None not in cells
            if kind.family == "categorical":
                assert set(cells) <= set(kind.cells)
        mean, _ = model.moments(table)
        assert np.isnan(mean[:, 0]).all() == (kind.family == "categorical")


def test_holes_in_training(kind):
    table = kind.table(HOLES) if kind.nullable else kind.table()
    model = tiny(max_iter=2).fit(table)
    assert None not in cells_of(model.sample(20, random_state=0), 0)
    assert None not in cells_of(model.impute(table), 0)


def test_copies_answer_alike(kind, model):
    table = kind.table(HOLES) if kind.nullable else kind.table()
    draws = model.sample_conditional(table, random_state=0)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(twin.score_samples(table), model.score_samples(table))
        again = twin.sample_conditional(table, random_state=0)
        assert types_of(again) == types_of(draws)
        assert cells_of(again, 0) == cells_of(draws, 0)


def test_the_next_block_of_a_stream(kind):
    table = kind.table()
    stream = tiny().partial_fit(table).partial_fit(table)
    assert np.isfinite(stream.score_samples(table)).all()


def test_one_row_reads_as_in_the_table(kind, model):
    table = kind.table()
    one = model.score_samples(rows_of(table, slice(3, 4)))
    assert_allclose(one, model.score_samples(table)[3:4], rtol=1e-6)


def test_numbers_are_the_same_whatever_holds_them(kind, model):
    if kind.family == "categorical":
        return
    plain = kind.table()
    values = np.array([float(v) for v in cells_of(plain, 0)])
    others = np.array([float(v) for v in cells_of(plain, 1)])
    as_floats = np.column_stack([values, others])
    leaf = model.leaf_families_
    expected = tiny(leaf=leaf, max_iter=2).fit(as_floats).score_samples(as_floats)
    # Booleans keep back no share for other values, as zeros and ones do.
    n = len(values)
    share = np.log1p(-6 / (n * n + n + 4)) * leaf.count("bernoulli")
    assert_allclose(model.score_samples(plain) + share, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", REFUSED, ids=str)
def test_other_types_are_refused_by_name(kind):
    with pytest.raises(ValueError, match=r"Column 'x' has the type .*are accepted"):
        tiny().fit(kind.table())


def test_the_guide_has_the_table_of_types():
    assert guide_table() in GUIDE.read_text(encoding="utf-8")
