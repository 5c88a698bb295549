"""The classes and objects that files hold: a closed table of names."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from .hints import check_types

State = dict[str, Any]


@dataclass(frozen=True)
class KnownClass:
    """A class whose objects files hold.

    Attributes
    ----------
    name : str
        In files. It stays when the class is renamed.
    made : type
    state : callable
        From an object to the fields that a file holds, by name.
    build : callable
        From these fields to the object. It refuses, by ValueError, fields that do not agree.
    """

    name: str
    made: type
    state: Callable[[Any], State]
    build: Callable[[State], Any]


class Known:
    """Classes and objects by their names in files; what is not here is in no file.

    A file names what it holds, and this table alone decides what a name means: nothing is imported
    or called by a name of a file.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, KnownClass] = {}
        self._by_class: dict[type, KnownClass] = {}
        self._constants: dict[str, Any] = {}

    def add(
        self,
        cls: type,
        name: str | None = None,
        state: Callable[[Any], State] | None = None,
        build: Callable[[State], Any] | None = None,
    ) -> None:
        """Add a class.

        A class states its fields by `state`, and how it is built of them by `from_state`, if it has
        these. A dataclass need not: its fields are those that its constructor takes and whose names
        do not begin with "_"; they are compared with their annotations. If the class has `check`,
        that is called on what was built of a file, and raises ValueError where fields do not agree.

        Parameters
        ----------
        cls : type
        name : str, optional
            In files; that of the class by default.
        state, build : callable, optional
            In place of the above.
        """
        one = KnownClass(
            name or cls.__name__,
            cls,
            state or getattr(cls, "state", None) or _state_of,
            build or (lambda fields: _build(cls, fields)),
        )
        other = self._by_name.get(one.name, one).made
        # A module that is loaded again makes its classes again.
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"{one.name} is known already.")
        self._by_name[one.name] = self._by_class[cls] = one

    def add_constant(self, name: str, value: Any) -> None:
        """Add an object that is one of its kind, such as a leaf family, by a name."""
        self._constants[name] = value

    def of(self, value: Any) -> KnownClass | None:
        """What is known of an object's very class; a subclass of a user's is none of ours."""
        return self._by_class.get(type(value))

    def constant_of(self, value: Any) -> str | None:
        """The name of an object that is one of its kind."""
        return next((name for name, one in self._constants.items() if one is value), None)

    def named(self, name: str) -> KnownClass:
        """The class of a name in a file."""
        if name not in self._by_name:
            raise ValueError(f"it holds a {name!r}, which this version of skpc does not know.")
        return self._by_name[name]

    def constant(self, name: Any) -> Any:
        """The object of a name in a file."""
        if type(name) is not str or name not in self._constants:
            raise ValueError(f"it names {name!r}, which this version of skpc does not know.")
        return self._constants[name]


def _state_of(value: Any) -> State:
    """Fields of a dataclass that its constructor takes."""
    return {name: getattr(value, name) for name in _names_of(type(value))}


def _names_of(cls: type) -> list[str]:
    assert is_dataclass(cls), cls
    return [one.name for one in fields(cls) if one.init and not one.name.startswith("_")]


def _build(cls: Any, state: State) -> Any:
    """An object of a class from its fields; those of a dataclass with a default may be missing."""
    if hasattr(cls, "from_state"):
        return cls.from_state(state)
    known = _names_of(cls)
    other = [name for name in state if name not in known]
    if other:
        raise ValueError(f"it has the field {other[0]!r}; {known} are accepted.")
    check_types(cls, state)
    try:
        return cls(**state)
    except TypeError as error:
        raise ValueError(str(error)) from error
