"""Training from expected counts: the loop, its solvers and schedules."""

from .adam import Adam, Momentum
from .arrays import (
    Arrays,
    from_numbers,
    parameters_from_numbers,
    parameters_to_numbers,
    to_numbers,
)
from .em import EM, EMState
from .loop import train
from .options import Options, Progress
from .prior import Prior
from .rows import Rows, Source, blocks
from .solver import SOLVERS, Solver, State, Steps, check_state
from .start import column_means, column_sums, make_prior, random_parameters
from .statistics import Statistics, collect, merge
from .stream import absorb, stream

__all__ = [
    "EM",
    "SOLVERS",
    "Adam",
    "Arrays",
    "EMState",
    "Momentum",
    "Options",
    "Prior",
    "Progress",
    "Rows",
    "Solver",
    "Source",
    "State",
    "Statistics",
    "Steps",
    "absorb",
    "blocks",
    "check_state",
    "collect",
    "column_means",
    "column_sums",
    "from_numbers",
    "make_prior",
    "merge",
    "parameters_from_numbers",
    "parameters_to_numbers",
    "random_parameters",
    "stream",
    "to_numbers",
    "train",
]
