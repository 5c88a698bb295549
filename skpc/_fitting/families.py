"""Leaf families of the columns: those that the user names, and the choice of "auto".

Axes: n rows, D columns.
"""

from collections.abc import Mapping, Sequence
from inspect import isabstract
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tables import (
    SUPPORTS,
    Column,
    Holes,
    Numeric,
    RawColumn,
    RawTable,
    Table,
    column_mask,
    column_position,
    describe,
    describe_group,
    numbers,
    row_weight,
)
from ..circuit.leaves import FAMILIES, Leaf, RareCategories
from ..circuit.leaves import Numeric as NumericLeaf

# Most categories of a column that have probabilities of their own in every unit, and the rows that
# each of them needs where there are more: as many as an atom of a column of numbers needs.
MOST_CODES = 256
FREQUENT_ROWS = 10.0

# Fewest rows, and the share of different values among them, of which a user is warned.
MANY_ROWS = 20
NEARLY_ALL = 0.9


def choose_families(table: RawTable, leaf: Any, categorical: Any) -> list[Any]:
    """Families of all columns by `leaf` and `categorical_features` of the estimator, (D,).

    Raises
    ------
    ValueError
        For an unknown or unfinished family, and columns that do not exist.
    """
    mask = categorical_mask(categorical, table)
    asked = one_per_column(leaf, len(table.columns), table.names)
    return families(asked, table.columns, mask)


def make_table(
    table: RawTable,
    weights: NDArray[np.float64],
    chosen: list[Any],
    missing: str = "integrate",
    one_hot: Sequence[tuple[int, ...]] = (),
) -> Table:
    """Columns of a training table with their scales.

    Parameters
    ----------
    table : RawTable
    weights : ndarray (n,)
    chosen : list (D,)
        From `choose_families`.
    missing : {"integrate", "model"}
        Whether columns with holes have indicators.
    one_hot : sequence of tuple of int
        Positions of the columns of each one-hot group.

    Raises
    ------
    ValueError
        For values that a family does not model, and for groups that are none; the message names the
        column.
    """
    row = row_weight(weights)
    columns: list[Column] = []
    for raw, family in zip(table.columns, chosen, strict=True):
        asked_of = family if isinstance(family, Numeric) else None
        name = "numeric" if asked_of else family
        made = family_class(name)
        n_trials = getattr(made, "n_trials", None)
        columns.append(describe(raw, name, made.support, weights, n_trials, row, asked_of))
    holes = Holes.of(table) if missing == "model" else Holes()
    groups = [describe_group(table, columns, members, weights) for members in one_hot]
    return Table(columns, table.library, table.names, table.levels, holes, groups)


def categorical_mask(categorical: Any, table: RawTable) -> NDArray[np.bool_]:
    """Which columns hold categories, (D,)."""
    raws = table.columns
    if isinstance(categorical, str) and categorical == "from_dtype":
        # The columns of an array of objects have no types: users name those of categories.
        return np.array([table.names is not None and raw.kind == "category" for raw in raws])
    if categorical is None:
        return np.zeros(len(raws), dtype=bool)
    return column_mask(categorical, table.names, len(raws), "categorical_features")


def one_per_column(leaf: Any, d: int, names: list[str] | None) -> list[Any]:
    """The parameter `leaf` as one entry for each column; columns that a dict lacks have "auto".

    Raises
    ------
    ValueError
        For a list of the wrong length, or a column that does not exist.
    """
    if isinstance(leaf, str | type | Numeric):
        return [leaf] * d
    if isinstance(leaf, Mapping):
        asked: list[Any] = ["auto"] * d
        for column, family in leaf.items():
            asked[column_position(column, names, d, "leaf")] = family
        return asked
    if len(leaf) != d:
        raise ValueError(f"leaf names {len(leaf)} families; X has {d} columns.")
    return list(leaf)


def families(leaf: Any, raws: list[RawColumn], mask: NDArray[np.bool_]) -> list[Any]:
    """Every column's leaf family: its name, the class of a user's own, or a `Numeric`.

    Raises
    ------
    ValueError
        For an unknown or unfinished family or a list of the wrong length.
    """
    asked = one_per_column(leaf, len(raws), None)
    for raw, family in zip(raws, asked, strict=True):
        _check_family(raw, family)
    return [
        _auto_family(raw, bool(codes)) if _is_auto(family) else family
        for raw, family, codes in zip(raws, map(_by_name, asked), mask, strict=True)
    ]


def _is_auto(family: Any) -> bool:
    return isinstance(family, str) and family == "auto"


def _by_name(family: Any) -> Any:
    """The name instead of the class where it is one of skpc's own."""
    return next((name for name, known in FAMILIES.items() if known is family), family)


def _check_family(raw: RawColumn, family: Any) -> None:
    """Refuse anything but a known name and a complete family."""
    known = ["auto", *sorted(FAMILIES)]
    if isinstance(family, Numeric):
        return
    if isinstance(family, type) and issubclass(family, Leaf):
        if isabstract(family):
            missing = ", ".join(sorted(family.__abstractmethods__))
            raise ValueError(f"leaf is {family!r} for {raw.name}; it lacks {missing}.")
        supports = ["binary", "codes", "real", *sorted(SUPPORTS)]
        support = getattr(family, "support", None)
        if support not in supports:
            raise ValueError(
                f"leaf is {family!r} for {raw.name}, with the support {support!r}; "
                f"{supports} are accepted."
            )
    elif not isinstance(family, str) or family not in known:
        raise ValueError(
            f"leaf is {family!r} for {raw.name}; {known}, skpc.Numeric and "
            "subclasses of skpc.circuit.leaves.Leaf are accepted."
        )


def family_class(family: Any) -> type[Leaf]:
    """The class of a leaf family, which the user names or passes as a class."""
    return FAMILIES[family] if isinstance(family, str) else family


def _auto_family(raw: RawColumn, codes: bool) -> str:
    """Categorical where a column holds codes, Bernoulli for zeros and ones, else numeric.

    A constant column of floats stays numeric: nothing shows whether it is a digit or a number
    that happens not to vary.
    """
    if codes:
        return "categorical"
    if raw.kind == "bool":
        return "bernoulli"
    values = numbers(raw)
    seen = set(np.unique(values[~raw.missing][:1000]).tolist())
    if not seen <= {0.0, 1.0}:
        return "numeric"
    seen = set(np.unique(values[~raw.missing]).tolist())
    if seen == {0.0, 1.0} or (seen and seen <= {0.0, 1.0} and raw.kind == "integer"):
        return "bernoulli"
    return "numeric"


def make_leaves(table: Table, min_variance: float) -> list[Leaf]:
    """A family object per column and indicator; columns of one kind share one object."""
    made: dict[tuple[Any, int, float, float], Leaf] = {}
    leaves: list[Leaf] = []
    for column in table.modelled:
        if column.family == "categorical" and len(column.categories) > MOST_CODES:
            leaves.append(RareCategories(frequent_codes(column), column.rows))
            continue
        # Without atoms a numeric leaf is a Gaussian one, which has one statistic less.
        without_atoms = column.family == "numeric" and not column.n_values
        family = "gaussian" if without_atoms else column.family
        floor = max(min_variance * column.variance, column.least_variance)
        # Powers of two, so that columns share leaves.
        beyond = float(2.0 ** np.floor(np.log2(column.beyond))) if column.beyond else 0.0
        key = (family, column.n_values, floor, beyond)
        if key not in made and beyond:
            made[key] = NumericLeaf(column.n_values, floor, beyond)
        elif key not in made:
            made[key] = family_class(family).for_column(column.n_values, floor)
        leaves.append(made[key])
    return leaves


def frequent_codes(column: Column) -> list[int]:
    """Codes of a column of very many categories that have probabilities of their own."""
    rows = np.array(column.rows)
    frequent = np.flatnonzero(rows >= FREQUENT_ROWS)
    most = frequent[np.argsort(-rows[frequent], kind="stable")][: MOST_CODES - 1]
    return np.sort(most).tolist()


def unique_columns(table: Table) -> str | None:
    """A warning that names columns of categories whose values are nearly all different, if any."""
    found = [c for c in table.columns if c.rows and _is_nearly_unique(c)]
    if not found:
        return None
    known, unseen = _scores(found[0])
    names = ", ".join(column.raw.name for column in found)
    return (
        f"Nearly all values are different in {names}. Such categories say nothing about other "
        f"columns, and a value that training never showed scores higher than one that it showed: "
        f"{unseen:.1f} and {known:.1f} nats in {found[0].raw.name}. Leave such columns out of X, "
        "or turn them into numbers."
    )


def _is_nearly_unique(column: Column) -> bool:
    rows = sum(column.rows)
    return rows >= MANY_ROWS and column.n_shown >= NEARLY_ALL * rows


def _scores(column: Column) -> tuple[float, float]:
    """Log probabilities of a value of one row of training, and of all that it never showed."""
    return np.log1p(-column.unseen) - np.log(sum(column.rows)), np.log(column.unseen)
