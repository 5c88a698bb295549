"""From checked rows to a fitted regression: a spec in, a result out."""

from ..direct import PackedEnsemble
from ..direct.model import PRIORS
from ..direct.solve import SOLVERS
from .doubts import PoorFitWarning
from .fit import RegressionSpec, Rows, fit_regression
from .missing import complete
from .result import FittedRegression

__all__ = [
    "PRIORS",
    "SOLVERS",
    "FittedRegression",
    "PackedEnsemble",
    "PoorFitWarning",
    "RegressionSpec",
    "Rows",
    "complete",
    "fit_regression",
]
