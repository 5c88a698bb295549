"""Files that hold a model: arrays and JSON in one file, which runs no code.

A file is written whole or not at all, and read after everything that it says of itself was checked.
Its layout, in `layout`, is that of safetensors files. What stands in one is a tree of plain values
(`encoding`) and objects of the classes in a closed table (`known`), which other rooms fill.
"""

from .atomic import write_whole
from .known import Known
from .layout import Contents, Header
from .reading import naming, read
from .values import check_arrays, contents_of, from_plain, to_plain, value_of
from .writing import write

__all__ = [
    "Contents",
    "Header",
    "Known",
    "check_arrays",
    "contents_of",
    "from_plain",
    "naming",
    "read",
    "to_plain",
    "value_of",
    "write",
    "write_whole",
]
