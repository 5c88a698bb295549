"""Any table that a user may bring: full-batch EM never falls and every number is finite.

Axes: n rows, D columns.
"""

from itertools import pairwise

import numpy as np
import torch
from helpers.cases import inside, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skpc._fitting import cells_of
from skpc._tables import read_table
from skpc.circuit.training import EM, collect, column_sums, make_prior, random_parameters

CPU = torch.device("cpu")
POSITIVE = ["exponential", "gamma", "lognormal"]


def _numbers(rng, n):
    return rng.normal(rng.normal(scale=3), 1, n)


def _repeated(rng, n):
    return rng.choice(rng.normal(size=3), n)


def _skewed(rng, n):
    return np.exp(rng.normal(scale=rng.choice([1e-9, 0.1, 1.0, 5.0]), size=n))


def _shares(rng, n):
    logits = rng.normal(rng.normal(scale=4), rng.choice([1e-9, 0.1, 1, 8]), size=n)
    return np.clip(1 / (1 + np.exp(-logits)), 1e-300, 1 - 2.0**-53)


def _counts(rng, n):
    return rng.poisson(10.0 ** rng.randint(-2, 6), n).astype(float)


# Kind of column: how it is drawn, the families that may model it, whether any scale will do.
KINDS = {
    "numbers": (_numbers, ["auto", "gaussian"], True),
    "ties": (_repeated, ["auto", "gaussian"], True),
    "outlier": (lambda rng, n: np.append(_numbers(rng, n - 1), 1e9), ["auto"], True),
    "skewed": (_skewed, POSITIVE, True),
    "rounded": (lambda rng, n: np.ceil(3 * _skewed(rng, n)), POSITIVE, True),
    "waits": (lambda rng, n: rng.exponential(size=n) * rng.randint(2, size=n), POSITIVE[:1], True),
    "constant": (lambda rng, n: np.full(n, np.exp(rng.normal())), ["auto", *POSITIVE], True),
    "shares": (_shares, ["beta"], False),
    "counts": (_counts, ["poisson", "binomial"], False),
    "zeros": (lambda rng, n: np.zeros(n), ["auto", "poisson", "binomial", "exponential"], False),
    "digits": (lambda rng, n: rng.randint(2, size=n), ["auto", "bernoulli", "poisson"], False),
    "codes": (lambda rng, n: rng.randint(rng.randint(1, 9), size=n), ["categorical"], False),
}


@st.composite
def tables(draw):
    """Rows (n, D) with a leaf family a column."""
    n = draw(st.integers(2, 40))
    rng = np.random.RandomState(draw(st.integers(0, 2**31 - 1)))
    columns, leaf = [], []
    for kind in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4)):
        make, families, has_scale = KINDS[kind]
        scale = 10.0 ** draw(st.integers(-12, 12)) if has_scale else 1.0
        columns.append(scale * make(rng, n))
        leaf.append(draw(st.sampled_from(families)))
    if draw(st.booleans()):
        columns.append(columns[0])
        leaf.append(leaf[0])
    missing = draw(st.sampled_from([0.0, 0.3, 0.99]))
    X = np.column_stack(columns).astype(float)
    return np.where(rng.uniform(size=X.shape) < missing, np.nan, X), leaf


def objectives(model, X, smoothing, n_steps=6):
    """Penalised log-likelihood before each of some steps of full-batch EM, and the parameters."""
    plan, solver = inside(model).plan, EM()
    circuit = plan.circuit(CPU)
    cells = cells_of(plan.table.encode(read_table(X)))
    weights = torch.ones(len(cells), dtype=torch.float64)
    sums = column_sums(circuit, [(cells, weights)])
    prior = make_prior(circuit, sums, smoothing)
    generator = torch.Generator().manual_seed(0)
    state = solver.begin(circuit, random_parameters(circuit, sums, generator))
    path = []
    for _ in range(n_steps):
        statistics = collect(circuit, state.parameters, cells, weights)
        penalty = prior.log_density(circuit, state.parameters)
        path.append(float(statistics.log_likelihood + penalty))
        mean = statistics.per_row(len(cells))
        state = solver.update(circuit, state, mean, prior, 1.0, len(cells))
        for numbers in (state.parameters.leaves, *state.parameters.sums):
            assert torch.isfinite(numbers).all()
    return path


@settings(
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    table=tables(),
    smoothing=st.sampled_from([0.0, 0.1]),
    layer=st.sampled_from(["cp", "tucker"]),
    solver=st.sampled_from(["em", "em", "adam"]),
)
def test_any_table_is_fitted_without_a_fall_or_a_nan(table, smoothing, layer, solver):
    X, leaf = table
    model = tiny(leaf=leaf, layer=layer, n_replicas=1, n_leaves=3, smoothing=smoothing)
    model.set_params(dtype="float64", max_iter=3, solver=solver).fit(X)
    path = objectives(model, X, smoothing)
    for before, after in pairwise(path):
        # Only rounding may lower it, and the floors of 1e-12 under probabilities.
        assert after >= before - 1e-9 * (len(X) + abs(before))
    assert np.isfinite(model.history_["trees"]["log_likelihood"]).all()
    assert np.isfinite(model.score_samples(X)).all()
    draws = model.sample(5, random_state=0)
    assert np.isfinite(model.score_samples(draws)).all()
    mean, variance = model.moments(X)
    is_number = [family != "categorical" for family in model.leaf_families_]
    assert np.isfinite(mean[:, is_number]).all()
    assert (variance[:, is_number] >= 0).all()
