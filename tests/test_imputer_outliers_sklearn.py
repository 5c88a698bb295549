"""scikit-learn's own checks of what stands over a density, none expected to fail."""

import pytest
from helpers.cases import exact, tiny
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skpc import EinetClassifier, EinetImputer, EinetOutlierDetector, EinetRegressor

# In float64 with full batches weights equal repeated rows to the digits that the checks compare.
SMALL = [
    EinetImputer(tiny(max_iter=2)),
    EinetImputer(tiny(max_iter=2), strategy="sample", random_state=0),
    EinetOutlierDetector(exact(max_iter=2)),
    EinetOutlierDetector(exact(max_iter=2), contamination=0.2),
    EinetClassifier(exact()),
    EinetRegressor(exact(n_sums=8, n_leaves=8)),
]
DEFAULTS = [EinetImputer(), EinetOutlierDetector(), EinetClassifier(), EinetRegressor()]


@parametrize_with_checks(SMALL)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(type(one), check, id=f"{type(one).__name__}-{i}-{check.func.__name__}")
        for one in DEFAULTS
        for i, (_, check) in enumerate(estimator_checks_generator(one))
    ],
)
def test_common_checks_of_the_defaults(estimator, check):
    check(estimator())


@pytest.mark.parametrize("estimator", [*SMALL[::2], SMALL[-1]], ids=lambda one: type(one).__name__)
def test_column_names_and_parameters_are_checked(estimator):
    # check_estimator leaves these two out for third-party estimators.
    name = type(estimator).__name__
    check_dataframe_column_names_consistency(name, estimator)
    check_param_validation(name, estimator)
