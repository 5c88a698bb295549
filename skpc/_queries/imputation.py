"""Imputation of missing cells by conditional means, medians, modes or draws.

Axes: n rows, D columns.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..circuit.components import margins, mixture
from . import groups
from .draws import completed
from .evidence import Evidence
from .expectations import expectations
from .margins import in_units, margins_of

Floats = NDArray[np.float64]
Strategy = Literal["mean", "median", "mode", "sample"]
STRATEGIES = get_args(Strategy)


def impute(evidence: Evidence, X: Any, strategy: str, random: np.random.RandomState) -> Any:
    """A copy of X with its missing cells filled; see `EinetDensityEstimator.impute`.

    Parameters
    ----------
    evidence : Evidence
        The rows of X.
    X : array or frame (n, D)
    strategy : {"mean", "median", "mode", "sample"}
    random : numpy.random.RandomState
        For "sample".

    Raises
    ------
    ValueError
        For another strategy.
    """
    if strategy not in STRATEGIES:
        names = ", ".join(map(repr, STRATEGIES[:-1]))
        raise ValueError(f"strategy is {strategy!r}; {names} and {STRATEGIES[-1]!r} are accepted.")
    evidence = evidence.of_states()
    table, raw, components = evidence.table, evidence.raw, evidence.components
    if strategy == "mode":
        cells = mixture.most_probable(components, evidence.cells)
        return table.fill(X, raw, *groups.completed(evidence, cells, 1, None))
    if strategy == "sample":
        return table.fill(X, raw, *completed(evidence, 1, random))
    if strategy == "median":
        return table.fill(X, raw, *_medians(evidence))
    mean, variance, codes = expectations(evidence, with_codes=True)
    _put_patterns(evidence, codes)
    # In a column of zeros and ones the mean is the probability of a one: rounded, it is the mode.
    z = np.where(np.isnan(codes), np.rint(mean), codes)
    return table.fill(X, raw, z, None, table.moments(mean, variance, None)[0])


def _medians(evidence: Evidence) -> tuple[Floats, None, Floats]:
    """Codes and digits, no atoms, and medians in the units of the table, both (n, D + m)."""
    table, layout = evidence.table, evidence.table.layout
    columns = np.array(
        [
            j
            for j, (column, raw) in enumerate(zip(table.columns, evidence.raw.columns, strict=True))
            if raw.missing.any() and column.support != "codes" and j not in layout.grouped
        ],
        dtype=np.intp,
    )
    asked = margins_of(table, columns)
    answers = margins.medians(evidence.components, evidence.cells, asked, table.n_codes())
    z = groups.spread(evidence, answers[1])
    _put_patterns(evidence, z)
    medians = np.full_like(z, np.nan)
    medians[:, columns] = in_units(table, columns, answers[0].cpu().numpy())
    # The median of zeros and ones is the more probable one.
    return np.where(np.isnan(z), medians, z), None, medians


def _put_patterns(evidence: Evidence, codes: Floats) -> None:
    """Write the most probable patterns of one-hot groups into codes (n, D + m), in place."""
    if any(seen.hidden.any() for seen in evidence.encoded.groups):
        pairs = zip(evidence.encoded.groups, groups.log_codes(evidence), strict=True)
        groups.put_members(evidence, codes, [seen.likeliest(logs) for seen, logs in pairs])
