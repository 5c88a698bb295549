"""One-hot groups in a table: columns of which never two are 1 in one row.

A group must be more than chance would make: if its columns were independent, ones that never
meet would be too improbable. By C(n - b, a) / C(n, a) none of a ones meets b rows of n. These n
are the rows in which a column is seen: where it is missing, nothing shows that two do not meet.

Axes: n rows, D columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from .cells import digits_of
from .columns import Column
from .describe import unseen_share
from .one_hot import Group
from .raw import RawTable

Floats = NDArray[np.float64]

# Least share of rows in which a column of a group is 1.
LEAST_COVER = 0.5
# Log probability, under independence, that the columns of a group and a column and all others never
# meet, at most; that of groups is less the more columns there are to choose from.
CHANCE = -np.log(1000.0)
# Above so many columns only adjacent ones are tried: all pairs would not fit into memory.
MOST_COLUMNS = 4000
# Cells of which ones are counted at once.
CELLS = 8_000_000


class FoundGroup(NamedTuple):
    """Columns of which never two are 1 in a row.

    Attributes
    ----------
    columns : tuple of int
        Positions in the table, ascending; two or more.
    sure : bool
        Whether nothing speaks for attributes of their own: they are adjacent, and in every row
        exactly one is 1.
    """

    columns: tuple[int, ...]
    sure: bool


def find_groups(table: RawTable, candidates: Sequence[int], rows: Floats) -> list[FoundGroup]:
    """Groups of columns that are more than chance, in the order of their first columns.

    Parameters
    ----------
    table : RawTable
    candidates : sequence of int
        Positions of columns of zeros and ones.
    rows : ndarray (n,)
        Rows that each row counts as, see `row_weight`.
    """
    if len(candidates) < 2:
        return []
    ones = [_Ones(table, list(part), rows) for part in _parts(candidates)]
    found = [_best(part) for part in ones]
    return sorted(group for of_part in found for group in of_part)


def _parts(candidates: Sequence[int]) -> Iterator[Sequence[int]]:
    """The candidates, in parts of which pairs can be counted."""
    for start in range(0, len(candidates), MOST_COLUMNS):
        yield candidates[start : start + MOST_COLUMNS]


def describe_group(
    table: RawTable, columns: Sequence[Column], members: Sequence[int], weights: Floats
) -> Group:
    """A group with the rows of its states.

    Raises
    ------
    ValueError
        For a member that holds something but zeros and ones, and for a row in which two are 1.
    """
    for j in members:
        if columns[j].support != "binary":
            raise ValueError(
                f"one_hot names {columns[j].raw.name}, which is modelled as "
                f"{columns[j].family_name}; columns of zeros and ones are accepted."
            )
    digits = np.column_stack([digits_of(columns[j], table.columns[j])[0] for j in members])
    wrong = np.flatnonzero((digits == 1).sum(axis=1) > 1)
    if len(wrong):
        two = np.flatnonzero(digits[wrong[0]] == 1)[:2]
        first, second = (table.columns[members[i]].name for i in two)
        raise ValueError(
            f"one_hot names {first} and {second} in one group; both are 1 in row {wrong[0]}."
        )
    bare = (digits == 0).all(axis=1)
    rows = [float(weights[digits[:, i] == 1].sum()) for i in range(len(members))]
    rows += [float(weights[bare].sum())] if bare.any() else []
    # As for other columns: small weights must not count as fewer rows than there are.
    known = bare | (digits == 1).any(axis=1)
    n = max(float(weights[known].sum()), float(known.sum()))
    per_weight = n / (sum(rows) or 1.0)
    share = unseen_share(n, sum(r > 0 for r in rows))
    return Group(tuple(members), tuple(r * per_weight for r in rows), share)


class _Ones:
    """Ones of candidate columns, and how often two meet.

    Attributes
    ----------
    positions : list of int (D,)
    n : float
        Rows.
    ones : ndarray (D,)
        Rows in which a column is 1.
    counts : ndarray (D,)
        The same of n rows, by the share of those in which the column is seen.
    apart : ndarray (D, D) of bool
        Whether two columns are never 1 in one row.
    seen : ndarray (D,)
        Rows in which a column is seen.
    hidden : ndarray (D, D) or None
        Of the rows in which one column is missing, those in which the other one is 1; None where
        no cell is missing.
    """

    def __init__(self, table: RawTable, positions: list[int], rows: Floats) -> None:
        self.positions, self.n = positions, float(rows.sum())
        columns = [table.columns[j] for j in positions]
        both, counts = np.zeros((len(positions), len(positions))), np.zeros(len(positions))
        seen = np.array([rows[~column.missing].sum() for column in columns])
        holes = any(column.missing.any() for column in columns)
        hidden = np.zeros_like(both) if holes else None
        size = max(1, CELLS // len(positions))
        for start in range(0, len(table), size):
            part = slice(start, start + size)
            # A missing cell is neither: it meets no other one.
            ones = [(column.values[part] == 1).astype(np.float32) for column in columns]
            stacked = np.column_stack(ones)
            both += stacked.T @ stacked
            counts += rows[part] @ stacked
            if hidden is not None:
                missing = np.column_stack([column.missing[part] for column in columns])
                hidden += (missing * rows[part, None]).T @ stacked
        self.apart, self.seen = both == 0, seen
        self.ones, self.hidden = counts, hidden
        self.counts = counts * (self.n / np.where(seen > 0, seen, 1.0))

    def log_chance(self, group: list[int], before: bool) -> Floats:
        """Log probability that the ones of each column at random meet none of others, (d,).

        Parameters
        ----------
        group : list of int (d,)
        before : bool
            Whether the others are those before it in the group, or all others.
        """
        n, ones, top = self.seen[group], self.ones[group], 1.0
        met = (np.cumsum(ones) if before else ones.sum()) - ones
        if self.hidden is not None:
            hidden = self.hidden[np.ix_(group, group)]
            met = met - (np.tril(hidden) if before else hidden).sum(axis=1)
        a, b = np.minimum(ones, n), np.minimum(met, n)
        room = np.maximum(n - a - b + top, top)
        of_rest = gammaln(n - b + top) - gammaln(room)
        return np.minimum(of_rest - gammaln(n + top) + gammaln(n - a + top), 0.0)

    def is_group(self, group: list[int], log_tried: float) -> bool:
        """Whether columns that never meet are more than chance, of so many that might have been."""
        chance = self.log_chance(group, before=True).sum()
        covers_enough = self.counts[group].sum() >= LEAST_COVER * self.n
        return bool(covers_enough and chance < CHANCE - log_tried)

    def shown(self, columns: Iterable[int]) -> list[int]:
        """Those of columns that are 1 in any row."""
        return [j for j in columns if self.counts[j]]

    def covers(self, group: list[int]) -> bool:
        """Whether one of the columns of a group is 1 in every row."""
        return bool(self.counts[group].sum() >= self.n - 0.5)

    def without_chance(self, group: list[int]) -> list[int]:
        """The columns of a group that chance would not have kept apart from all others of it."""
        if self.covers(group):
            return group
        chance = self.log_chance(group, before=False)
        return [j for j, c in zip(group, chance.tolist(), strict=True) if c < CHANCE]

    def shared(self, groups: list[list[int]]) -> float:
        """Total correlation of the columns of each group, in nats a row: what a group knows."""
        return sum(self._shared(self.counts[group] / self.n) for group in groups)

    @staticmethod
    def _shared(p: Floats) -> float:
        rest = max(1 - p.sum(), 0.0)
        alone = -(xlogy(p, p) + xlogy(1 - p, 1 - p)).sum()
        return float(alone + xlogy(p, p).sum() + xlogy(rest, rest))


def _best(ones: _Ones) -> list[FoundGroup]:
    """Groups of adjacent columns, then of others; or of any, if these know more.

    Those that cover all rows are in both: nothing speaks against them.
    """
    covering = list(_covering(ones))
    left = _without(range(len(ones.positions)), covering)
    runs = [run for part in _unbroken(left) for run in _runs(ones, part)]
    others = _without(left, runs)
    any_of = list(_greedy(ones, left))
    near = runs + list(_greedy(ones, others)) if runs else any_of
    chosen = near if ones.shared(near) >= ones.shared(any_of) - 1e-9 else any_of
    return [
        FoundGroup(tuple(ones.positions[j] for j in sorted(group)), sure)
        for groups, sure in ((covering, True), (chosen, False))
        for group in groups
    ]


def _covering(ones: _Ones) -> Iterator[list[int]]:
    """Groups of adjacent columns of which one is 1 in every row, wherever they begin."""
    d, start, stop = len(ones.positions), 0, 0
    while start < d:
        # What is apart from all columns after one is not less far from those after the next.
        while stop < d and ones.apart[stop, start:stop].all():
            stop += 1
        run = ones.shown(range(start, stop))
        if len(run) > 1 and ones.covers(run) and ones.is_group(run, 2 * np.log(d)):
            yield list(range(run[0], run[-1] + 1))
            start = stop
        else:
            start += 1


def _without(columns: Sequence[int], groups: list[list[int]]) -> list[int]:
    """Columns that are in no group."""
    taken = {j for group in groups for j in group}
    return [j for j in columns if j not in taken]


def _unbroken(columns: list[int]) -> Iterator[range]:
    """Ascending positions as ranges."""
    start = 0
    for i, j in enumerate(columns):
        if i + 1 == len(columns) or columns[i + 1] != j + 1:
            yield range(columns[start], j + 1)
            start = i + 1


def _runs(ones: _Ones, part: range) -> Iterator[list[int]]:
    """Groups of adjacent columns, as long as they are apart; columns of zeros may be between."""
    start = part.start
    while start < part.stop:
        stop = start + 1
        while stop < part.stop and ones.apart[stop, start:stop].all():
            stop += 1
        kept = ones.without_chance(ones.shown(range(start, stop)))
        if len(kept) > 1 and ones.is_group(kept, 2 * np.log(len(ones.positions))):
            # Columns of zeros between members are members that no row shows.
            between = [j for j in range(kept[0], kept[-1]) if not ones.counts[j]]
            yield sorted(kept + between)
            # What chance kept apart at the end may be the first of the next group.
            stop = kept[-1] + 1
        start = stop


def _greedy(ones: _Ones, columns: list[int]) -> Iterator[list[int]]:
    """Groups that begin with the most frequent column and take the most frequent one apart."""
    order = sorted(ones.shown(columns), key=lambda j: -ones.counts[j])
    # By frequency, so that the most frequent one of a mask is its first.
    apart_of, counts = ones.apart[np.ix_(order, order)], ones.counts[order]
    free = np.ones(len(order), dtype=bool)
    for first in range(len(order)):
        if not free[first]:
            continue
        apart = free & apart_of[first]
        if counts[first] + counts[apart].sum() < LEAST_COVER * ones.n:
            continue
        group, following = [order[first]], int(apart.argmax())
        while apart[following]:
            group.append(order[following])
            apart &= apart_of[following]
            following = int(apart.argmax())
        kept = ones.without_chance(group)
        if len(kept) > 1 and ones.is_group(kept, len(kept) * np.log(len(ones.positions))):
            free[np.isin(order, kept)] = False
            yield kept
