"""From second moments in standard units to a posterior: grids, mean-field and mixture searches."""

from .ascent import sweep
from .mean_field import SOLVERS, solve_mean_field
from .mixture import solve_mixture
from .near_ridge import grid_near, held_near, tilted_prior
from .options import Options
from .plain_grid import round_ridge, round_to
from .precision import loss
from .problem import prior_of_shape, problem_on_grid
from .ridge import (
    Ridge,
    best_ridge,
    is_noiseless,
    principal_axes,
    prior_units,
    rows_that_carry,
)
from .rounding import Rounded, likeliest_codes, rounder
from .search import solve_regression
from .solution import Solution
from .starts import state_at_zero
from .units import expand, mean_prior, predictive_of, varying

__all__ = [
    "SOLVERS",
    "Options",
    "Ridge",
    "Rounded",
    "Solution",
    "best_ridge",
    "expand",
    "grid_near",
    "held_near",
    "is_noiseless",
    "likeliest_codes",
    "loss",
    "mean_prior",
    "predictive_of",
    "principal_axes",
    "prior_of_shape",
    "prior_units",
    "problem_on_grid",
    "round_ridge",
    "round_to",
    "rounder",
    "rows_that_carry",
    "solve_mean_field",
    "solve_mixture",
    "solve_regression",
    "state_at_zero",
    "sweep",
    "tilted_prior",
    "varying",
]
