"""Trees of JSON and arrays back to values; see `encoding`."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import SCALARS
from .known import Known

Arrays = dict[str, NDArray[Any]]
# What a file may hold instead of a float, since JSON has no such number.
NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
# Letters of an array of texts, which only parameters have.
MOST_LETTERS = 10_000_000
# Of dates.
UNITS = ("s", "ms", "us", "ns")
# Words of the generator of a RandomState.
WORDS = 624


def names_of_arrays(tree: Any) -> Iterator[str]:
    """Names of the arrays that a tree of a file refers to, in its order."""
    items = tree if type(tree) is list else tree.values() if type(tree) is dict else ()
    if type(tree) is dict and tree.keys() == {"array"}:
        yield tree["array"]
        return
    for one in items:
        yield from names_of_arrays(one)


class Decoder:
    """From trees to values.

    Parameters
    ----------
    known : Known
    arrays : dict of ndarray, optional
        Of a file, by name. None: the tree is one of a pickle, in which arrays stand themselves.
    """

    def __init__(self, known: Known, arrays: Arrays | None = None) -> None:
        self._known = known
        self._arrays = arrays
        self._made: dict[str, Callable[[Any], Any]] = {
            "tuple": lambda tree: tuple(self._list(tree)),
            "dict": self._dict,
            "array": self._named_array,
            "floats": lambda tree: self._numbers(tree, np.dtype(np.float64)),
            "integers": lambda tree: self._numbers(tree, np.dtype(np.int64)),
            "float": lambda tree: NOT_FINITE[tree],
            "number": self._number,
            "decimal": lambda tree: Decimal(_text(tree)),
            "fraction": lambda tree: Fraction(*self._pair(tree)),
            "bytes": lambda tree: bytes.fromhex(_text(tree)),
            "texts": self._texts,
            "objects": self._objects,
            "transposed": lambda tree: self._array(tree).T,
            "random": self._random,
            "interval": self._interval,
            "timestamp": self._timestamp,
            "constant": known.constant,
        }

    def value(self, tree: Any) -> Any:
        """The value of a tree.

        Raises
        ------
        ValueError
            If the tree is not one that `Encoder` makes, or fields of a class do not agree.
        """
        kind = type(tree)
        if kind is list:
            return [self.value(one) for one in tree]
        if kind is np.memmap or isinstance(tree, np.ndarray):
            return tree
        if kind is not dict:
            return tree
        if len(tree) != 1:
            raise ValueError(f"it has an object of {len(tree)} keys where one of one key stands.")
        [(name, inner)] = tree.items()
        if name in self._made:
            return self._made[name](inner)
        if name == "own" and self._arrays is None:
            return inner
        return self._object(name, inner)

    def _object(self, name: str, inner: Any) -> Any:
        known = self._known.named(name)
        if type(inner) is not dict:
            raise ValueError(f"{name} in it has no fields.")
        fields = {field: self.value(one) for field, one in inner.items()}
        try:
            made = known.build(fields)
            # What a pickle holds was made by the same classes.
            if self._arrays is not None and hasattr(made, "check"):
                made.check()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        return made

    def _list(self, tree: Any) -> list[Any]:
        made = self.value(tree)
        if type(made) is not list:
            raise ValueError("it has no list where one stands.")
        return made

    def _dict(self, tree: Any) -> dict[Any, Any]:
        pairs = [(self.value(key), self.value(one)) for key, one in map(self._pair, tree)]
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("it has a dict in which a key stands twice.")
        return made

    @staticmethod
    def _pair(tree: Any) -> tuple[Any, Any]:
        if type(tree) is not list or len(tree) != 2:
            raise ValueError("it has no pair where one stands.")
        return tree[0], tree[1]

    def _named_array(self, name: Any) -> NDArray[Any]:
        if self._arrays is None:
            raise ValueError("it names an array, and has none.")
        return self._arrays[name]

    def _array(self, tree: Any) -> NDArray[Any]:
        made = self.value(tree)
        if not isinstance(made, np.ndarray):
            raise ValueError("it has no array where one stands.")
        return made

    def _numbers(self, tree: Any, dtype: np.dtype[Any]) -> list[Any]:
        array = self._array(tree)
        if array.dtype != dtype or array.ndim != 1:
            raise ValueError(f"it has an array of {array.dtype} where one axis of {dtype} stands.")
        numbers: list[Any] = array.tolist()
        return numbers

    def _number(self, tree: Any) -> Any:
        name, value = self._pair(tree)
        made = next(scalar for scalar, known in SCALARS.items() if known == name)
        return made(self.value(value))

    def _texts(self, tree: Any) -> NDArray[Any]:
        shape, cells = self._pair(tree)
        texts = [_text(one) for one in cells]
        # In an array each text takes the memory of the longest.
        if len(texts) * max(map(len, texts), default=0) > MOST_LETTERS:
            raise ValueError(f"its texts take more than {MOST_LETTERS} letters in an array.")
        return _shaped(np.array(texts, dtype=str), shape)

    def _objects(self, tree: Any) -> NDArray[Any]:
        shape, cells = self._pair(tree)
        made = np.empty(len(cells), dtype=object)
        for i, one in enumerate(cells):
            made[i] = self.value(one)
        return _shaped(made, shape)

    def _interval(self, tree: Any) -> Any:
        left, right, closed = map(self.value, tree)
        return _pandas().Interval(left, right, closed=closed)

    def _timestamp(self, tree: Any) -> Any:
        count, unit = self._pair(tree)
        if type(count) is not int or unit not in UNITS:
            raise ValueError(f"it has no date where one stands: {tree}.")
        return _pandas().Timestamp(np.datetime64(count, unit))

    def _random(self, tree: Any) -> np.random.RandomState:
        state = self.value(tree)
        key, pos = state["key"], state["pos"]
        good = type(pos) is int and 0 <= pos <= WORDS and key.shape == (WORDS,)
        if not (good and key.dtype == np.uint32 and state["has_gauss"] in (0, 1)):
            raise ValueError("its RandomState is none.")
        made = np.random.RandomState()
        made.set_state(("MT19937", key, pos, state["has_gauss"], float(state["gauss"])))
        return made


def _pandas() -> Any:
    """The library, which a file needs that holds its objects."""
    try:
        return import_module("pandas")
    except ImportError as error:
        raise ImportError("The file holds intervals or dates of pandas; install pandas.") from error


def _text(tree: Any) -> str:
    if type(tree) is not str:
        raise ValueError("it has no text where one stands.")
    return tree


def _shaped(array: NDArray[Any], shape: Any) -> NDArray[Any]:
    if prod(shape) != len(array) or min(shape, default=0) < 0:
        raise ValueError(f"it has {len(array)} cells for the shape {shape}.")
    return array.reshape(shape)
