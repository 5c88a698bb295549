"""From checked rows to a fitted regression: a spec in, a result out."""

from ..direct import PackedEnsemble
from ..direct.model import PRIORS
from ..direct.solve import SOLVERS
from .fit import RegressionSpec, Rows, fit_regression
from .missing import complete
from .result import FittedRegression

__all__ = [
    "PRIORS",
    "SOLVERS",
    "FittedRegression",
    "PackedEnsemble",
    "RegressionSpec",
    "Rows",
    "complete",
    "fit_regression",
]
