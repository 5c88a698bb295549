"""What every kind of component must do; one from outside adds a line to KINDS.

Axes: n rows, D columns.
"""

import io
import pickle
from dataclasses import replace
from functools import cache
from math import log

import numpy as np
import pytest
import torch
from helpers.own_component import Independent

from skpc.circuit.components import (
    COMPONENTS,
    ComponentKind,
    ComponentTask,
    Gaussians,
    Kernels,
    LatentMixture,
    choose_weights,
    gaussians,
    latent_mixture,
    mixture,
)
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, Numeric
from skpc.circuit.passes import Cells, product_mixture
from skpc.circuit.queries import Pieces
from skpc.circuit.training import Rows, blocks, column_sums

CPU = torch.device("cpu")
LEAVES = [Gaussian(1e-3), Numeric(1, 1e-3), Categorical(3), Bernoulli()]


def floored(floor):
    return [Gaussian(floor), Numeric(1, floor), *LEAVES[2:]]


# Kinds by a name, with the free numbers that they store for LEAVES, counted by hand: 8 for each
# unit (two for a normal, one more for an atom, two for three categories, one for a zero or one),
# and the weights of the units less one.
KINDS = {
    # A unit has a correlation as well.
    "gaussians": (Gaussians(n_units=2), 2 * (8 + 1) + 1),
    "joined gaussians": (Gaussians(), None),
    "latent mixture": (LatentMixture(n_points=8, max_iter=30), 8 * 8 + 7),
    "two networks": (LatentMixture(2, 8, 30), 16 * 8 + 15),
    "kernels": (Kernels(n_units=8), 8 * 8 + 7),
    "all rows": (Kernels(), 380 * 8 + 379),
    "independent": (Independent(), 8),
}

# Without passes of which a record could tell.
CLOSED_FORM = ("kernels", "all rows", "independent")


@pytest.fixture(params=KINDS)
def kind(request) -> ComponentKind:
    return KINDS[request.param][0]


def rows(n, seed, missing=0.1):
    """Two numbers that move together, one with atoms; related codes; missing cells."""
    random = np.random.RandomState(seed)
    first = random.normal(size=n)
    number, code = first + 0.1 * random.normal(size=n), (first > 0) + (first > 1)
    atoms = np.zeros((n, 4), dtype=np.int16)
    atoms[:, 1] = random.uniform(size=n) < 0.2
    x = np.column_stack([first, np.where(atoms[:, 1], 0.0, number), code, first < 0.5])
    hidden = random.uniform(size=x.shape) < missing
    x[hidden], atoms[hidden] = np.nan, 0
    weights = torch.ones(n, dtype=torch.float64)
    return Rows(Cells(torch.from_numpy(x), torch.from_numpy(atoms)), weights, 0.5)


def task(scores=(), seed=0, report=lambda line: None):
    return ComponentTask(
        LEAVES, 1e-3, floored, rows(300, 0), rows(80, 1), scores, torch.float64,
        np.random.RandomState(seed), report,
    )  # fmt: skip


@cache
def fit(kind):
    """The component of a kind on the table, fitted once."""
    return kind.fit(task())


@pytest.fixture
def held_rows_stay_unlearned(monkeypatch):
    monkeypatch.setattr(gaussians, "LAST_STEPS", 0)
    monkeypatch.setattr(latent_mixture, "LAST_PASSES", 0.0)
    monkeypatch.setattr(Rows, "joined", lambda rows, held: rows)


def built(kind, fitted, log_weight=0.0):
    return kind.from_arrays(fitted.arrays, LEAVES, log_weight, CPU)


def test_it_has_the_members_of_a_kind(kind):
    assert isinstance(kind, ComponentKind)
    assert kind == pickle.loads(pickle.dumps(kind)) == replace(kind)
    assert hash(kind) == hash(replace(kind))


@pytest.mark.usefixtures("held_rows_stay_unlearned")
def test_what_the_arrays_build_says_what_was_scored(kind):
    fitted = kind.fit(task())
    scores = built(kind, fitted).log_density(task().held.cells, torch.float64)
    torch.testing.assert_close(scores, fitted.scores)


def test_held_out_rows_are_scored_before_they_are_learned(kind):
    fitted = fit(kind)
    assert fitted.name == kind.name
    assert fitted.scores.dtype == torch.float64
    scores = built(kind, fitted).log_density(task().held.cells, torch.float64)
    assert scores.mean() >= fitted.scores.mean() - 1e-9


def test_files_hold_its_arrays(kind):
    fitted, file = fit(kind), io.BytesIO()
    np.savez(file, **fitted.arrays)
    file.seek(0)
    with np.load(file) as stored:
        again = replace(fitted, arrays=dict(stored))
    cells = task().held.cells
    first, second = (built(kind, f).log_density(cells, torch.float64) for f in (fitted, again))
    assert torch.equal(first, second)


@pytest.mark.parametrize("case", [name for name, (_, n) in KINDS.items() if n])
def test_stored_free_numbers_are_counted(case):
    kind, n = KINDS[case]
    assert fit(kind).n_parameters == n


def test_its_stream_decides_the_fit_and_nothing_else_is_drawn_from(kind):
    state = torch.get_rng_state()
    first, again = (kind.fit(task(seed=3)) for _ in range(2))
    assert torch.equal(first.scores, again.scores)
    assert first.arrays.keys() == again.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])
    assert torch.equal(torch.get_rng_state(), state)


def test_there_is_none_where_others_say_all(kind):
    certain = torch.full((80,), 50.0, dtype=torch.float64)
    assert kind.fit(task([certain, certain])) is None


def test_progress_is_told_and_recorded(kind):
    lines = []
    fitted = kind.fit(task(report=lines.append))
    assert all(isinstance(line, str) for line in lines)
    assert lines
    for record in fitted.history.values():
        assert record.shape == fitted.history["log_likelihood"].shape
        assert np.isfinite(record).all()


@pytest.mark.parametrize("case", [name for name in KINDS if name not in CLOSED_FORM])
def test_the_record_is_in_the_units_of_the_table(case):
    kind = KINDS[case][0]
    fitted = fit(kind)
    scores = built(kind, fitted).log_density(task().rows.cells, torch.float64)
    assert fitted.history["log_likelihood"][-1] == pytest.approx(float(scores.mean()) + 0.5, abs=1)
    assert (np.diff(fitted.history["seconds"]) >= 0).all()


def test_it_answers_queries_next_to_another(kind):
    cells, generator = task().held.cells, torch.Generator().manual_seed(0)
    other = Independent(5.0)
    pair = [built(one, fit(one), log(0.5)) for one in (kind, other)]
    alone = [c.log_density(cells, torch.float64) for c in pair]
    together = mixture.log_density(pair, cells, torch.float64)
    torch.testing.assert_close(together, torch.logsumexp(torch.stack(alone), dim=0) - log(2))
    assert len(mixture.sample(pair, 50, generator)) == 50
    for whole in (
        mixture.sample_conditional(pair, cells, generator),
        mixture.most_probable(pair[:1], cells),
    ):
        assert torch.isfinite(whole.values).all()
        known = ~cells.values.isnan()
        assert torch.equal(whole.values[known], cells.values[known])
    as_it_is = Pieces(*(torch.tensor(v).double() for v in ([], [0.0], [1.0], [0.0])))
    pieces = [None, as_it_is, None, None]
    *moments, codes = mixture.expectations(pair, cells, pieces, [0, 0, 3, 2])
    # Codes of categories have no mean.
    mean, variance = (m[:, [0, 1, 3]] for m in moments)
    assert torch.isfinite(mean).all()
    assert (variance >= 0).all()
    assert set(codes[:, 2:].unique().tolist()) <= {0.0, 1.0, 2.0}


def test_densities_of_codes_add_to_one(kind):
    component = built(kind, fit(kind))
    states = torch.tensor([[a, b] for a in range(3) for b in range(2)], dtype=torch.float64)
    values = torch.full((6, 4), torch.nan, dtype=torch.float64)
    values[:, 2:] = states
    scores = component.log_density(
        Cells(values, torch.zeros((6, 4), dtype=torch.int16)), torch.float64
    )
    assert torch.exp(scores).sum().item() == pytest.approx(1)


def test_kinds_with_their_defaults_stand_in_the_table_by_their_names():
    assert list(COMPONENTS) == ["gaussians", "latent_mixture", "kernels"]
    assert list(COMPONENTS.values()) == [Gaussians(), LatentMixture(), Kernels()]


@pytest.mark.parametrize(
    ("leaves", "n_rows", "pays"),
    [
        (LEAVES, 99, False),
        (LEAVES, 100, True),
        (LEAVES[1:], 1000, False),
        ([Gaussian(1e-3)] * 200, 1000, True),
        ([Gaussian(1e-3)] * 201, 1000, False),
    ],
)
def test_gaussians_pay_for_enough_rows_of_several_numbers(leaves, n_rows, pays):
    assert Gaussians().pays(leaves, n_rows) is pays


@pytest.mark.parametrize(
    ("leaves", "n_rows", "pays"),
    [
        (LEAVES, 1000, False),
        (LEAVES, 1001, True),
        ([Bernoulli()] * 3000, 2000, True),
        ([Bernoulli()] * 3001, 2000, False),
    ],
)
def test_latent_mixtures_pay_for_enough_rows_of_few_statistics(leaves, n_rows, pays):
    assert LatentMixture().pays(leaves, n_rows) is pays


def test_kernels_compete_only_where_they_are_named():
    assert not Kernels().pays(LEAVES, 10_000)


def test_a_small_network_says_whether_a_large_one_is_trained(monkeypatch):
    monkeypatch.setattr(latent_mixture, "TRIED_STEPS", 6)
    monkeypatch.setattr(latent_mixture, "LEAST_STEPS", 30)
    begun = []
    start = latent_mixture.start
    monkeypatch.setattr(
        latent_mixture,
        "start",
        lambda circuit, *rest: begun.append(circuit.inputs.n_units) or start(circuit, *rest),
    )
    kind, lines = LatentMixture(n_points=600), []
    assert kind.fit(task([torch.full((80,), -50.0, dtype=torch.float64)])) is not None
    assert begun == [600]
    begun.clear()
    monkeypatch.setattr(latent_mixture, "SHORT", 30)
    certain = torch.full((80,), 50.0, dtype=torch.float64)
    assert kind.fit(task([certain], report=lines.append)) is None
    assert begun == [512]
    assert "too little" in lines[-1]
    poor = torch.full((80,), -50.0, dtype=torch.float64)
    assert kind.fit(task([poor])) is not None
    assert begun == [512, 512, 600]
    assert kind.fit(task()) is not None
    assert begun == [512, 512, 600, 600]


def test_more_gaussians_are_tried_only_while_they_add_something(monkeypatch):
    monkeypatch.setattr(gaussians, "SIZES", (2, 3, 4))
    tried = []
    start = gaussians.start
    monkeypatch.setattr(gaussians, "start", lambda table, n: tried.append(n) or start(table, n))
    certain = torch.full((80,), 50.0, dtype=torch.float64)
    assert Gaussians().fit(task([certain])) is None
    assert tried == [2, 3]
    monkeypatch.setattr(gaussians, "LEAST_GAIN", -1.0)
    assert Gaussians().fit(task()) is not None
    assert tried == [2, 3, 2, 3, 4]


@pytest.mark.parametrize(
    ("n_rows", "sizes"), [(5, (3,)), (119, (3,)), (120, (3, 12)), (1280, (3, 12, 48, 128))]
)
def test_units_of_gaussians_grow_with_the_rows(n_rows, sizes):
    assert Gaussians().sizes(n_rows) == sizes
    assert Gaussians(n_units=7).sizes(n_rows) == (7,)


def test_gaussians_are_none_where_one_column_holds_numbers():
    whole = task()
    of_codes = (
        Rows(Cells(r.cells.values[:, 1:], r.cells.atoms[:, 1:]), r.weights)
        for r in (whole.rows, whole.held)
    )
    learned, held = of_codes
    one = replace(
        whole, leaves=LEAVES[1:], floored=lambda floor: floored(floor)[1:], rows=learned, held=held
    )
    assert Gaussians().fit(one) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_covariances_are_widened_by_the_rows_that_other_columns_take(share):
    whole = task()
    table = gaussians.describe(LEAVES, torch.tensor([0, 1]), *_sums_of(whole.rows))
    state = gaussians.train(gaussians.start(table, 2), whole.rows, 3, 3, torch.Generator())
    wide = gaussians.widened(state.component, state.running, state.prior, share)
    rows = state.running.counts + state.prior.spread_rows
    before, after = (one.scales[1][:, 0] ** 2 for one in (state.component, wide))
    torch.testing.assert_close(after, before * (rows / (rows - share))[:, None])
    torch.testing.assert_close(wide.matrices, state.component.matrices)
    torch.testing.assert_close(wide.scales[0], state.component.scales[0])


def _sums_of(rows):
    circuit = product_mixture(LEAVES, 1, CPU)
    return column_sums(circuit, blocks(circuit, rows)), rows, torch.Generator().manual_seed(0)


def test_gaussians_describe_numbers_that_move_together():
    fitted, apart = map(fit, (Gaussians(n_units=2), Independent()))
    assert fitted.scores.mean() > apart.scores.mean() + 1


def test_one_network_is_scored_as_it_is_and_two_by_their_shares():
    others = [fit(Independent()).scores]
    one, two = (LatentMixture(n, 8, 30).fit(task(others)) for n in (1, 2))
    seen = latent_mixture.fit_networks(
        LatentMixture(2, 8, 30), task(others), latent_mixture.Recorder(), lambda *line: None
    )
    _, scores, weights = seen
    assert torch.equal(one.scores, scores[0])
    shares = (weights[1:] / weights[1:].sum())[:, None]
    torch.testing.assert_close(two.scores, torch.logsumexp(torch.stack(scores) + shares.log(), 0))
    # One weight for the component is that of its networks together.
    grouped = choose_weights(torch.stack([others[0], two.scores]), task().held.counts)
    assert float(grouped[1]) == pytest.approx(float(weights[1:].sum()), abs=0.02)
