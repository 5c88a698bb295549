"""Files that are written whole or not at all."""

import os
from collections.abc import Iterable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE

# Anything that a file takes as bytes without a copy.
Block = bytes | memoryview


def write_whole(path: str | PathLike[str], blocks: Iterable[Block]) -> None:
    """Write a file beside `path`, and put it in its place once all of it is on the disk.

    Whatever goes wrong before, a full disk or an interruption, leaves the file that was there.
    A link is followed, and the permissions of the file that was there are kept. Anything that is
    no file, such as a pipe, has nothing to be kept and is written to as it is.

    Parameters
    ----------
    path : path-like
    blocks : iterable of bytes or memoryview

    Raises
    ------
    OSError
        If the file, or one beside it, cannot be written.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            file.writelines(blocks)
        return
    beside = target.with_name(f".{token_hex(8)}.part")
    try:
        # "x" makes a file of its own, with the permissions of any new file.
        with beside.open("xb") as file:
            if target.exists():
                os.chmod(beside, S_IMODE(target.stat().st_mode))
            file.writelines(blocks)
            file.flush()
            # Without this a power cut may leave the new name without its bytes.
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise
