"""Classes by linear scores whose weights are small integers, from weighted second moments."""

from .fit import ClassFit, Seen, fit_classes
from .likelihood import n_scores
from .posterior import ClassPosterior, log_odds_of, probabilities_of
from .quadratic import Quadratic

__all__ = [
    "ClassFit",
    "ClassPosterior",
    "Quadratic",
    "Seen",
    "fit_classes",
    "log_odds_of",
    "n_scores",
    "probabilities_of",
]
