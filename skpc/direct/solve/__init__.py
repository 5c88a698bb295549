"""From second moments in standard units to a posterior: grids, mean-field and mixture searches."""

from .ascent import sweep
from .mean_field import SOLVERS, solve_mean_field
from .mixture import solve_mixture
from .options import Options
from .plain_grid import round_ridge
from .precision import loss
from .problem import problem_on_grid
from .ridge import (
    Ridge,
    best_ridge,
    is_noiseless,
    principal_axes,
    prior_units,
    rows_that_carry,
)
from .rounding import likeliest_codes
from .search import solve_regression
from .solution import Solution
from .starts import state_at_zero
from .units import expand, mean_prior, predictive_of, varying

__all__ = [
    "SOLVERS",
    "Options",
    "Ridge",
    "Solution",
    "best_ridge",
    "expand",
    "is_noiseless",
    "likeliest_codes",
    "loss",
    "mean_prior",
    "predictive_of",
    "principal_axes",
    "prior_units",
    "problem_on_grid",
    "round_ridge",
    "rows_that_carry",
    "solve_mean_field",
    "solve_mixture",
    "solve_regression",
    "state_at_zero",
    "sweep",
    "varying",
]
