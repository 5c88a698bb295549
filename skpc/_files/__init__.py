"""Files that hold a model: arrays and JSON in one file, which knows no model and runs no code.

A file is written whole or not at all, and read after everything that it says of itself was checked.
Its layout, in `layout`, is that of safetensors files.
"""

from .atomic import write_whole
from .layout import Contents, Header
from .reading import naming, read
from .writing import write

__all__ = ["Contents", "Header", "naming", "read", "write", "write_whole"]
