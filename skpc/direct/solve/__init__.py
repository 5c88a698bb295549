"""From second moments in standard units to a posterior: grids, mean-field and mixture searches."""

from .ascent import sweep
from .mean_field import SOLVERS, solve_mean_field
from .mixture import solve_mixture
from .options import Options
from .precision import loss
from .problem import problem_on_grid
from .ridge import best_ridge
from .search import solve_regression
from .solution import Solution
from .starts import state_at_zero
from .units import predictive_of

__all__ = [
    "SOLVERS",
    "Options",
    "Solution",
    "best_ridge",
    "loss",
    "predictive_of",
    "problem_on_grid",
    "solve_mean_field",
    "solve_mixture",
    "solve_regression",
    "state_at_zero",
    "sweep",
]
