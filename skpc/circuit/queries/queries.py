"""Questions to a trained circuit: log densities, draws and moments, given any evidence.

Axes: n rows, D columns, B rows of a block, F leaf regions, K units, t statistics.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..passes.groups import LeafGroup
from ..passes.selection import joined
from ..passes.trace import Space
from .piecewise import Pieces


class Asked(Protocol):
    """A circuit with its numbers, as `part.Part`, that knows the posterior of its units."""

    @property
    def circuit(self) -> Circuit:
        """The circuit."""

    @property
    def parameters(self) -> Parameters:
        """Its numbers."""

    @property
    def block_rows(self) -> int:
        """Rows of a block."""

    def posterior(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """As `posterior`, (F, K, B)."""


@torch.inference_mode()
def log_density(circuit: Circuit, parameters: Parameters, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Log density of every row with missing cells integrated out.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    x : Tensor (n, D)
        NaN where missing.
    dtype : torch.dtype
        Of the passes.

    Returns
    -------
    Tensor (n,)
    """
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    space = Space()
    parts = [
        circuit.log_density(typed, block.to(circuit.device), dtype, space)
        for block in x.split(circuit.block_rows)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def sample(circuit: Circuit, parameters: Parameters, n: int, generator: torch.Generator) -> Tensor:
    """Independent draws of whole rows, (n, D).

    One upward pass of an empty row serves all draws; then units are chosen from the root
    down, all rows and nodes of a layer at once.
    """
    nothing = torch.full(
        (1, circuit.inputs.n_columns), torch.nan, dtype=torch.float64, device=circuit.device
    )
    trace = circuit.forward(parameters, circuit.gather(nothing, torch.float64), torch.float64)
    parts = []
    for start in range(0, n, circuit.draw_rows):
        rows = min(circuit.draw_rows, n - start)
        units = circuit.choose(parameters, trace, rows, generator)
        parts.append(draw_leaves(circuit, parameters, units, generator))
    return torch.cat(parts)


def sample_conditional(
    circuit: Circuit, parameters: Parameters, x: Tensor, generator: torch.Generator
) -> Tensor:
    """Exact draws of the missing cells given the others, (n, D) with nothing missing."""
    return _complete(circuit, parameters, x, generator)


def most_probable(circuit: Circuit, parameters: Parameters, x: Tensor) -> Tensor:
    """Missing cells of a most probable state given the others, (n, D) with nothing missing.

    From the root down the likeliest input of every chosen sum is taken, given the observed
    cells, and of the chosen leaves the modes (Peharz et al., "Einsum Networks", section 3.5).
    The most probable state itself is NP-hard to find; this one is it where the observed cells
    leave no doubt about the units.
    """
    return _complete(circuit, parameters, x, None)


def _complete(
    circuit: Circuit, parameters: Parameters, x: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Rows with their missing cells drawn, or chosen without a generator."""
    parts = []
    for block in x.split(min(circuit.block_rows, circuit.draw_rows)):
        rows = block.to(circuit.device)
        slots = circuit.gather(rows, torch.float64)
        trace = circuit.forward(parameters, slots, torch.float64)
        units = circuit.choose(parameters, trace, len(rows), generator)
        drawn = draw_leaves(circuit, parameters, units, generator)
        parts.append(torch.where(torch.isnan(rows), drawn, rows))
    return torch.cat(parts)


def draw_leaves(
    circuit: Circuit, parameters: Parameters, units: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Every column drawn from its leaf regions' chosen units (F, B), or their modes, (B, D)."""
    shape = (units.shape[1], circuit.inputs.n_columns)
    x = torch.full(shape, torch.nan, dtype=torch.float64, device=circuit.device)
    for group in circuit.inputs.groups:
        theta, _ = group.unpack(parameters.leaves)
        unit = units[group.region_of]
        # In a row every column belongs to exactly one chosen leaf region.
        incidence, row = torch.nonzero(unit >= 0, as_tuple=True)
        chosen = theta[incidence, :, unit[incidence, row]].unsqueeze(2)
        family = group.family
        drawn = family.mode(chosen) if generator is None else family.sample(chosen, generator)
        values = drawn.squeeze(1)
        x[row, group.columns[group.column_of[incidence]]] = values
    return x


def moments(
    circuit: Circuit,
    parameters: Parameters,
    x: Tensor,
    pieces: Sequence[Pieces | None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Conditional means and variances of every column given the observed cells.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    x : Tensor (n, D)
        NaN where missing. An observed cell has itself as mean and no variance.
    pieces : sequence of Pieces or None (D,), optional
        Values of columns whose leaves model a map of them; moments are those of the values.

    Returns
    -------
    mean, variance : Tensor (n, D)
        NaN in columns of codes.
    """
    found = [p and p.to(circuit.device) for p in pieces or [None] * circuit.inputs.n_columns]
    of_units = [unit_moments(group, parameters, found) for group in circuit.inputs.groups]
    blocks = x.split(circuit.block_rows)
    parts = [_block_moments(circuit, parameters, rows, of_units) for rows in blocks]
    return torch.cat([m for m, _ in parts]), torch.cat([v for _, v in parts])


def unit_moments(
    group: LeafGroup, parameters: Parameters, pieces: Sequence[Pieces | None]
) -> tuple[Tensor, Tensor]:
    """Mean and mean square of every unit of every incidence of a group, twice (n, K)."""
    theta, _ = group.unpack(parameters.leaves)
    mean, variance = group.family.moments(theta)
    square = variance + mean**2
    for position, column in enumerate(group.columns.tolist()):
        found = pieces[column]
        if found is not None:
            mine = group.column_of == position
            mean[mine], square[mine] = found.moments(group.family, theta[mine])
    return mean, square


def likeliest_codes(
    parts: Sequence[Asked],
    x: Tensor,
    n_codes: Sequence[int],
    shares: Tensor,
) -> Tensor:
    """Most probable code of every cell alone, given the observed cells of its row.

    Parameters
    ----------
    parts : sequence of Asked
        Whose mixture is asked, P of them.
    x : Tensor (n, D)
        NaN where missing.
    n_codes : sequence of int (D,)
        Number of codes of every column, 0 in columns that do not hold codes.
    shares : Tensor (P, n)
        Posterior probability of each of them for every row.

    Returns
    -------
    Tensor (n, D)
        NaN in columns that do not hold codes.
    """
    size = min(part.block_rows for part in parts)
    blocks = zip(x.split(size), shares.split(size, dim=1), strict=True)
    return torch.cat([_block_codes(parts, rows, n_codes, share) for rows, share in blocks])


def _block_codes(
    parts: Sequence[Asked],
    rows: Tensor,
    n_codes: Sequence[int],
    shares: Tensor,
) -> Tensor:
    flows = [part.posterior(rows, share) for part, share in zip(parts, shares, strict=True)]
    codes = torch.full_like(rows, torch.nan, device=parts[0].circuit.device)
    # All circuits have the same columns of codes, so that the groups of these correspond; floors
    # of variance may group numbers in other ways.
    of_parts = [
        [group for group in part.circuit.inputs.groups if n_codes[int(group.columns[0])]]
        for part in parts
    ]
    for groups in zip(*of_parts, strict=True):
        columns = groups[0].columns
        n = n_codes[int(columns[0])]
        total = codes.new_zeros((len(columns), n, len(rows)))
        for group, part, flow in zip(groups, parts, flows, strict=True):
            probabilities = _probabilities(group, part.parameters, n)
            of_incidences = torch.bmm(probabilities, flow[group.region_of])
            total.index_add_(0, group.column_of, of_incidences)
        codes[:, columns] = total.argmax(dim=1).T.to(codes.dtype)
    return codes


def _probabilities(group: LeafGroup, parameters: Parameters, n_codes: int) -> Tensor:
    """Of every code in every unit of every incidence of a group, (n, C, K)."""
    theta, minus_log_partition = group.unpack(parameters.leaves)
    codes = torch.arange(n_codes, dtype=theta.dtype, device=theta.device).unsqueeze(0)
    logs = torch.einsum("ntk,tc->nck", theta, group.family.statistics(codes)[0])
    logs += minus_log_partition
    if group.family.has_base:
        logs += group.family.log_base(codes)[0, :, None]
    return torch.exp(logs)


def posterior(
    circuit: Circuit, parameters: Parameters, rows: Tensor, shares: Tensor | None = None
) -> Tensor:
    """Probabilities of the units of the leaf regions given rows (B, D), (F, K, B).

    They add up to shares (B,) in every column, or to one.
    """
    slots = circuit.gather(rows.to(circuit.device), torch.float64)
    trace = circuit.forward(parameters, slots, torch.float64)
    # With rows of weight one, flows are the posterior probabilities of units.
    root = torch.ones_like(trace.root) if shares is None else shares
    return joined(circuit.flows(parameters, trace, root)[0])


def expected_moments(
    circuit: Circuit, flow: Tensor, of_units: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Mean and mean square of every column under flows (F, K, B), twice (B, D)."""
    shape = (flow.shape[2], circuit.inputs.n_columns)
    mean, square = flow.new_empty(shape), flow.new_empty(shape)
    for group, values in zip(circuit.inputs.groups, of_units, strict=True):
        units = flow[group.region_of]
        for out, value in zip((mean, square), values, strict=True):
            expected = torch.einsum("nkb,nk->nb", units, value)
            columns = expected.new_zeros((len(group.columns), shape[0]))
            out[:, group.columns] = columns.index_add_(0, group.column_of, expected).T
    return mean, square


def with_evidence(rows: Tensor, mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances, those of observed cells their values and zero, (B, D)."""
    seen = ~torch.isnan(rows)
    variance = (square - mean * mean).clamp_min(0.0)
    return torch.where(seen, rows, mean), torch.where(seen, 0.0, variance)


def _block_moments(
    circuit: Circuit,
    parameters: Parameters,
    rows: Tensor,
    of_units: Sequence[tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    rows = rows.to(circuit.device)
    flow = posterior(circuit, parameters, rows)
    return with_evidence(rows, *expected_moments(circuit, flow, of_units))
