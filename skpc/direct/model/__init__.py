"""The model on its grid: codes, priors, the exact ELBO, mixtures, and predictive densities."""

from .draws import draw_codes
from .elbo import Problem, State, evaluate, expected_error, factors
from .grid import PRIOR_SHAPES, PRIORS, edge_of, integer_codes, named_log_prior, noise_levels
from .information import information_bound, sampled_information, sampled_information_value
from .mixture import (
    Mixture,
    MixtureElbo,
    Posterior,
    mixture_elbo,
    mixture_of,
    posterior_of,
    weight_moments,
)
from .parameters import custom_log_prior, standard_noise_range, standard_steps
from .predictive import Predictive, pool

__all__ = [
    "PRIORS",
    "PRIOR_SHAPES",
    "Mixture",
    "MixtureElbo",
    "Posterior",
    "Predictive",
    "Problem",
    "State",
    "custom_log_prior",
    "draw_codes",
    "edge_of",
    "evaluate",
    "expected_error",
    "factors",
    "information_bound",
    "integer_codes",
    "mixture_elbo",
    "mixture_of",
    "named_log_prior",
    "noise_levels",
    "pool",
    "posterior_of",
    "sampled_information",
    "sampled_information_value",
    "standard_noise_range",
    "standard_steps",
    "weight_moments",
]
