"""Leaf families by name; a new family is one file and one line here."""

from .base import Leaf
from .bernoulli import Bernoulli
from .categorical import Categorical
from .gaussian import Gaussian
from .numeric import Numeric

FAMILIES: dict[str, type[Leaf]] = {
    family.name: family for family in (Bernoulli, Categorical, Gaussian, Numeric)
}

__all__ = ["FAMILIES", "Bernoulli", "Categorical", "Gaussian", "Leaf", "Numeric"]
