"""Categorical leaves of very many codes: rare ones share one probability.

Axes: n columns or incidences, C codes, t statistics: a group of codes each, B rows, K units.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .categorical import Categorical


class RareCategories(Categorical):
    """p(x = c) = h(c) p_g with g the group of c: T = one-hot of g, h(c) = share of c in its group.

    Each frequent code is a group of its own, with h = 1; all rare ones together are the last group,
    and split its probability in shares that are the same in all units. Rare codes are too few
    to learn from what they mean for other columns, and the cost does not grow with their number.

    Parameters
    ----------
    frequent : sequence of int (t - 1,)
        Codes with a probability of their own.
    rows : sequence of float (C,)
        Weights of all codes in training, of which the shares of rare codes are made.
    """

    has_base = True

    def __init__(self, frequent: Sequence[int], rows: Sequence[float]) -> None:
        super().__init__(len(frequent) + 1)
        weights = torch.tensor(rows, dtype=torch.float64)
        self.groups = torch.full((len(rows),), len(frequent))
        self.groups[list(frequent)] = torch.arange(len(frequent))
        self.rare = torch.nonzero(self.groups == len(frequent)).flatten()
        rare = weights[self.rare]
        # A code that no row shows, of a type that declares it, counts half as much as the rarest.
        least = float(rare[rare > 0].min()) if bool((rare > 0).any()) else 2.0
        rare = rare.clamp_min(0.5 * least)
        self.shares = rare / rare.sum()
        self.log_shares = torch.zeros(len(rows), dtype=torch.float64)
        self.log_shares[self.rare] = torch.log(self.shares)
        # Of each group its likeliest code.
        likeliest = self.rare[self.shares.argmax()]
        self.of_groups = torch.cat(
            [torch.tensor(list(frequent), dtype=torch.long), likeliest[None]]
        )

    @property
    def n_codes(self) -> int:
        """Number of codes C."""
        return len(self.groups)

    def log_codes(self, theta: Tensor) -> Tensor:
        """Log probability of every code plus A, (n, t, K) to (n, C, K)."""
        return theta[:, self.groups.to(theta.device)] + self.log_shares.to(theta)[:, None]

    def statistics(self, x: Tensor) -> Tensor:
        """One-hot of the groups, (n, 1, B) to (n, t, B)."""
        return super().statistics(self.groups.to(x.device)[x.long()].to(x.dtype))

    def log_base(self, x: Tensor) -> Tensor:
        """Log share of each code in its group, (n, 1, B) to (n, B)."""
        return self.log_shares.to(x.device, x.dtype)[x[:, 0].long()]

    def representatives(self, n_codes: int) -> Tensor:
        """The likeliest code of every group, (t,)."""
        return self.of_groups

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """A group, and a code of it, (n, t, B) to (n, 1, B)."""
        group = super().sample(theta, generator).long()
        u = torch.rand(group.shape, generator=generator, dtype=theta.dtype, device=theta.device)
        # The last sum may round below 1; leaving it out keeps positions in range.
        ends = self.shares.cumsum(dim=0)[:-1].to(theta.device, theta.dtype)
        rare = self.rare.to(theta.device)[torch.searchsorted(ends, u, right=True)]
        codes = self.of_groups.to(theta.device)[group]
        return torch.where(group == self.n_categories - 1, rare, codes).to(theta.dtype)

    def mode(self, theta: Tensor) -> Tensor:
        """The likeliest code of the groups' likeliest ones."""
        logs = self.log_shares[self.of_groups].to(theta.device, theta.dtype)[:, None]
        group = (theta + logs).argmax(dim=1, keepdim=True)
        return self.of_groups.to(theta.device)[group].to(theta.dtype)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """Sum of the probabilities of all codes up to x, (n, 1, B) to (n, K, B)."""
        codes = self.of_groups[:-1].to(x.device, x.dtype)
        below = (codes[:, None] <= x).to(theta.dtype)
        sums = torch.cat([self.shares.new_zeros(1), self.shares.cumsum(dim=0)]).to(x.device)
        n_below = torch.searchsorted(self.rare.to(x.device, x.dtype), x.contiguous(), right=True)
        below = torch.cat([below, sums[n_below].to(theta.dtype)], dim=1)
        shares = torch.bmm(torch.softmax(theta, dim=1).transpose(1, 2), below)
        return torch.where(x >= len(self.groups) - 1, 1.0, shares)
