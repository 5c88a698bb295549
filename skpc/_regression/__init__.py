"""From checked rows to a fitted regression: a spec in, a result out."""

from ..direct import Moments, PackedClassifier, PackedEnsemble
from ..direct.deploy import (
    CLASS_KIND,
    CLASS_VERSION,
    KIND,
    VERSION,
    check_class_header,
    check_header,
)
from ..direct.logistic import ClassPosterior, Quadratic, Seen
from ..direct.model import PRIORS, Predictive
from ..direct.moments import FIRST_BLOCK
from ..direct.solve import SOLVERS
from .blocks import BlockTable
from .class_result import ClassSearch, FittedClasses, class_attributes
from .classes import ClassSpec, fit_classifier
from .doubts import PoorFitWarning
from .fit import RegressionFit, RegressionSpec, Rows, fit_regression
from .missing import complete
from .result import FittedRegression, Search, public_attributes

# Classes of which files hold objects.
KEPT: tuple[type, ...] = (Moments, Predictive, Search, FittedRegression)
KEPT_OF_CLASSES: tuple[type, ...] = (
    Quadratic, Seen, ClassPosterior, ClassSearch, FittedClasses
)  # fmt: skip

__all__ = [
    "CLASS_KIND",
    "CLASS_VERSION",
    "FIRST_BLOCK",
    "KEPT",
    "KEPT_OF_CLASSES",
    "KIND",
    "PRIORS",
    "SOLVERS",
    "VERSION",
    "BlockTable",
    "ClassSpec",
    "FittedClasses",
    "FittedRegression",
    "PackedClassifier",
    "PackedEnsemble",
    "PoorFitWarning",
    "RegressionFit",
    "RegressionSpec",
    "Rows",
    "check_class_header",
    "check_header",
    "class_attributes",
    "complete",
    "fit_classifier",
    "fit_regression",
    "public_attributes",
]
