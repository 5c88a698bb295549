"""What predictors by a joint density share: its columns, its fit, and what each feature adds.

The file is of the facade's room. A class over a joint density fits one to the features and, as
the last column, what is predicted; it asks for that column given the features.

Axes: n rows, D columns of features, T answers of a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from . import _queries as queries
from ._density_queries import features_of
from ._over_density import (
    OverDensity,
    Positions,
    check_density,
    frame_of_cells,
    largest_cells,
)
from ._sklearn import Features, PartReporter
from ._tables import Column, column_mask, container, free_name, read_table, with_last
from ._validation import check_count, check_table
from .density import EinetDensityEstimator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedJoint:
    """What files hold of a predictor by a joint density."""

    density: EinetDensityEstimator

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the predictor."""
        return {"density_": self.density, **self.features.attributes()}

    @property
    def features(self) -> Features:
        """Columns that a table must have: those of the density but the last."""
        every = features_of(self.density._fitted_density)
        return Features(every.n - 1, None if every.names is None else every.names[:-1])

    @property
    def last(self) -> Column:
        """The column that is predicted."""
        return self.density._fitted_density.plan.table.columns[-1]

    def check(self) -> None:
        """Refuse a density that is not fitted, and one without features."""
        if check_density(self.density) < 2:
            raise ValueError("its density has one column; features and a target are two or more.")


class OverJoint(OverDensity):
    """Predicts by an `EinetDensityEstimator` of the features and what is predicted together."""

    _fitted_class: ClassVar[type[FittedJoint]]
    # What a frame's last column is called, if no feature is.
    _last_name: ClassVar[str]

    def _fit_joint(
        self, X: Any, last: NDArray[Any], sample_weight: Any, reporter: PartReporter
    ) -> EinetDensityEstimator:
        """A density fitted to a checked table and its last column (n,)."""
        density = self._new_density()
        density.set_params(categorical_features=self._categories(density, X))
        joint = with_last(X, last, free_name(X, self._last_name))
        with reporter.part(density, "fit-density"):
            density.fit(joint, sample_weight=sample_weight)
        return density

    def _categories(self, density: EinetDensityEstimator, X: Any) -> Any:
        """`categorical_features` of the density, from what the user says of the columns of X."""
        raise NotImplementedError

    def _evidence_of(
        self, fitted: FittedJoint, X: Any, last: NDArray[Any] | None = None
    ) -> tuple[Any, queries.Evidence]:
        """A checked table, and as evidence its rows with a last column (n,), by default unknown."""
        X, _ = check_table(self, X, fitted.features)
        if last is None:
            last = np.full(X.shape[0], np.nan)
        raw = read_table(with_last(X, last, free_name(X, self._last_name)))
        density = fitted.density
        return X, queries.Evidence.read(density._fitted_density, raw, density.device)

    def _answers(self, fitted: Any, evidence: queries.Evidence) -> Floats:
        """What contributions are of, given evidence of features, (n, T)."""
        raise NotImplementedError

    def _contributions(self, fitted: FittedJoint, X: Any) -> tuple[Any, Floats, Floats]:
        """A checked table, what each cell adds to the answers, (n, D, T), and these, (n, T).

        That is the answer given all observed cells less the one without this cell; NaN where it is
        missing, unless its holes are modelled.
        """
        X, evidence = self._evidence_of(fitted, X)
        whole = self._answers(fitted, evidence)
        added = np.full((len(whole), fitted.features.n, whole.shape[1]), np.nan)
        holes = evidence.table.holes.positions
        for j in range(fitted.features.n):
            told = ~evidence.raw.columns[j].missing | (j in holes)
            if told.any():
                without = self._answers(fitted, evidence.without(np.array([j])))
                added[told, j] = (whole - without)[told]
        return X, added, whole

    def _fitted(self) -> Any:
        """The fitted state, which every method reads once: another thread may store a new fit."""
        check_is_fitted(self)
        return self._result()


def listed(
    fitted: FittedJoint,
    X: Any,
    added: Floats,
    n_cells: int,
    facts: Callable[[Positions], dict[str, Any]] = lambda row: {},
) -> Any:
    """The frame of `explain`, for contributions (n, D), with facts about each listed cell's row."""
    cells = check_count(n_cells, name="n_cells")
    row, column = largest_cells(np.abs(added), cells)
    names = fitted.density._fitted_density.plan.table.names or range(added.shape[1])
    told = {**facts(row), "contribution": added[row, column]}
    return frame_of_cells(X, names, row, column, told)


def mask_of_categories(density: EinetDensityEstimator, X: Any, last: bool) -> list[bool]:
    """`categorical_features` as a mask (D + 1,) of X and the last column; None are no columns."""
    asked = density.categorical_features
    asked = [] if asked is None or isinstance(asked, str) else asked
    names = None if container(X) == "array" else list(X.columns)
    return [*column_mask(asked, names, X.shape[1], "categorical_features").tolist(), last]
