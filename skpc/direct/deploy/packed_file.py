"""What packed models share: they are kept in files of plain arrays and numbers."""

from collections.abc import Collection
from os import PathLike
from typing import Any, ClassVar, Self

from ..._files import Contents, Header, naming, read, write


class PackedFile:
    """A frozen dataclass whose fields a file holds, and which checks them when it is made.

    Attributes
    ----------
    _kind : tuple of str and int
        What files say that they hold, and the number of the fields.
    _arrays : collection of str
        Fields that are arrays.
    """

    _kind: ClassVar[tuple[str, int]]
    _arrays: ClassVar[Collection[str]]

    @staticmethod
    def _check_header(header: Header) -> None:
        """Refuse the header of a file, before its arrays are read."""
        raise NotImplementedError

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file of plain arrays and numbers, whole or not at all.

        It is a safetensors file with a checksum; nothing in it is run when it is read.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        OSError
            If the file cannot be written. One that was there stays as it was.
        """
        arrays = {name: vars(self)[name] for name in self._arrays}
        write(path, Contents(*self._kind, self._numbers(), arrays))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote, also by earlier versions of skpc.

        All fields are compared with each other before memory is taken for any.

        Raises
        ------
        ValueError
            If the file holds anything else, was cut or altered, or its fields do not agree.
        OSError
            If there is no such file, or it cannot be opened.
        """
        kind, version = cls._kind
        with naming(path):
            return cls.of_contents(read(path, {kind: version}, cls._check_header))

    @classmethod
    def of_contents(cls, contents: Contents) -> Self:
        """The model of a file that was read, and whose header was checked."""
        return cls(**{**contents.fields, **contents.arrays})

    def _numbers(self) -> dict[str, Any]:
        """The fields that are no arrays."""
        return {name: value for name, value in vars(self).items() if name not in self._arrays}
