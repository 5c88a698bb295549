"""What a fit's parameters stand for: solver, steps, batches, passes, device.

Axes: n rows.
"""

from typing import Any

import numpy as np
import torch

from ..circuit.training.loop import Options

DTYPES = {"float32": torch.float32, "float64": torch.float64}
LEARNING_RATES = {"em": 0.5, "adam": 0.1}
# Pseudo-rows a unit that "auto" starts with, and the most rows that it holds out.
SMOOTHING = 0.1
MOST_HELD = 5000

# Tables of so many rows at most are small: they are fitted in full batches.
SMALL = 1000
# Rows from which on a fit by defaults may hold some out.
ENOUGH = 100

# How learned trees share a row in the first and in the last pass, see `circuit.layers.root`: 1
# lets each specialise on rows of its own, near 0 all learn the same. Full batches are those of
# small tables, which have no rows to spare for a tree.
LEARNED_POWERS = (0.2, 0.6)
FULL_BATCH_POWERS = (0.1, 0.2)


def solver_of(model: Any) -> str:
    """The solver that "auto" stands for."""
    return "em" if model.solver == "auto" else model.solver


def learning_rate_of(model: Any) -> float:
    """The first step size.

    Raises
    ------
    ValueError
        If it is above 1 for EM.
    """
    solver = solver_of(model)
    rate = LEARNING_RATES[solver] if model.learning_rate is None else float(model.learning_rate)
    if solver == "em" and rate > 1:
        raise ValueError(f"learning_rate is {rate}; EM accepts steps above 0 and up to 1.")
    return rate


def smoothing_of(model: Any, warm: bool) -> float:
    """The smoothing that a fit starts with; one that goes on has the last one."""
    if model.smoothing != "auto":
        return float(model.smoothing)
    return float(model.smoothing_) if warm else SMOOTHING


def regularises(model: Any, n: int) -> bool:
    """Whether held-out rows choose the smoothing.

    On tables of categories alone the choice gained nothing, on tiny ones it is too noisy.
    """
    if model.smoothing != "auto" or solver_of(model) != "em":
        return False
    numbers = any(column.support not in ("binary", "codes") for column in model._table.columns)
    return model.early_stopping or (numbers and n >= ENOUGH)


# What a circuit is made of: a fit that goes on cannot change it.
BUILT_FROM = (
    "structure",
    "depth",
    "n_replicas",
    "n_gaussians",
    "n_decoders",
    "n_sums",
    "n_leaves",
    "layer",
    "leaf",
    "grid_shape",
    "categorical_features",
    "min_variance",
)


def check_unchanged(model: Any) -> None:
    """Refuse to go on with other settings of the circuit than those it was built with.

    Raises
    ------
    ValueError
        Names the parameter, its value and the one that the fitted model has.
    """
    for name, built in model._built_from.items():
        now = repr(getattr(model, name))
        if now != built:
            raise ValueError(
                f"{name} is {now}; the fitted model has {built}. Set it back, or fit anew with "
                "warm_start=False."
            )


def make_options(model: Any, n: int, warm: bool, regularise: bool) -> Options:
    """Settings of the training loop for n rows."""
    solver, learned = solver_of(model), model._spec["learned"]
    batch_size = choose_batch_size(model.batch_size, n, solver)
    first, last = 1.0, 1.0
    if learned:
        first, last = FULL_BATCH_POWERS if batch_size >= n else LEARNED_POWERS
    return Options(
        solver,
        learning_rate_of(model),
        batch_size,
        choose_max_iter(model.max_iter, n, batch_size, solver, learned),
        model.tol,
        model.n_iter_no_change,
        DTYPES[model.dtype],
        (last if warm else first, last),
        model.early_stopping,
        regularise,
    )


def choose_batch_size(batch_size: Any, n: int, solver: str) -> int:
    """Rows a step: for EM all of a small table; else a 128th of them between 64 and 512."""
    if batch_size is None:
        return n
    if batch_size == "auto":
        return n if n <= SMALL and solver == "em" else min(n, int(np.clip(n // 128, 64, 512)))
    return int(min(batch_size, n))


def choose_max_iter(max_iter: Any, n: int, batch_size: int, solver: str, learned: bool) -> int:
    """Passes: 100 over full batches of EM, else 5,000 steps' worth between 5 and 50 (Adam: 500).

    EM over mini-batches fits learned trees in 12 passes at most, or in as many as make 300
    steps; more overfit.
    """
    if max_iter != "auto":
        return int(max_iter)
    if batch_size >= n and solver == "em":
        return 100
    if learned and solver == "em":
        return int(max(300 * batch_size // n, np.clip(5000 * batch_size // n, 5, 12)))
    return int(np.clip(5000 * batch_size // n, 5, 50 if solver == "em" else 500))


def choose_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        If torch does not know the name or has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device is {device!r}; 'auto', 'cpu' and the devices of this build of torch are "
            f"accepted ({str(error).splitlines()[0]})"
        ) from None
    return found
