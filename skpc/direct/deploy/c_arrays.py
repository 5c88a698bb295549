"""Constant arrays in C."""

import textwrap
from collections.abc import Iterable
from typing import Any


def array(declaration: str, values: Iterable[Any]) -> str:
    """One constant array.

    Examples
    --------
    >>> print(array("int x", [1, 2]).strip())
    static const int x[] = {
        1, 2
    };
    """
    listed = textwrap.fill(", ".join(map(str, values)), 96)
    return f"static const {declaration}[] = {{\n{textwrap.indent(listed, '    ')}\n}};\n\n"
