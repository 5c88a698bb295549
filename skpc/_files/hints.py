"""Whether values are what the annotations of a class say, for the fields that files hold."""

from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np


def check_types(cls: type, values: dict[str, Any]) -> None:
    """Refuse values that the annotations of a dataclass do not allow.

    Parameters
    ----------
    cls : type
    values : dict
        By name of a field.

    Raises
    ------
    ValueError
    """
    hints = _hints_of(cls)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"{name} is {_shown(value)}; {_named(hints[name])} is accepted.")


@cache
def _hints_of(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {one.name: hints[one.name] for one in fields(cls)}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what one annotation says."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in args)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in args)
    if origin is tuple:
        return type(value) is tuple and _fit_all(value, args)
    if origin is list:
        return type(value) is list and all(_fits(one, args[0]) for one in value)
    if origin is dict:
        return type(value) is dict and all(
            _fits(key, args[0]) and _fits(one, args[1]) for key, one in value.items()
        )
    if origin is np.ndarray:
        kind = _kind_of(hint)
        return isinstance(value, np.ndarray) and (kind is Any or np.issubdtype(value.dtype, kind))
    if hint in (None, NoneType):
        return value is None
    if hint in (int, float):
        accepted = (int, np.integer) if hint is int else (float, int, np.floating, np.integer)
        return isinstance(value, accepted) and not isinstance(value, bool)
    return isinstance(value, hint)


def _kind_of(hint: Any) -> Any:
    """Kind of the numbers of an annotated array."""
    kind = get_args(get_args(hint)[1])[0]
    return get_origin(kind) or kind


def _fit_all(values: tuple[Any, ...], args: tuple[Any, ...]) -> bool:
    """Whether the items of a tuple are what its annotation says."""
    if len(args) == 2 and args[1] is Ellipsis:
        return all(_fits(value, args[0]) for value in values)
    return len(values) == len(args) and all(map(_fits, values, args))


def _named(hint: Any) -> str:
    """An annotation as messages show it."""
    if get_origin(hint) is np.ndarray:
        kind = _kind_of(hint)
        return "an array" if kind is Any else f"an array of {kind.__name__}"
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_named(one) for one in get_args(hint))
    if get_args(hint):
        return str(hint).replace("typing.", "")
    return "None" if hint in (None, NoneType) else hint.__name__


def _shown(value: Any) -> str:
    """A value as messages show it; long ones are cut."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."
