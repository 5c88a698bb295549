"""Columns of zeros and ones of which at most one is 1 in a row: one column of codes to a circuit.

The states of a group are the patterns that training showed: one member is 1, which is the code of
its position, or none is, which is the code d. They are probabilities of the circuit's column of
codes. All other patterns together have the probability `unseen`, whatever the other columns are,
and share it as independent members would. With pi the circuit's probabilities of the codes,

    p(pattern) = (1 - unseen) pi_c                                 for the state c, else
                 unseen prod_j q_j^x_j (1 - q_j)^(1 - x_j) / Z

Cells that are seen in part have the sum over all patterns that they allow.

Axes: n rows, d members of a group, C codes, k patterns that are seen in part.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Members of a group, and what training showed of them.

    Attributes
    ----------
    columns : tuple of int (d,)
        Positions of the members in the table.
    rows : tuple of float (C,)
        Rows of each state in training: of each member, and of no member if there are any.
    unseen : float
        Probability of all patterns that are no states.
    """

    columns: tuple[int, ...]
    rows: tuple[float, ...]
    unseen: float

    @property
    def d(self) -> int:
        """Number of members."""
        return len(self.columns)

    @property
    def n_shown(self) -> int:
        """States that training showed."""
        return sum(n > 0 for n in self.rows)

    @property
    def has_none(self) -> bool:
        """Whether a row without any 1 is a state."""
        return len(self.rows) > self.d

    @cached_property
    def shares(self) -> Floats:
        """Probability q_j of a 1 in each member, in patterns that are no states, (d,)."""
        rows = np.array(self.rows)
        return (rows[: self.d] + 0.5) / (rows.sum() + 1.0)

    @cached_property
    def log_unseen_patterns(self) -> float:
        """Log Z: probability of the patterns that are no states if members were independent."""
        hidden = np.ones((1, self.d), dtype=bool)
        return float(np.log(_Tails.of(self.shares, hidden).no_state(self)[0]))

    def check(self) -> None:
        """Refuse numbers of a file that make no group."""
        if len(self.columns) < 2 or list(self.columns) != sorted(set(self.columns)):
            raise ValueError(f"columns are {self.columns}; two or more that ascend are accepted.")
        if len(self.rows) - self.d not in (0, 1) or not all(0 <= n < np.inf for n in self.rows):
            raise ValueError(f"rows are no numbers from 0, of {self.d} columns and of none.")
        if not 0 < self.unseen < 1:
            raise ValueError(f"unseen is {self.unseen!r}; a number between 0 and 1 is accepted.")

    def read(self, digits: Floats) -> "Seen":
        """What rows show of the group; digits are (n, d), NaN where missing."""
        return Seen(self, digits)

    def digits(self, codes: Floats) -> Floats:
        """Zeros and ones (n, d) of codes (n,); NaN stays."""
        digits = (codes[:, None] == np.arange(self.d)).astype(np.float64)
        digits[np.isnan(codes)] = np.nan
        return digits


class Codes(NamedTuple):
    """A group as a column of codes.

    Attributes
    ----------
    values : ndarray (n,)
        Codes; NaN where a row says nothing, has no state, or leaves several possible.
    evidence : ndarray (n,) of int
        Where several are possible the row of `likelihoods`, else -1.
    likelihoods : ndarray (k, C)
    log_constant : ndarray (n,)
        What the group adds to the log density of the circuit.
    """

    values: Floats
    evidence: NDArray[np.intp]
    likelihoods: Floats
    log_constant: Floats


class _Tails(NamedTuple):
    """Probabilities that no, one, and two or more independent hidden members are 1, each (n,)."""

    none: Floats
    one: Floats
    more: Floats

    @classmethod
    def of(cls, shares: Floats, hidden: Mask) -> "_Tails":
        """By one member after the other: no digit cancels."""
        none, one, more = np.ones(len(hidden)), np.zeros(len(hidden)), np.zeros(len(hidden))
        for q, mask in zip(shares.tolist(), hidden.T, strict=True):
            p = np.where(mask, q, 0.0)
            none, one, more = none * (1 - p), one * (1 - p) + none * p, more + one * p
        return cls(none, one, more)

    def with_member(self, q: Floats) -> "_Tails":
        """With each of the d members hidden as well, (n, d)."""
        none, one, more = (value[:, None] for value in self)
        return _Tails(none * (1 - q), one * (1 - q) + none * q, more + one * q)

    def no_state(self, group: Group) -> Floats:
        """Probability of a pattern that is no state where no seen member is 1."""
        return self.more if group.has_none else self.more + self.none


class Seen:
    """What rows show of a group, and what that says of its members.

    Parameters
    ----------
    group : Group
    digits : ndarray (n, d)
        NaN where missing.
    """

    def __init__(self, group: Group, digits: Floats) -> None:
        self.group, self.digits = group, digits
        self.is_one, self.hidden = digits == 1, np.isnan(digits)
        self.ones = self.is_one.sum(axis=1)

    @cached_property
    def of_members(self) -> Floats:
        """Log probability of every seen member if they were independent, (n, d); 0 if hidden."""
        q = self.group.shares
        return np.where(self.hidden, 0.0, np.where(self.is_one, np.log(q), np.log1p(-q)))

    @cached_property
    def log_seen(self) -> Floats:
        """Log probability of all seen members if they were independent, (n,)."""
        return self.of_members.sum(axis=1)

    @cached_property
    def tails(self) -> _Tails:
        """Of the hidden members."""
        return _Tails.of(self.group.shares, self.hidden)

    def only(self, keep: Mask) -> "Seen":
        """The same rows with the members of a mask (d,) seen alone."""
        return self if keep.all() else Seen(self.group, np.where(keep, self.digits, np.nan))

    def rows(self, index: NDArray[np.intp]) -> "Seen":
        """The rows at these positions."""
        return Seen(self.group, self.digits[index])

    @cached_property
    def nothing(self) -> Mask:
        """Which rows show no member, (n,)."""
        return np.equal(self.hidden.sum(axis=1), self.group.d)

    @cached_property
    def impossible(self) -> Mask:
        """Which rows no state allows, (n,)."""
        bare: Mask = (self.ones == 0) & ~self.hidden.any(axis=1)
        many: Mask = self.ones > 1
        return many if self.group.has_none else np.logical_or(many, bare)

    @cached_property
    def possible(self) -> Mask:
        """Which states rows allow, (n, C)."""
        states = np.where((self.ones == 0)[:, None], self.hidden, self.is_one)
        if self.group.has_none:
            states = np.column_stack([states, self.ones == 0])
        return states & ~self.impossible[:, None]

    @cached_property
    def log_escape(self) -> Floats:
        """Log probability, of patterns that are no states, of those that a row allows, (n,)."""
        return self._log_escape(self.ones, self.log_seen, self.tails)

    def codes(self, exact: bool = True) -> Codes:
        """The group as a column of codes.

        Parameters
        ----------
        exact : bool, default=True
            False: a row that a state allows has none of the patterns that are no states.
        """
        n, c = self.possible.shape
        known = self.possible.sum(axis=1) == 1
        if exact:
            known &= ~self.hidden.any(axis=1)
        values = np.where(known, self.possible.argmax(axis=1), np.nan)
        unseen = self.group.unseen
        log_constant = np.full(n, np.log1p(-unseen))
        if self.impossible.any():
            wrong = np.flatnonzero(self.impossible)
            log_constant[wrong] = np.log(unseen) + self.rows(wrong).log_escape
        several = ~(known | self.impossible | self.nothing)
        evidence, likelihoods = np.full(n, -1, dtype=np.intp), np.empty((0, c))
        if several.any():
            marks = np.where(self.is_one, np.int8(1), np.where(self.hidden, np.int8(2), np.int8(0)))
            _, first, index = np.unique(
                marks[several], axis=0, return_index=True, return_inverse=True
            )
            evidence[several] = index.reshape(-1)
            rows = np.flatnonzero(several)[first]
            likelihoods = self.possible[rows].astype(np.float64)
            if exact:
                escape = np.exp(self.rows(rows).log_escape) * unseen / (1 - unseen)
                likelihoods += escape[:, None]
        return Codes(values, evidence, likelihoods, np.where(self.nothing, 0.0, log_constant))

    def log_cells(self, log_codes: Floats) -> Floats:
        """Log probability of every seen member given the others, (n, d); NaN where missing.

        Parameters
        ----------
        log_codes : ndarray (n, C)
            Log probabilities of the codes given the other columns of the table.
        """
        pi, q = np.exp(log_codes), self.group.shares
        members, tails = pi[:, : self.group.d], self.tails.with_member(q)
        # Each member in turn is hidden too.
        ones = self.ones[:, None] - self.is_one
        only_one = self._other_one(members)
        hidden = (members * self.hidden).sum(axis=1, keepdims=True) + members
        valid = np.where(ones == 0, hidden + self._none(pi)[:, None], only_one)
        log_seen = self.log_seen[:, None] - self.of_members
        without = self._log_mixed(ones, valid, log_seen, tails)
        cells = self.log_probability(log_codes)[:, None] - without
        return np.where(self.hidden, np.nan, np.minimum(cells, 0.0))

    def log_probability(self, log_codes: Floats) -> Floats:
        """Log probability of what rows show given the other columns, (n,); codes as above."""
        valid = (np.exp(log_codes) * self.possible).sum(axis=1)
        return self._log_mixed(self.ones, valid, self.log_seen, self.tails)

    def chances(self, log_codes: Floats) -> Floats:
        """Probability that each member is 1 given the others, seen ones included, (n, d)."""
        q = self.group.shares
        members = np.exp(log_codes[:, : self.group.d])
        valid = np.where((self.ones == 0)[:, None], members, 0.0)
        with np.errstate(divide="ignore"):
            others = np.log(self.tails.none)[:, None] - np.log1p(-q)
        some = -np.expm1(np.minimum(others, 0.0))
        tails = _Tails(1 - some, some, np.zeros_like(some))
        ones, log_seen = self.ones[:, None] + 1, self.log_seen[:, None] + np.log(q)
        joint = self._log_mixed(ones, valid, log_seen, tails)
        found = np.exp(np.minimum(joint - self.log_probability(log_codes)[:, None], 0.0))
        return np.where(self.hidden, found, self.digits)

    def completed(self, codes: Floats, random: np.random.RandomState | None) -> Floats:
        """Digits (n, d) of codes that the rows allow, with the seen ones as they are.

        Where no state allows what a row shows, hidden members are drawn as in patterns that are no
        states, or without randomness have their modes.
        """
        digits, wrong = self.group.digits(codes), self.impossible
        if wrong.any():
            q = self.group.shares
            u = 0.5 if random is None else random.uniform(size=(int(wrong.sum()), self.group.d))
            digits[wrong] = np.broadcast_to(u < q, (int(wrong.sum()), self.group.d))
        return np.where(self.hidden, digits, self.digits)

    def likeliest(self, log_codes: Floats) -> Floats:
        """Digits of the most probable pattern that the rows allow, (n, d)."""
        allowed = np.where(self.possible, log_codes, -np.inf)
        return self.completed(allowed.argmax(axis=1).astype(np.float64), None)

    def _none(self, pi: Floats) -> Floats:
        return pi[:, -1] if self.group.has_none else np.zeros(len(pi))

    def _other_one(self, members: Floats) -> Floats:
        """Probability of the one member that is 1 when each is hidden in turn, (n, d)."""
        seen = np.where(self.is_one, members, 0.0)
        most = seen.max(axis=1, keepdims=True)
        first = seen.argmax(axis=1)[:, None]
        # Of two that are 1 the other one is left; with one of them it is that one.
        rest = np.where(np.arange(self.group.d) == first, 0.0, seen).max(axis=1, keepdims=True)
        other = np.where(np.arange(self.group.d) == first, rest, most)
        return np.where((self.ones == 2)[:, None] & self.is_one, other, most)

    def _log_mixed(
        self, ones: NDArray[np.intp], valid: Floats, log_seen: Floats, tails: _Tails
    ) -> Floats:
        """Log of the probability of a state and that of other patterns, elementwise.

        Parameters
        ----------
        ones : ndarray of int
            Members that are 1.
        valid : ndarray
            Probability of the states that are allowed, where at most one is.
        log_seen : ndarray
            Log probability of the seen members if they were independent.
        tails : _Tails
            Of the hidden members.
        """
        unseen = self.group.unseen
        states = np.log1p(-unseen) + _log(np.where(ones <= 1, valid, 0.0))
        return np.logaddexp(states, np.log(unseen) + self._log_escape(ones, log_seen, tails))

    def _log_escape(self, ones: NDArray[np.intp], log_seen: Floats, tails: _Tails) -> Floats:
        """Log probability of patterns that are no states, among all of these, elementwise."""
        alone = np.where(ones == 1, tails.one + tails.more, 1.0)
        inside = np.where(ones == 0, tails.no_state(self.group), alone)
        return log_seen + _log(inside) - self.group.log_unseen_patterns


def _log(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(values)
