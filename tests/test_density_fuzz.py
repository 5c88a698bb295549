"""Tables of all kinds and types, drawn at random: what must hold for each of them.

`pytest tests/test_density_fuzz.py --fuzz 20000` draws that many; the repr of a failing recipe
makes its table again.
"""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.fuzz_tables import cells, missing, recipes, same, types, without
from helpers.kept import from_file
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skpc import EinetDensityEstimator

# What users are warned of: columns of ids, and values of another kind or none of training's.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Nearly all values are different:UserWarning"),
    pytest.mark.filterwarnings("ignore:No value of column:UserWarning"),
    pytest.mark.filterwarnings("ignore:Column .* holds:UserWarning"),
]

# Tables that CI draws, the same ones every time.
IN_CI = 1200
# Tables by library: as many types as a library has, as many tables it gets.
SHARES = {"array": 0.25, "pandas": 0.5, "polars": 0.25}


def quick(recipe, **options):
    """Trees alone and two passes."""
    return EinetDensityEstimator(
        components="trees", max_iter=2, n_sums=2, n_replicas=2, random_state=0,
        **{**recipe.options(), **options},
    )  # fmt: skip


def default(recipe):
    """What a user gets."""
    return EinetDensityEstimator(random_state=0, **recipe.options())


def assert_sound(recipe, model):
    X, weights = recipe.table(), recipe.sample_weight()
    before = copy.deepcopy(X), copy.deepcopy(weights)
    refusal = refusal_of(model, X, weights)
    assert recipe.accepted() in (None, refusal is None), refusal
    if refusal is not None:
        assert_names_column(recipe, X, refusal)
        return
    scores = model.score_samples(X)
    assert scores.shape == (recipe.n,)
    assert np.isfinite(scores).all()
    nothing = without(X, np.ones(len(recipe.columns), dtype=bool))
    assert_allclose(model.score_samples(nothing), 0, atol=1e-6)
    assert_marginals(recipe, model, X, scores)
    known = fillable(recipe, X)
    assert_draws(model, X, known)
    assert_filled(nothing, model.impute(nothing), known)
    for Y in (X, *recipe.others()):
        assert np.isfinite(model.score_samples(Y)).all()
        assert_filled(Y, model.impute(Y), known)
        assert_filled(Y, model.impute(Y, "mode"), known)
        drawn = model.sample_conditional(Y, random_state=0)
        assert_filled(Y, drawn, known)
        assert np.isfinite(model.score_samples(drawn)).all()
    for other in copies(recipe, model):
        assert_array_equal(other.score_samples(X), scores)
    assert same(X, before[0])
    assert_array_equal(weights, before[1])
    again = clone(model).fit(X, sample_weight=weights)
    assert_array_equal(again.score_samples(X), scores)


def assert_sound_with_holes(recipe, model):
    """The same of a density that models holes."""
    X, weights = recipe.table(), recipe.sample_weight()
    if refusal_of(model, X, weights) is not None:
        return
    counted = slice(None) if weights is None else weights > 0
    modelled = missing(X)[counted].any(axis=0)
    scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    d = len(recipe.columns)
    keep = np.random.RandomState(recipe.seed + 2).uniform(size=d) < 0.5
    error = 1e-9 if scores.dtype == np.float64 else 1e-4
    # A hole has a conditional probability where holes are modelled.
    whole = ~missing(X)[:, ~keep & ~modelled].any(axis=1)
    if not keep.all() and whole.any():
        asked = X.filter(whole) if type(X).__module__.startswith("polars") else X[whole]
        chain = model.predict_conditional(asked, ~keep) + model.predict_marginal(asked, keep)
        assert_allclose(chain, scores[whole], rtol=error, atol=error)
    cells_scored = ~np.isnan(model.score_columns(X))
    assert_array_equal(cells_scored, modelled | ~missing(X))
    draws, known = model.sample(9, random_state=0), fillable(recipe, X)
    assert type(draws) is type(X)
    if not (isinstance(X, np.ndarray) and X.dtype.kind == "U"):
        assert types(draws) == types(X)
    assert not missing(draws)[:, known & ~modelled].any()
    for Y in (X, draws, *recipe.others()):
        assert np.isfinite(model.score_samples(Y)).all()
        assert_filled(Y, model.impute(Y), known)
        assert_filled(Y, model.sample_conditional(Y, random_state=0), known)
    for other in copies(recipe, model):
        assert_array_equal(other.score_samples(X), scores)


def copies(recipe, model):
    """The model from a pickle or, of every fourth table, from a file, which takes longer."""
    return [from_file(model) if recipe.seed % 4 == 0 else pickle.loads(pickle.dumps(model))]


def refusal_of(model, X, weights):
    """The error of a fit that refuses its table, else None; other errors are raised."""
    try:
        model.fit(X, sample_weight=weights)
    except (ValueError, TypeError) as error:
        return error
    return None


def assert_names_column(recipe, X, error):
    if recipe.names == "duplicates" and len(recipe.columns) > 1:
        assert "'c'" in str(error), error
        return
    names = range(X.shape[1]) if isinstance(X, np.ndarray) else X.columns
    named = [j for j, name in enumerate(names) if f"olumn {name!r}" in str(error)]
    assert named, error
    may = recipe.refused(also_others=True)
    assert named[0] in may, error


def assert_marginals(recipe, model, X, scores):
    """A marginal is the density of a table with NaN elsewhere; the chain rule holds."""
    d = len(recipe.columns)
    keep = np.random.RandomState(recipe.seed + 2).uniform(size=d) < 0.5
    if not keep.any():
        keep[0] = True
    marginal = model.predict_marginal(X, keep)
    error = 1e-9 if scores.dtype == np.float64 else 1e-4
    assert np.isfinite(marginal).all()
    assert_allclose(marginal, model.score_samples(without(X, ~keep)), rtol=error, atol=error)
    # Missing cells have no conditional density.
    whole = ~missing(X)[:, ~keep].any(axis=1)
    if not keep.all() and whole.any():
        asked = X.filter(whole) if type(X).__module__.startswith("polars") else X[whole]
        conditional = model.predict_conditional(asked, ~keep)
        assert_allclose(marginal[whole] + conditional, scores[whole], rtol=error, atol=error)


def assert_draws(model, X, known):
    """Draws have the names and types of the table, are finite, and the model knows them."""
    draws = model.sample(9, random_state=0)
    assert type(draws) is type(X)
    assert draws.shape == (9, X.shape[1])
    if not isinstance(X, np.ndarray):
        assert list(draws.columns) == list(X.columns)
    # Draws of an array of texts are objects: NumPy would cut longer texts.
    if not (isinstance(X, np.ndarray) and X.dtype.kind == "U"):
        assert types(draws) == types(X)
    assert not missing(draws)[:, known].any()
    assert np.isfinite(model.score_samples(draws)).all()


def assert_filled(X, filled, known):
    """No cell is missing, and those that were not are as they were."""
    hole = missing(X)
    assert type(filled) is type(X)
    assert filled.shape == X.shape
    assert not missing(filled)[:, known].any()
    for j in range(X.shape[1]):
        assert cells(filled, j, ~hole[:, j]) == cells(X, j, ~hole[:, j])


def fillable(recipe, X):
    """Columns (D,) of which training showed or declared a value."""
    weights = recipe.sample_weight()
    seen = ~missing(X)[slice(None) if weights is None else weights > 0]
    if isinstance(X, np.ndarray):
        return seen.any(axis=0) | (X.dtype.kind not in "OU" and not recipe.declared)
    return seen.any(axis=0) | np.array(
        [
            len(t.categories) > 0
            if isinstance(t, pd.CategoricalDtype | pl.Enum)
            else not recipe.declared and is_numeric(t)
            for t in types(X)
        ]
    )


def is_numeric(dtype):
    if isinstance(dtype, pl.DataType):
        return dtype.is_numeric() or dtype == pl.Boolean
    return getattr(dtype, "kind", "O") in "biuf"


def fuzz(request, share, library, estimator, most_rows, n, check_one=assert_sound):
    """Draw tables of a library: a share of `--fuzz`, else of n."""
    option = request.config.getoption("--fuzz")

    @settings(
        max_examples=max(1, round(share * (option or n))),
        derandomize=not option,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(recipes(library, most_rows))
    def check(recipe):
        check_one(recipe, estimator(recipe))

    check()


@pytest.mark.parametrize(("library", "share"), SHARES.items())
def test_trees_of_any_table(request, library, share):
    fuzz(request, share, library, quick, 40, IN_CI)


@pytest.mark.parametrize(("library", "share"), SHARES.items())
def test_trees_of_any_table_and_its_holes(request, library, share):
    def estimator(recipe):
        return quick(recipe, missing="model")

    fuzz(request, share / 10, library, estimator, 40, IN_CI, assert_sound_with_holes)


@pytest.mark.parametrize(("library", "share"), SHARES.items())
def test_defaults_of_any_table(request, library, share):
    # Of `--fuzz` tables one in twenty is fitted by default, as of those in CI.
    fuzz(request, share / 20, library, default, 300, IN_CI)
