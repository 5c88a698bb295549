"""Numeric leaves: a few values that stand out, and a Gaussian for all others.

Axes: n columns or incidences, t = 3 + m statistics, B rows, K units, m atoms.
"""

from math import log, pi
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .bernoulli import PROBABILITY_FLOOR
from .gaussian import FARTHEST, Gaussian

# Atom i is written as the number (i + 1) * ATOM: exact in float32, and no other number goes
# that far, since those stop at FARTHEST.
ATOM = 2.0**44


class Numeric(Leaf):
    """Atom i with probability p_i, or with p_0 a normal number.

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
    """

    name: ClassVar[str] = "numeric"
    support: ClassVar[str] = "real"
    has_base: ClassVar[bool] = True
    precise: ClassVar[bool] = True

    def __init__(self, n_atoms: int, min_variance: float) -> None:
        self.n_atoms = n_atoms
        self.gaussian = Gaussian(min_variance)

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that many atoms and that variance floor."""
        return cls(n_categories, min_variance)

    @property
    def n_statistics(self) -> int:
        """x, x^2, no atom, and one an atom."""
        return 3 + self.n_atoms

    @property
    def n_free(self) -> int:
        """One less: probabilities add to one."""
        return 2 + self.n_atoms

    def statistics(self, x: Tensor) -> Tensor:
        """(n, B) to (n, t, B)."""
        atom = torch.round(x / ATOM)
        number = (atom < 1).to(x.dtype)
        z = x.clamp(-FARTHEST, FARTHEST) * number
        codes = torch.arange(1, self.n_atoms + 1, dtype=x.dtype, device=x.device)
        atoms = (atom.unsqueeze(1) == codes[:, None]).to(x.dtype)
        return torch.cat([torch.stack([z, z * z, number], dim=1), atoms], dim=1)

    def log_base(self, x: Tensor) -> Tensor:
        """-log(2 pi) / 2 for numbers, 0 for atoms."""
        return -0.5 * log(2 * pi) * (x < 0.5 * ATOM).to(x.dtype)

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
        shares = mu[:, 2:].clamp_min(PROBABILITY_FLOOR)
        shares = shares / shares.sum(dim=1, keepdim=True)
        # Without numbers, their Gaussian is that of a broad column.
        alive = mu[:, 2:3] > 2 * PROBABILITY_FLOOR
        broad = self.gaussian.reference().to(mu)[:, None]
        means = torch.where(alive, mu[:, :2] / mu[:, 2:3].clamp_min(PROBABILITY_FLOOR), broad)
        return torch.cat([self.gaussian.project(means) * shares[:, :1], shares], dim=1)

    def reference(self) -> Tensor:
        """Half numbers of mean 0 and variance 1, half atoms alike; or numbers only."""
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
        shares = torch.softmax(free[:, 2:], dim=1).clamp_min(PROBABILITY_FLOOR)
        shares = shares / shares.sum(dim=1, keepdim=True)
        return self._join(self.gaussian.from_free(free[:, :2]), torch.log(shares))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The Gaussian's gradient over its rows; sums - count p for the logits."""
        gaussian = self.gaussian.free_gradient(free[:, :2], sums[:, :2], sums[:, 2:3])
        logits = sums[:, 2:] - count * torch.softmax(free[:, 2:], dim=1)
        return torch.cat([gaussian, logits], dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """A code of an atom or a normal number, (n, t, B) to (n, B)."""
        numbers = self.gaussian.sample(theta[:, :2], generator)
        shares = torch.softmax(self._logits(theta), dim=1).cumsum(dim=1)
        u = torch.rand(numbers.shape, generator=generator, dtype=theta.dtype, device=theta.device)
        atom = (u.unsqueeze(1) >= shares[:, :-1]).sum(dim=1)
        return torch.where(atom > 0, atom * ATOM, numbers.clamp(-FARTHEST, FARTHEST))

    def mode(self, theta: Tensor) -> Tensor:
        """The highest point with respect to h: an atom, or the Gaussian's mean."""
        mean, variance = self.gaussian.moments(theta[:, :2])
        logits = self._logits(theta).clone()
        logits[:, 0] -= 0.5 * torch.log(2 * pi * variance)
        atom = logits.argmax(dim=1)
        return torch.where(atom > 0, atom * ATOM, mean)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Without atoms the Gaussian's; atoms have values that the column alone knows: NaN."""
        mean, variance = self.gaussian.moments(theta[:, :2])
        unknown = torch.nan if self.n_atoms else 0.0
        return mean + unknown, variance + unknown

    def parts(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of numbers (n, K), and shares of numbers and atoms (n, 1 + m, K)."""
        return *self.gaussian.moments(theta[:, :2]), torch.softmax(self._logits(theta), dim=1)

    def _logits(self, theta: Tensor) -> Tensor:
        """Unnormalised log probabilities of no atom and of each atom, (n, 1 + m, K)."""
        number = theta[:, 2] + self.gaussian.log_partition(theta[:, :2])
        return torch.cat([number.unsqueeze(1), theta[:, 3:]], dim=1)

    def _join(self, gaussian: Tensor, logits: Tensor) -> Tensor:
        """Theta from the Gaussian's (n, 2, K) and the logits (n, 1 + m, K)."""
        number = logits[:, 0] - self.gaussian.log_partition(gaussian)
        return torch.cat([gaussian, number.unsqueeze(1), logits[:, 1:]], dim=1)
