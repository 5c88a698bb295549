"""Leaf families by name; a new family is one file and one entry of FAMILIES."""

from .base import AtomLeaf, Leaf, with_atoms
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .exponential import Exponential
from .form import OF_M_STEP, OF_PASSES, Form, form_of
from .gamma import Gamma
from .gaussian import FARTHEST, Gaussian
from .group import GroupLeaf, as_group
from .lognormal import LogNormal
from .numeric import Numeric
from .partly_known import PartlyKnown, partly_known
from .poisson import Poisson
from .rare_categories import RareCategories
from .special import normal_below

FAMILIES: dict[str, type[Leaf]] = {
    family.name: family
    for family in (
        Bernoulli,
        Beta,
        Binomial,
        Categorical,
        Exponential,
        Gamma,
        Gaussian,
        LogNormal,
        Numeric,
        Poisson,
    )
}

__all__ = [
    "FAMILIES",
    "FARTHEST",
    "OF_M_STEP",
    "OF_PASSES",
    "AtomLeaf",
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Exponential",
    "Form",
    "Gamma",
    "Gaussian",
    "GroupLeaf",
    "Leaf",
    "LogNormal",
    "Numeric",
    "PartlyKnown",
    "Poisson",
    "RareCategories",
    "as_group",
    "form_of",
    "normal_below",
    "partly_known",
    "with_atoms",
]
