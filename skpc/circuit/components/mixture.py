"""Mixtures of whole circuits over the same columns: the queries of one circuit, for several.

A mixture of circuits is a circuit. Its parts differ in shape, so that they stay apart, and a
row's posterior shares of the parts join their answers.

Axes: P parts, n rows, D columns.
"""

from collections.abc import Sequence
from math import exp

import torch
from torch import Tensor

from ..passes.layers.base import WEIGHT_FLOOR
from ..queries import queries
from ..queries.piecewise import Pieces
from .component import Part

# Rows whose moments are asked of all parts at once.
ROWS = 4096
# EM steps for the weights of the parts.
STEPS = 200


def log_density(parts: Sequence[Part], x: Tensor, dtype: torch.dtype) -> Tensor:
    """Log density of every row, (n, D) to (n,); missing cells are integrated out."""
    if len(parts) == 1:
        return parts[0].log_density(x, dtype)
    return torch.logsumexp(_joint(parts, x, dtype), dim=0)


def _joint(parts: Sequence[Part], x: Tensor, dtype: torch.dtype) -> Tensor:
    """Log of weight times density of every part, (P, n)."""
    return torch.stack([part.log_weight + part.log_density(x, dtype) for part in parts])


def _shares(parts: Sequence[Part], x: Tensor) -> Tensor:
    """Posterior probability of every part given the observed cells of a row, (P, n)."""
    if len(parts) == 1:
        return torch.ones((1, len(x)), dtype=torch.float64, device=parts[0].circuit.device)
    return torch.softmax(_joint(parts, x, torch.float64), dim=0)


def sample(parts: Sequence[Part], n: int, generator: torch.Generator) -> Tensor:
    """Independent draws of whole rows, (n, D)."""
    if len(parts) == 1:
        return parts[0].sample(n, generator)
    weights = torch.tensor([exp(part.log_weight) for part in parts], device=generator.device)
    part_of = torch.multinomial(weights, n, replacement=True, generator=generator)
    x = torch.empty(
        (n, parts[0].circuit.inputs.n_columns), dtype=torch.float64, device=generator.device
    )
    for i, part in enumerate(parts):
        mine = part_of == i
        if n_mine := int(mine.sum()):
            x[mine] = part.sample(n_mine, generator)
    return x


def sample_conditional(parts: Sequence[Part], x: Tensor, generator: torch.Generator) -> Tensor:
    """Exact draws of the missing cells given the others, (n, D) with nothing missing."""
    shares = _shares(parts, x)
    part_of = torch.zeros(len(x), dtype=torch.long, device=shares.device)
    if len(parts) > 1 and len(x):
        part_of = torch.multinomial(shares.T, 1, generator=generator).squeeze(1)
    return _by_part(parts, x, part_of, generator)


def most_probable(parts: Sequence[Part], x: Tensor) -> Tensor:
    """Missing cells of a most probable state of each row's likeliest part, (n, D)."""
    return _by_part(parts, x, _shares(parts, x).argmax(dim=0), None)


def _by_part(
    parts: Sequence[Part], x: Tensor, part_of: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Rows completed by the part that each belongs to, part_of (n,)."""
    if len(parts) == 1:
        return parts[0].complete(x, generator)
    found = torch.empty(x.shape, dtype=torch.float64, device=part_of.device)
    for i, part in enumerate(parts):
        mine = part_of == i
        if mine.any():
            found[mine] = part.complete(x[mine.to(x.device)], generator)
    return found


def moments(
    parts: Sequence[Part], x: Tensor, pieces: Sequence[Pieces | None] | None = None
) -> tuple[Tensor, Tensor]:
    """Conditional means and variances as `queries.moments` gives them, of the mixture."""
    if len(parts) == 1:
        return parts[0].moments(x, pieces)
    blocks = [_moments(parts, rows, pieces) for rows in x.split(ROWS)]
    mean, variance = zip(*blocks, strict=True)
    return torch.cat(mean), torch.cat(variance)


def _moments(
    parts: Sequence[Part], x: Tensor, pieces: Sequence[Pieces | None] | None
) -> tuple[Tensor, Tensor]:
    """Of a bounded number of rows, since answers of all parts are in memory at once."""
    found = [part.moments(x, pieces) for part in parts]
    shares = _shares(parts, x).unsqueeze(2)
    means, variances = (torch.stack(m) for m in zip(*found, strict=True))
    mean = (shares * means).sum(dim=0)
    # Within the parts and between them: no digits are lost to a square of the mean.
    variance = (shares * (variances + (means - mean) ** 2)).sum(dim=0)
    rows = x.to(mean.device)
    seen = ~torch.isnan(rows)
    return torch.where(seen, rows, mean), torch.where(seen, 0.0, variance)


def likeliest_codes(parts: Sequence[Part], x: Tensor, n_codes: Sequence[int]) -> Tensor:
    """Most probable code of every cell alone, as `queries.likeliest_codes`, of the mixture."""
    if not any(n_codes):
        return torch.full_like(x, torch.nan)
    return queries.likeliest_codes(parts, x, n_codes, _shares(parts, x))


def choose_weights(scores: Tensor, weights: Tensor) -> Tensor:
    """Weights of parts that make rows most likely, one row of evidence for each beforehand.

    Parameters
    ----------
    scores : Tensor (P, n)
        Log densities of rows that the parts have not seen.
    weights : Tensor (n,)
        Of the rows.

    Returns
    -------
    Tensor (P,)
        They add to one.

    Notes
    -----
    EM for the weights of a mixture alone; the likelihood is concave in them.
    """
    found = torch.full_like(scores[:, 0], 1 / len(scores))
    for _ in range(STEPS):
        shares = torch.softmax(scores + torch.log(found.clamp_min(WEIGHT_FLOOR))[:, None], dim=0)
        counts = shares @ weights + 1.0
        found = counts / counts.sum()
    return found
