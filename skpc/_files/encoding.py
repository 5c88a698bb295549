"""Values as trees of JSON and arrays, for files and for pickles.

None, booleans, whole numbers, floats, texts and lists are themselves. Everything else is an object
with one key, which says what it is:

    {"tuple": [...]}           {"dict": [[key, value], ...]}      {"array": name of the array}
    {"floats": array}          {"integers": array}                many numbers of a list
    {"float": "nan"}           {"number": ["int64", 3]}           {"decimal": "1.10"}
    {"fraction": [1, 3]}       {"bytes": "00ff"}                  {"texts": [shape, [...]]}
    {"objects": [shape, [...]]}                                   {"transposed": array}
    {"random": {...}}          a numpy.random.RandomState
    {"interval": [0, 1, "right"]}              {"timestamp": [count, unit]}      of pandas
    {"constant": name}         an object of the table of `known`
    {NAME: {field: value}}     an object of a class of that table

In a pickle arrays stand where they are, and {"own": object} holds what is no part of skpc.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .known import Known
from .layout import NAMES

# Lists of so many numbers of one type are arrays.
MANY = 8
INT64 = 2**63
PACKED = {float: ("floats", np.float64), int: ("integers", np.int64)}
# NumPy's own numbers and texts.
SCALARS: dict[type, str] = {
    np.bool_: "bool", np.str_: "str", np.float16: "float16", np.float32: "float32",
    np.float64: "float64", np.int8: "int8", np.int16: "int16", np.int32: "int32",
    np.int64: "int64", np.uint8: "uint8", np.uint16: "uint16", np.uint32: "uint32",
    np.uint64: "uint64",
}  # fmt: skip


class Encoder:
    """From values to trees.

    Parameters
    ----------
    known : Known
    in_file : bool
        Whether a file is to hold the tree: arrays go to `arrays`, and objects that no file holds
        are refused.

    Attributes
    ----------
    arrays : dict of ndarray
    """

    def __init__(self, known: Known, in_file: bool) -> None:
        self._known = known
        self._in_file = in_file
        self.arrays: dict[str, NDArray[Any]] = {}

    def tree(self, value: Any, where: str) -> Any:
        """The tree of a value.

        Parameters
        ----------
        value : object
        where : str
            Name of the value, for messages and for names of arrays.

        Raises
        ------
        ValueError
            For what a file does not hold; the message names it.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            in_json = not self._in_file or np.isfinite(value)
            return value if in_json else {"float": repr(value)}
        if kind in (list, tuple):
            items = self._items(value, where)
            return items if kind is list else {"tuple": items}
        if kind is dict:
            return {
                "dict": [
                    [self.tree(key, f"a key of {where}"), self.tree(one, f"{where}.{key}")]
                    for key, one in value.items()
                ]
            }
        # Other kinds of arrays, such as masked ones, hold more than numbers.
        if kind in (np.ndarray, np.memmap):
            return self._of_array(value, where)
        return self._of_object(value, where)

    def _items(self, values: list[Any] | tuple[Any, ...], where: str) -> Any:
        kind = type(values[0]) if len(values) >= MANY else None
        if kind in PACKED and all(type(one) is kind for one in values):
            name, dtype = PACKED[kind]
            if kind is float or all(-INT64 <= one < INT64 for one in values):
                return {name: self._array(np.array(values, dtype=dtype), where)}
        return [self.tree(one, f"{where}.{i}") for i, one in enumerate(values)]

    def _of_array(self, array: NDArray[Any], where: str) -> Any:
        shape = list(array.shape)
        if array.dtype.kind == "U":
            return {"texts": [shape, array.ravel().tolist()]}
        if array.dtype.kind == "O":
            cells = array.ravel().tolist()
            objects = [self.tree(one, f"{where}.{i}") for i, one in enumerate(cells)]
            return {"objects": [shape, objects]}
        # Products of matrices may differ in their last bit by the order of memory.
        if array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous:
            return {"transposed": self._array(array.T, where)}
        return self._array(array, where)

    def _array(self, array: NDArray[Any], where: str) -> Any:
        if not self._in_file:
            return array
        if array.dtype.newbyteorder("<") not in NAMES:
            self._refuse(where, f"an array of {array.dtype}")
        name = where
        while name in self.arrays or name == "__metadata__":
            name += "+"
        self.arrays[name] = array
        return {"array": name}

    def _of_object(self, value: Any, where: str) -> Any:
        if type(value) in SCALARS:
            return {"number": [SCALARS[type(value)], self.tree(value.item(), where)]}
        if type(value) is Decimal:
            return {"decimal": str(value)}
        if type(value) is Fraction:
            return {"fraction": [value.numerator, value.denominator]}
        if type(value) is bytes:
            return {"bytes": value.hex()}
        if type(value) is np.random.RandomState:
            return {"random": self.tree(_random_state(value), where)}
        if type(value).__module__.partition(".")[0] == "pandas":
            return self._of_pandas(value, where)
        known = self._known.of(value)
        if known is not None:
            fields = known.state(value).items()
            return {known.name: {name: self.tree(one, f"{where}.{name}") for name, one in fields}}
        constant = self._known.constant_of(value)
        if constant is not None:
            return {"constant": constant}
        if not self._in_file:
            return {"own": value}
        return self._refuse(where, _described(value))

    def _of_pandas(self, value: Any, where: str) -> Any:
        """A bin of `pandas.cut`, or a date that names a column."""
        kind = type(value).__name__
        if kind == "Interval":
            ends = [self.tree(end, where) for end in (value.left, value.right)]
            return {"interval": [*ends, value.closed]}
        if kind == "Timestamp" and value.tz is None:
            count = value.to_datetime64()
            return {"timestamp": [int(count.astype(np.int64)), np.datetime_data(count.dtype)[0]]}
        if not self._in_file:
            return {"own": value}
        return self._refuse(where, _described(value))

    @staticmethod
    def _refuse(where: str, what: str) -> NoReturn:
        raise ValueError(
            f"{where} is {what}, which a file of skpc does not hold: files hold numbers, texts and "
            "skpc's own objects, and no code. Pickle or joblib keeps it, for readers that trust it."
        )


def _described(value: Any) -> str:
    """An object that is refused, as messages show it."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"


def _random_state(random: np.random.RandomState) -> dict[str, Any]:
    """The numbers of a RandomState."""
    state: Any = random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise ValueError(f"A RandomState of {state['bit_generator']} is in no file; pickle it.")
    return {"has_gauss": state["has_gauss"], "gauss": state["gauss"], **state["state"]}
