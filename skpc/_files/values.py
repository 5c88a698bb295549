"""Values of known classes, in files and as plain objects for pickles."""

from collections import Counter
from typing import Any

import numpy as np

from .decoding import Decoder, names_of_arrays
from .encoding import Encoder
from .known import Known
from .layout import Contents, Header

# What the tree of a file says besides its arrays.
FIELDS = {"skpc", "tree"}
# What is raised where fields are of a wrong type, or too few, in a place that checks did not reach.
STRAY = (ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError)


def to_plain(known: Known, value: Any) -> Any:
    """A value as dicts, lists, numbers, texts and arrays, for pickles.

    Objects that are no part of skpc stay as they are.
    """
    return Encoder(known, in_file=False).tree(value, "")


def from_plain(known: Known, plain: Any) -> Any:
    """The value of what `to_plain` returned."""
    return Decoder(known).value(plain)


def contents_of(known: Known, value: Any, kind: str, version: int, skpc: str) -> Contents:
    """What a file of a value holds.

    Parameters
    ----------
    known : Known
    value : object
    kind : str
    version : int
        Of the trees of `encoding`.
    skpc : str
        The version of skpc, for readers.

    Raises
    ------
    ValueError
        For what a file does not hold; the message names it.
    """
    encoder = Encoder(known, in_file=True)
    tree = encoder.tree(value, kind)
    return Contents(kind, version, {"skpc": skpc, "tree": tree}, encoder.arrays)


def check_arrays(header: Header) -> None:
    """Refuse a file whose tree does not name each of its arrays, once."""
    if header.fields.keys() != FIELDS:
        raise ValueError(f"the fields are {sorted(header.fields)}; {sorted(FIELDS)} are accepted.")
    try:
        named = Counter(names_of_arrays(header.fields["tree"]))
    except STRAY as error:
        raise ValueError(f"its tree is none: {error}") from error
    stored = Counter([*header.types])
    if named != stored:
        wrong = sorted(map(str, (named - stored) + (stored - named)))
        raise ValueError(f"the array {wrong[0]} is missing, left over or named twice.")


def value_of(known: Known, contents: Contents) -> Any:
    """The value of what `contents_of` returned.

    Raises
    ------
    ValueError
        If the tree is not one of a known class, or its fields do not agree.
    """
    try:
        # Checks compare with bounds what overflows.
        with np.errstate(all="ignore"):
            return Decoder(known, contents.arrays).value(contents.fields["tree"])
    except STRAY as error:
        raise ValueError(f"its fields do not agree: {type(error).__name__}: {error}") from error
