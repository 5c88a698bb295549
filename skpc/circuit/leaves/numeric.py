"""Numeric leaves: atoms, which have probabilities of their own, and a Gaussian for all others.

Axes: n columns or incidences, t = 3 + m statistics, B rows, K units, m atoms.
"""

from math import log, pi
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .bernoulli import PROBABILITY_FLOOR
from .form import OF_M_STEP, OF_PASSES, Form, form_of
from .gaussian import FARTHEST, Gaussian


class Numeric(Leaf):
    """Atom i with probability p_i (i = 1 to m), or with p_0 a normal number.

    T = (x, x^2, 1) if x is no atom, else zeros, and then the one-hot of the atom;
    theta = (m / v, -1 / 2v, log p_0 - A(m, v), log p_1, ..., log p_m) with the Gaussian's A;
    log h = -log(2 pi) / 2 for numbers and 0 for atoms. The free parameters are m,
    log(v) / 2 and log p.

    Parameters
    ----------
    n_atoms : int
        m.
    min_variance : float
        Floor of v.
    min_share : float
        Floor of p_0. Where training rows are all atoms it is what a unit leaves to other numbers.
    """

    name: ClassVar[str] = "numeric"
    support: ClassVar[str] = "real"
    has_base: ClassVar[bool] = True
    precise: ClassVar[bool] = True

    def __init__(
        self, n_atoms: int, min_variance: float, min_share: float = PROBABILITY_FLOOR
    ) -> None:
        self.n_atoms = n_atoms
        self.min_share = min_share
        self.gaussian = Gaussian(min_variance)

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that many atoms and that variance floor."""
        return cls(n_categories, min_variance)

    @property
    def n_statistics(self) -> int:
        """Statistics x and x^2, the indicator of a number, and one indicator for each atom."""
        return 3 + self.n_atoms

    @property
    def n_free(self) -> int:
        """One less: probabilities add to one."""
        return 2 + self.n_atoms

    @property
    def form(self) -> Form | None:
        """A number or an atom."""
        gaussian = form_of(self.gaussian, (*OF_PASSES, *OF_M_STEP))
        if gaussian is None:
            return None
        floors = gaussian.min_variance, self.min_share
        return Form("numbers", self.n_atoms + 1, *floors, gaussian.log_base)

    def statistics(self, x: Tensor, atoms: Tensor | None = None) -> Tensor:
        """T of numbers (0 at atoms) and atoms, both (n, 1, B), to (n, t, B); None: no atoms."""
        atoms = torch.zeros_like(x) if atoms is None else atoms
        z = x.clamp(-FARTHEST, FARTHEST)
        codes = torch.arange(self.n_atoms + 1, dtype=atoms.dtype, device=x.device)
        indicators = (atoms == codes[:, None]).to(x.dtype)
        return torch.cat([z, z * z, indicators], dim=1)

    def log_base(self, x: Tensor, atoms: Tensor | None = None) -> Tensor:
        """-log(2 pi) / 2 for numbers, 0 for atoms, (n, 1, B) to (n, B)."""
        if atoms is None:
            return torch.full_like(x[:, 0], -0.5 * log(2 * pi))
        return -0.5 * log(2 * pi) * (atoms[:, 0] == 0).to(x.dtype)

    def log_partition(self, theta: Tensor) -> Tensor:
        """Log of the sum of the unnormalised probabilities, (n, t, K) to (n, K)."""
        return torch.logsumexp(self._logits(theta), dim=1)

    def natural(self, mu: Tensor) -> Tensor:
        """Log probabilities, and the Gaussian's parameters from its share of the rows."""
        gaussian = self.gaussian.natural(mu[:, :2] / mu[:, 2:3])
        return self._join(gaussian, torch.log(mu[:, 2:]))

    def expectation(self, theta: Tensor) -> Tensor:
        """Probabilities, and p_0 times the Gaussian's moments."""
        shares = torch.softmax(self._logits(theta), dim=1)
        gaussian = self.gaussian.expectation(theta[:, :2])
        return torch.cat([gaussian * shares[:, :1], shares], dim=1)

    def project(self, mu: Tensor) -> Tensor:
        """Keep every atom and numbers possible, and the variance at its floor."""
        shares = self._possible(mu[:, 2:])
        # Without numbers, their Gaussian is that of a broad column.
        alive = mu[:, 2:3] > 2 * PROBABILITY_FLOOR
        broad = self.gaussian.reference().to(mu)[:, None]
        means = torch.where(alive, mu[:, :2] / mu[:, 2:3].clamp_min(PROBABILITY_FLOOR), broad)
        return torch.cat([self.gaussian.project(means) * shares[:, :1], shares], dim=1)

    def reference(self) -> Tensor:
        """Half numbers of mean 0 and variance 1, half equally likely atoms; or numbers only."""
        if not self.n_atoms:
            return torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
        atoms = torch.full((self.n_atoms,), 0.5 / self.n_atoms, dtype=torch.float64)
        return torch.cat([torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64), atoms])

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """The Gaussian's starts, with half of the shares moved by exponential weights."""
        shares = 0.99 * mu[:, 2:] + 0.01 / (self.n_atoms + 1)
        moved = shares * -torch.log(noise[:, 2:].clamp_min(PROBABILITY_FLOOR))
        # Where every weight is 0, nothing moves.
        moved = (moved + 1e-9 * shares) / (moved + 1e-9 * shares).sum(dim=1, keepdim=True)
        shares = 0.5 * shares + 0.5 * moved
        means = self.project(mu)
        gaussian = self.gaussian.spread(means[:, :2] / means[:, 2:3], noise[:, :2])
        return self.project(torch.cat([gaussian * shares[:, :1], shares], dim=1))

    def to_free(self, theta: Tensor) -> Tensor:
        """(m, log(v) / 2, logits)."""
        return torch.cat([self.gaussian.to_free(theta[:, :2]), self._logits(theta)], dim=1)

    def from_free(self, free: Tensor) -> Tensor:
        """Natural parameters, bounded as `project` bounds them."""
        shares = self._possible(torch.softmax(free[:, 2:], dim=1))
        return self._join(self.gaussian.from_free(free[:, :2]), torch.log(shares))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The Gaussian's gradient over its rows; sums - count p for the logits."""
        gaussian = self.gaussian.free_gradient(free[:, :2], sums[:, :2], sums[:, 2:3])
        logits = sums[:, 2:] - count * torch.softmax(free[:, 2:], dim=1)
        return torch.cat([gaussian, logits], dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Normal numbers for all cells, (n, t, B) to (n, 1, B); `sample_atoms` draws the atoms."""
        return self.gaussian.sample(theta[:, :2], generator).clamp(-FARTHEST, FARTHEST)

    def sample_atoms(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Atoms, 0 where the cell is a number, (n, t, B) to (n, 1, B)."""
        shares = torch.softmax(self._logits(theta), dim=1).cumsum(dim=1)
        shape = (theta.shape[0], 1, theta.shape[2])
        u = torch.rand(shape, generator=generator, dtype=theta.dtype, device=theta.device)
        return (u >= shares[:, :-1]).sum(dim=1, keepdim=True)

    def mode(self, theta: Tensor) -> Tensor:
        """The Gaussian's mean, which is the mode where `mode_atoms` is 0."""
        return self.gaussian.moments(theta[:, :2])[0]

    def mode_atoms(self, theta: Tensor) -> Tensor:
        """The likeliest atom where p_i exceeds p_0 times the Gaussian's peak density, else 0."""
        _, variance = self.gaussian.moments(theta[:, :2])
        logits = self._logits(theta).clone()
        logits[:, :1] -= 0.5 * torch.log(2 * pi * variance)
        return logits.argmax(dim=1, keepdim=True)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the Gaussian; NaN with atoms, whose values only the column knows."""
        mean, variance = self.gaussian.moments(theta[:, :2])
        unknown = torch.nan if self.n_atoms else 0.0
        return mean + unknown, variance + unknown

    def cdf(self, x: Tensor, theta: Tensor, atoms: Tensor | None = None) -> Tensor:
        """P(X <= x), the shares of the atoms up to x and p_0 times the Gaussian's cdf.

        Parameters
        ----------
        x : Tensor (n, 1, B)
        theta : Tensor (n, t, K)
        atoms : Tensor (n, m), optional
            Where the atoms lie among the numbers. Without it NaN if there are atoms, whose values
            only the column knows.

        Returns
        -------
        Tensor (n, K, B)
        """
        numbers = self.gaussian.cdf(x, theta[:, :2])
        if not self.n_atoms:
            return numbers
        if atoms is None:
            return torch.full_like(numbers, torch.nan)
        shares = torch.softmax(self._logits(theta), dim=1).transpose(1, 2)
        below = (atoms.unsqueeze(2) <= x).to(shares.dtype)
        return shares[:, :, :1] * numbers + torch.bmm(shares[:, :, 1:], below)

    def decompose(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of numbers (n, 1, K), shares of numbers and atoms (n, 1 + m, K)."""
        return *self.gaussian.moments(theta[:, :2]), torch.softmax(self._logits(theta), dim=1)

    def _possible(self, shares: Tensor) -> Tensor:
        """Shares (n, 1 + m, K) that add to one, none below its floor."""
        number = shares[:, :1].clamp_min(self.min_share)
        atoms = shares[:, 1:].clamp_min(PROBABILITY_FLOOR)
        if not self.n_atoms:
            return torch.ones_like(number)
        # The atoms take what is left: dividing all by their sum would lower the floor.
        number = number.clamp_max(1 - self.n_atoms * PROBABILITY_FLOOR)
        return torch.cat([number, atoms * ((1 - number) / atoms.sum(dim=1, keepdim=True))], dim=1)

    def _logits(self, theta: Tensor) -> Tensor:
        """Unnormalised log probabilities of no atom and of each atom, (n, 1 + m, K)."""
        number = theta[:, 2] + self.gaussian.log_partition(theta[:, :2])
        return torch.cat([number.unsqueeze(1), theta[:, 3:]], dim=1)

    def _join(self, gaussian: Tensor, logits: Tensor) -> Tensor:
        """Natural parameters theta from the Gaussian's (n, 2, K) and logits (n, 1 + m, K)."""
        number = logits[:, 0] - self.gaussian.log_partition(gaussian)
        return torch.cat([gaussian, number.unsqueeze(1), logits[:, 1:]], dim=1)
