"""Categorical leaves whose cells may be known in part.

Axes: n columns or incidences, t statistics of the family of known codes, s slots for evidence, C
codes, B rows, K units.
"""

from typing import ClassVar

import torch
from torch import Tensor

from .categorical import Categorical
from .form import Form


class PartlyKnown(Categorical):
    """Codes, and after them slots: what is known of a cell may leave several codes possible.

    The value C + i stands for the evidence i, whose density in a unit is the sum over codes c of
    L_ic p_c. To the passes it is one more value, with one more statistic and the natural parameter
    log(sum over c of L_ic p_c); the probabilities of the codes, whose log partition is A, are as
    they were.

    Parameters
    ----------
    family : Categorical
        Of the codes.
    n_slots : int
        s.
    """

    def __init__(self, family: Categorical, n_slots: int) -> None:
        super().__init__(family.n_statistics + n_slots)
        self.family, self.n_slots = family, n_slots

    @property
    def n_codes(self) -> int:
        """Number of codes C, without evidence."""
        return self.family.n_codes

    @property
    def form(self) -> Form | None:
        """A code."""
        return Form("codes", self.n_categories)

    def statistics(self, x: Tensor) -> Tensor:
        """One-hot, (n, 1, B) to (n, t + s, B)."""
        known = x < self.n_codes
        slots = torch.arange(self.n_slots, dtype=x.dtype, device=x.device) + self.n_codes
        of_codes = self.family.statistics(torch.where(known, x, self.fill)) * known
        return torch.cat([of_codes, (x == slots[:, None]).to(x.dtype)], dim=1)

    def log_partition(self, theta: Tensor) -> Tensor:
        """That of the codes, (n, t + s, K) to (n, K)."""
        return self.family.log_partition(self._of_codes(theta))

    def log_codes(self, theta: Tensor) -> Tensor:
        """Log probability of every code plus A, (n, t + s, K) to (n, C, K)."""
        return self.family.log_codes(self._of_codes(theta))

    def widened(self, theta: Tensor, likelihoods: Tensor) -> Tensor:
        """Natural parameters with those of evidence, (n, t + s, K); slots of theta are not read.

        Parameters
        ----------
        theta : Tensor (n, t + s, K)
        likelihoods : Tensor (n, s, C)
            L; a slot of zeros is not used.
        """
        logs = self.log_codes(theta)
        most = logs.amax(dim=1, keepdim=True)
        # Integrate out: the codes that are possible are summed.
        sums = torch.bmm(likelihoods.to(logs), torch.exp(logs - most))
        unused = sums == 0
        of_slots = torch.where(unused, 0.0, torch.log(sums.where(~unused, 1.0)) + most)
        return torch.cat([self._of_codes(theta), of_slots], dim=1)

    def narrowed(self, sums: Tensor, theta: Tensor, likelihoods: Tensor) -> Tensor:
        """Expected statistics, with those of evidence shared out among the codes, (n, t + s, K).

        The E-step: a code has the share L_ic p_c of the flow of evidence i. Slots are zero then.

        Parameters
        ----------
        sums, theta : Tensor (n, t + s, K)
        likelihoods : Tensor (n, s, C)
        """
        logs = self.log_codes(theta)
        shares = torch.exp(logs - logs.amax(dim=1, keepdim=True)).to(sums.dtype)
        likelihoods = likelihoods.to(sums)
        of_slots = torch.bmm(likelihoods, shares)
        flows = sums[:, -self.n_slots :] / of_slots.where(of_slots > 0, 1.0)
        counts = shares * torch.bmm(likelihoods.transpose(1, 2), flows)
        codes = torch.arange(self.n_codes, dtype=sums.dtype, device=sums.device)[None, None]
        counted = torch.einsum("tc,nck->ntk", self.family.statistics(codes)[0], counts)
        slots = torch.zeros_like(sums[:, -self.n_slots :])
        return torch.cat([self._of_codes(sums) + counted, slots], dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """A code, (n, t + s, B) to (n, 1, B)."""
        return self.family.sample(self._of_codes(theta), generator)

    def mode(self, theta: Tensor) -> Tensor:
        """A most probable code."""
        return self.family.mode(self._of_codes(theta))

    def given(
        self, theta: Tensor, likelihoods: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """A code given evidence, drawn or most probable without a generator.

        Parameters
        ----------
        theta : Tensor (n, t + s, 1)
        likelihoods : Tensor (n, C)
            Of the evidence that each has.

        Returns
        -------
        Tensor (n, 1, 1)
        """
        logs = self.log_codes(theta)[:, :, 0]
        shares = torch.softmax(logs, dim=1) * likelihoods.to(logs)
        if generator is None:
            code = shares.argmax(dim=1, keepdim=True)
        else:
            code = torch.multinomial(shares, 1, generator=generator)
        return code.unsqueeze(2).to(theta.dtype)

    def representatives(self, n_codes: int) -> Tensor:
        """Those of the family of codes."""
        return self.family.representatives(n_codes)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """That of the codes."""
        return self.family.cdf(x, self._of_codes(theta))

    def _of_codes(self, theta: Tensor) -> Tensor:
        return theta[:, : self.n_statistics - self.n_slots]


class PartlyKnownRare(PartlyKnown):
    """The same for codes of which some share a probability, with a base measure h."""

    has_base: ClassVar[bool] = True

    @property
    def form(self) -> None:
        """None: the compiled passes know no codes with a base measure."""
        return None

    def log_base(self, x: Tensor) -> Tensor:
        """That of the codes; 0 for evidence, whose sum over codes contains it."""
        known = x < self.n_codes
        return self.family.log_base(torch.where(known, x, self.fill)) * known[:, 0]


def partly_known(family: Categorical, n_slots: int) -> PartlyKnown:
    """Codes of a family, and slots for evidence."""
    return (PartlyKnownRare if family.has_base else PartlyKnown)(family, n_slots)
