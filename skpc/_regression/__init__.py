"""From checked rows to a fitted regression: a spec in, a result out."""

from ..direct import Moments, PackedEnsemble
from ..direct.deploy import KIND, VERSION, check_header
from ..direct.model import PRIORS, Predictive
from ..direct.solve import SOLVERS
from .blocks import BlockTable
from .doubts import PoorFitWarning
from .fit import RegressionFit, RegressionSpec, Rows, fit_regression
from .missing import complete
from .result import FittedRegression, Search, public_attributes

# Classes of which files hold objects.
KEPT: tuple[type, ...] = (Moments, Predictive, Search, FittedRegression)

__all__ = [
    "KEPT",
    "KIND",
    "PRIORS",
    "SOLVERS",
    "VERSION",
    "BlockTable",
    "FittedRegression",
    "PackedEnsemble",
    "PoorFitWarning",
    "RegressionFit",
    "RegressionSpec",
    "Rows",
    "check_header",
    "complete",
    "fit_regression",
    "public_attributes",
]
