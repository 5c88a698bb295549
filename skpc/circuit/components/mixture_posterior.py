"""What a mixture says of rows given their observed cells: one upward pass in each component.

Axes: P components, n rows, B rows of a block, b of their draws, D columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import queries
from ..passes import Cells, Space
from ..queries import Cdf, Pieces, Posterior, UnitMoments
from .component import Component


@dataclass(frozen=True, eq=False)
class MixturePosterior:
    """All components given the observed cells of B rows.

    Attributes
    ----------
    index : Tensor (B,)
        Positions of the rows in the table of the query.
    rows : Cells (B, D)
        On the device of the components.
    posteriors : list of Posterior
        Of the components, P of them.
    log_responsibilities : Tensor (P, B)
        Log posterior probability of every component.
    """

    index: Tensor
    rows: Cells
    posteriors: list[Posterior]
    log_responsibilities: Tensor

    @cached_property
    def responsibilities(self) -> Tensor:
        """Posterior probability of every component, (P, B)."""
        return torch.exp(self.log_responsibilities)

    def complete(self, index: Tensor, generator: torch.Generator | None) -> Cells:
        """Selected rows (b,) with their missing cells filled by one component each, (b, D).

        Rows that repeat have draws of their own. Without a generator the likeliest component fills
        them with a most probable state.
        """
        if len(self.posteriors) == 1:
            return self.posteriors[0].complete(index, generator)
        chosen = self._components_of(index, generator)
        atoms = self.posteriors[0].circuit.inputs.has_atoms
        whole = Cells.empty(len(index), self.rows.n_columns, self.rows.device, atoms)
        for i, posterior in enumerate(self.posteriors):
            mine = torch.nonzero(chosen == i).flatten()
            if len(mine):
                whole.put(mine, posterior.complete(index[mine], generator))
        return whole

    def _components_of(self, index: Tensor, generator: torch.Generator | None) -> Tensor:
        """A component for each of b rows, by their responsibilities; or the likeliest, (b,)."""
        if generator is None:
            return self.responsibilities.argmax(dim=0)[index]
        shares = self.responsibilities[:, index].T
        return torch.multinomial(shares, 1, generator=generator).squeeze(1)

    def moments(self, of_units: Sequence[UnitMoments]) -> tuple[Tensor, Tensor]:
        """Means and variances of all columns, twice (B, D), as `Posterior.moments`."""
        pairs = zip(self.posteriors, of_units, strict=True)
        answers = [posterior.moments(of_component) for posterior, of_component in pairs]
        if len(answers) == 1:
            return answers[0]
        shares = self.responsibilities.unsqueeze(2)
        means, variances = (torch.stack(m) for m in zip(*answers, strict=True))
        mean = (shares * means).sum(dim=0)
        # The sum of the variances within and between components cancels no digits.
        variance = (shares * (variances + (means - mean) ** 2)).sum(dim=0)
        return queries.with_evidence(self.rows, mean, variance)

    @property
    def log_cells(self) -> Tensor:
        """Log density of every cell given the others of its row, (B, D); NaN where not evidence."""
        shares = self.log_responsibilities.unsqueeze(2)
        of_components = torch.stack([posterior.log_cells for posterior in self.posteriors])
        return -torch.logsumexp(shares - of_components, dim=0)

    def log_codes(self, column: int) -> Tensor:
        """Log probability of every code of a column given the other cells of the row, (C, B)."""
        pairs = zip(self.log_responsibilities, self.posteriors, strict=True)
        joint = [share + posterior.log_codes(column) for share, posterior in pairs]
        return torch.log_softmax(torch.logsumexp(torch.stack(joint), dim=0), dim=0)

    def cdf(self, index: Tensor, column: int, pieces: Pieces | None) -> Cdf:
        """The cdf of a column in selected rows (b,) that hide it, given their observed cells."""
        cdfs = [posterior.cdf(index, column, pieces) for posterior in self.posteriors]
        pairs = list(zip(self.responsibilities[:, index], cdfs, strict=True))

        def mixed(u: Tensor) -> Tensor:
            """The components' cdfs by their responsibilities."""
            return torch.stack([share * of_component(u) for share, of_component in pairs]).sum(0)

        return mixed

    def codes(self, n_codes: Sequence[int]) -> Tensor:
        """Most probable code of every cell alone, (B, D), as `queries.likeliest_codes`."""
        return queries.likeliest_codes(self.posteriors, self.responsibilities, n_codes)


def observe(components: Sequence[Component], cells: Cells) -> Iterator[MixturePosterior]:
    """The posteriors of a table's rows (n, D), block by block; each is used before the next."""
    device = components[0].circuit.device
    spaces = [Space() for _ in components]
    for index in _blocks(components, cells):
        rows = cells.rows(index).to(device)
        posteriors = [c.observe(rows, space) for c, space in zip(components, spaces, strict=True)]
        pairs = zip(components, posteriors, strict=True)
        joint = torch.stack([c.log_weight + posterior.log_density for c, posterior in pairs])
        shares = torch.log_softmax(joint, dim=0)
        yield MixturePosterior(index.to(device), rows, posteriors, shares)


def _blocks(components: Sequence[Component], cells: Cells) -> list[Tensor]:
    """Positions of rows in blocks that every component has memory for; no block without rows."""
    if not len(cells):
        return []
    blocks = [torch.arange(len(cells), device=cells.device)]
    # A component that sorts rows sorts those of the whole table, before others divide it.
    for component in sorted(components, key=lambda one: not one.sorts_rows):
        blocks = [block[i] for block in blocks for i in component.blocks(cells.rows(block))]
    return blocks
