"""Cells of rows: what is missing, blocks, and atoms that go with their rows."""

import pytest
import torch

from skpc.circuit.leaves import Gaussian, Numeric
from skpc.circuit.passes import Cells, joined, product_mixture
from skpc.circuit.queries import log_density, observe, sample

CPU = torch.device("cpu")
NAN = torch.nan


@pytest.fixture
def cells():
    values = torch.tensor([[1.0, 0.0], [NAN, 2.0], [3.0, NAN]], dtype=torch.float64)
    return Cells(values, torch.tensor([[0, 2], [0, 0], [0, 0]], dtype=torch.int16))


def same(a, b):
    values = torch.equal(a.values.nan_to_num(-9), b.values.nan_to_num(-9))
    return (
        values
        and (a.atoms is None) == (b.atoms is None)
        and (a.atoms is None or torch.equal(a.atoms, b.atoms))
    )


def test_atoms_are_observed_but_no_numbers(cells):
    assert cells.observed.tolist() == [[True, True], [False, True], [True, False]]
    assert cells.numbers.tolist() == [[True, False], [False, True], [True, False]]


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_blocks_join_into_the_whole(cells, size):
    blocks = list(cells.split(size))
    assert max(len(block) for block in blocks) <= size
    assert same(joined(blocks), cells)
    assert [len(block) for block in cells.rows(slice(0)).split(size)] == [0]


def test_blocks_with_and_without_atoms_join(cells):
    assert same(joined([Cells(cells.values), cells]).rows(slice(3, None)), cells)
    assert joined([Cells(cells.values)] * 2).atoms is None


def test_only_missing_cells_are_filled(cells):
    others = Cells(torch.full((3, 2), 7.0).double(), torch.ones((3, 2), dtype=torch.int16))
    filled = cells.filled(others)
    assert filled.values.tolist() == [[1, 0], [7, 2], [3, 7]]
    assert filled.atoms.tolist() == [[0, 2], [1, 0], [0, 1]]


def test_the_same_device_and_type_cost_no_copy(cells):
    assert cells.to(CPU) is cells
    assert cells.to(CPU, torch.float64) is cells
    assert cells.to(CPU, torch.float32).values.dtype == torch.float32


@pytest.fixture(scope="module")
def model(kit):
    """A mixture over a column with two atoms and one without any."""
    circuit = product_mixture([Numeric(2, 0.01), Gaussian(0.01)], 3, CPU)
    return circuit, kit.numbers(circuit, seed=2)


def test_numbers_and_atoms_of_a_column_add_to_one(model):
    side = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    numbers = Cells(torch.stack([side, torch.full_like(side, NAN)], dim=1))
    atoms = Cells(
        torch.tensor([[0.0, NAN], [0.0, NAN]], dtype=torch.float64),
        torch.tensor([[1, 0], [2, 0]], dtype=torch.int16),
    )
    total = log_density(*model, numbers, torch.float64).exp().sum() * (side[1] - side[0])
    total += log_density(*model, atoms, torch.float64).exp().sum()
    assert total.item() == pytest.approx(1)


def test_draws_have_the_probabilities_of_the_atoms(model):
    n = 20_000
    drawn = sample(*model, n, torch.Generator().manual_seed(0))
    assert (drawn.values[drawn.atoms > 0] == 0).all()
    for atom in (1, 2):
        one = Cells(
            torch.tensor([[0.0, NAN]], dtype=torch.float64),
            torch.tensor([[atom, 0]], dtype=torch.int16),
        )
        expected = log_density(*model, one, torch.float64).exp().item()
        share = (drawn.atoms[:, 0] == atom).double().mean().item()
        assert share == pytest.approx(expected, abs=5 * (expected / n) ** 0.5)


def test_observed_atoms_are_kept(model):
    values = torch.tensor([[0.0, NAN], [NAN, 0.3]], dtype=torch.float64)
    cells = Cells(values, torch.tensor([[2, 0], [0, 0]], dtype=torch.int16))
    for generator in (torch.Generator().manual_seed(0), None):
        completed = observe(*model, cells).complete(torch.arange(2), generator)
        assert completed.atoms[0].tolist() == [2, 0]
        assert completed.values[0, 0] == 0
        assert completed.values[1, 1] == 0.3
        assert completed.observed.all()
