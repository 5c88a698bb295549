"""What estimators over a density share: its fit, the check of tables, and their tags.

The file is of the facade's room. A class over a density has the parameters `density` and
`random_state` and the attribute `density_`.

Axes: n rows, D columns, m listed cells.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from . import _queries as queries
from ._density_queries import features_of
from ._keeping import Kept
from ._sklearn import CallbackSupportMixin, PartReporter, store
from ._tables import Table, read_table, take_rows
from ._validation import check_table
from .density import EinetDensityEstimator

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]


def columns_of(density: EinetDensityEstimator) -> dict[str, Any]:
    """Number and names of the columns of a fitted density, as attributes."""
    return features_of(density._fitted_density).attributes()


def check_density(density: EinetDensityEstimator) -> int:
    """The number of columns of a density in a file.

    Raises
    ------
    ValueError
        If it is not fitted.
    """
    if density._result() is None:
        raise ValueError("its density is not fitted.")
    return density.n_features_in_


def largest_cells(scores: Floats, n_cells: int) -> tuple[Positions, Positions]:
    """Rows and columns of the cells with the largest scores of each row, the largest first.

    Parameters
    ----------
    scores : ndarray (n, D)
        NaN for cells that are not to be listed.
    n_cells : int
        Of a row at most.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n_cells]
    row, column = np.repeat(np.arange(len(order)), order.shape[1]), order.ravel()
    listed = ~np.isnan(scores[row, column])
    return row[listed], column[listed]


def frame_of_cells(
    X: Any, names: Sequence[Any], row: Positions, column: Positions, facts: dict[str, Any]
) -> Any:
    """A pandas frame of m cells of X: "row", "column", "value" and facts about each, (m,).

    Raises
    ------
    ImportError
        Without pandas.
    """
    try:
        import pandas as pd  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("explain returns a pandas frame; install pandas.") from error
    value = np.empty(len(row), dtype=object)
    for j in np.unique(column):
        mine = column == j
        value[mine] = read_table(take_rows(X, row[mine])).columns[j].values
    labels = pd.Series([names[j] for j in column])
    cells = {"row": row, "column": labels, "value": value, **facts}
    return pd.DataFrame(cells).infer_objects()


class OverDensity(CallbackSupportMixin, Kept):
    """An estimator that answers by an `EinetDensityEstimator`.

    Its callbacks hear of its fit, and those that are passed on of the passes of the density's.
    """

    # Of what files hold of a fit.
    _fitted_class: ClassVar[Any]
    # Parameters of the density where the user passes none.
    _by_default: ClassVar[dict[str, Any]] = {}

    density: Any
    random_state: Any
    density_: EinetDensityEstimator

    def _attributes_of(self, result: Any) -> dict[str, Any]:
        """All fitted attributes, from a file."""
        if not isinstance(result, self._fitted_class):
            raise ValueError(f"it holds no {self._fitted_class.__name__}.")
        return result.attributes()

    def _new_density(self) -> EinetDensityEstimator:
        """The density that is to be fitted."""
        by_default = EinetDensityEstimator(**self._by_default)
        density: EinetDensityEstimator = by_default if self.density is None else clone(self.density)
        if density.random_state is None:
            density.set_params(random_state=self.random_state)
        return density

    def _fitted_to(
        self, X: Any, sample_weight: Any, reporter: PartReporter
    ) -> tuple[EinetDensityEstimator, Any]:
        """A density fitted to a table, which is returned as it was checked."""
        density = self._new_density()
        X, _ = check_table(self, X, None)
        with reporter.part(density, "fit-density"):
            density.fit(X, sample_weight=sample_weight)
        return density, X

    def _store(
        self, attributes: dict[str, Any], reporter: PartReporter, absent: tuple[str, ...] = ()
    ) -> Self:
        """Report the end of the fit, and set all fitted attributes at once.

        Attributes that are `absent` may be there from an earlier fit.
        """
        reporter.close(attributes)
        store(self, attributes, absent=("feature_names_in_", *absent))
        return self

    @property
    def _table(self) -> Table:
        """The columns of training."""
        check_is_fitted(self)
        return self.density_._fitted_density.plan.table

    def _read(
        self,
        X: Any,
        absent: Sequence[int] = (),
        density: EinetDensityEstimator | None = None,
    ) -> tuple[Any, queries.Evidence]:
        """A table with the columns of training, checked, and its rows as evidence.

        The evidence is for `density_`, or for another density of the same columns. Missing cells
        of the columns at the positions `absent` are unknown, also where holes are modelled.
        """
        check_is_fitted(self)
        density = self.density_ if density is None else density
        fitted = density._fitted_density
        X, _ = check_table(self, X, features_of(fitted))
        unknown = np.isin(np.arange(len(fitted.plan.table.columns)), absent)
        return X, queries.Evidence.read(fitted, read_table(X), density.device, unknown)

    def __sklearn_tags__(self) -> Any:
        """Tags that allow missing cells."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
