"""The values that a fit's parameters stand for: solver, step size, batches, passes.

Axes: n rows.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..circuit.training import SOLVERS, Options, Solver
from .plan import Plan
from .sizes import ENOUGH, FEW, SMALL, STOPPING
from .spec import FitSpec

DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Pseudo-rows per unit that "auto" starts with.
SMOOTHING = 0.1

# Share of the rows that is held out by default, and passes without a rise after which training
# stops. Where held-out rows stop it by default, the smoothing that they choose gets time to answer
# a fall of their likelihood: with less patience training stopped before it rose again.
VALIDATION, PATIENCE, LONG_PATIENCE = 0.1, 5, 25
STOPPING_PARAMETERS = ("early_stopping", "validation_fraction", "n_iter_no_change")

# Tempering exponents of learned trees in the first and in the last pass, see
# `circuit.passes.layers.root`: with 1 each tree specialises on rows of its own, near 0 all learn
# the same. Full batches are those of small tables, with too few rows for trees to specialise.
LEARNED_EXPONENTS = (0.2, 0.6)
FULL_BATCH_EXPONENTS = (0.1, 0.2)


def solver_of(spec: FitSpec) -> Solver[Any]:
    """The solver of a name, or the user's own; "auto" stands for EM."""
    if not isinstance(spec.solver, str):
        return spec.solver
    return SOLVERS["em" if spec.solver == "auto" else spec.solver]


def learning_rate_of(spec: FitSpec) -> float:
    """The first step size.

    Raises
    ------
    ValueError
        If it is above 1 for EM.
    """
    solver = solver_of(spec)
    auto = spec.learning_rate == "auto"
    rate = solver.learning_rate if auto else float(spec.learning_rate)
    if solver.closed_form and rate > 1:
        raise ValueError(f"learning_rate is {rate}; EM accepts steps above 0 and up to 1.")
    return rate


def smoothing_of(spec: FitSpec, last: float | None) -> float:
    """The smoothing that a fit starts with: for "auto" that of the last fit, if there was one."""
    if spec.smoothing != "auto":
        return float(spec.smoothing)
    return SMOOTHING if last is None else last


def with_stopping(spec: FitSpec, trees: bool, n: int) -> FitSpec:
    """The spec with what "auto" means for early stopping of trees on n rows.

    Many passes over few rows overfit, whatever the columns are. On larger tables batches bound the
    number of passes.
    """
    chosen = trees and spec.smoothing == "auto" and solver_of(spec).closed_form
    full = choose_batch_size(spec.batch_size, n, chosen) >= n
    by_default = chosen and full and STOPPING <= n <= SMALL
    if spec.validation_fraction != "auto":
        by_default &= 0 < round(spec.validation_fraction * n) < n
    stops = by_default if spec.early_stopping == "auto" else bool(spec.early_stopping)
    share = 2 * VALIDATION if stops and n < FEW else VALIDATION
    patience = LONG_PATIENCE if stops and by_default else PATIENCE
    return replace(
        spec,
        early_stopping=stops,
        validation_fraction=_unless_auto(spec.validation_fraction, share),
        n_iter_no_change=_unless_auto(spec.n_iter_no_change, patience),
    )


def stopping_of(spec: FitSpec) -> dict[str, Any]:
    """The parameters of early stopping that `with_stopping` decided."""
    return {name: getattr(spec, name) for name in STOPPING_PARAMETERS}


def _unless_auto(value: Any, otherwise: Any) -> Any:
    return otherwise if value == "auto" else value


def chooses_smoothing(spec: FitSpec, plan: Plan, n: int) -> bool:
    """Whether held-out rows choose the smoothing.

    On tables of zeros and ones alone the choice gained nothing; on tiny tables it is too noisy.
    Categories that nearly determine each other want less than the default.
    """
    if spec.smoothing != "auto" or not solver_of(spec).closed_form:
        return False
    return spec.early_stopping or (not plan.table.is_binary and n >= ENOUGH)


def make_options(
    spec: FitSpec, plan: Plan, n: int, *, goes_on: bool, regularise: bool = False
) -> Options:
    """Settings of the training loop for n rows."""
    solver = solver_of(spec)
    batch_size = choose_batch_size(spec.batch_size, n, solver.closed_form)
    first, last = 1.0, 1.0
    if plan.graph.tempered:
        first, last = FULL_BATCH_EXPONENTS if batch_size >= n else LEARNED_EXPONENTS
    return Options(
        solver,
        learning_rate_of(spec),
        batch_size,
        choose_max_iter(spec.max_iter, n, batch_size, solver.closed_form, plan.graph.tempered),
        spec.tol,
        spec.n_iter_no_change,
        DTYPES[spec.dtype],
        (last if goes_on else first, last),
        spec.early_stopping,
        regularise,
    )


def choose_batch_size(batch_size: Any, n: int, closed_form: bool) -> int:
    """Rows per step. "auto": for EM all rows of a small table, else a 128th, from 64 to 512."""
    if batch_size is None:
        return n
    if batch_size == "auto":
        return n if n <= SMALL and closed_form else min(n, int(np.clip(n // 128, 64, 512)))
    return int(min(batch_size, n))


def choose_max_iter(
    max_iter: Any, n: int, batch_size: int, closed_form: bool, tempered: bool
) -> int:
    """Passes. "auto": 100 over full batches of EM, else as many as make 5,000 steps.

    These are bounded by 5 and 50 passes (Adam: 500). EM over mini-batches fits tempered trees,
    which are learned, in at most 12 passes, or in as many as make 300 steps, if that is more;
    further ones overfit.
    """
    if max_iter != "auto":
        return int(max_iter)
    if batch_size >= n and closed_form:
        return 100
    if tempered and closed_form:
        return int(max(300 * batch_size // n, np.clip(5000 * batch_size // n, 5, 12)))
    return int(np.clip(5000 * batch_size // n, 5, 50 if closed_form else 500))
