"""Files of skpc that are altered and given the right checksum again."""

import json
from contextlib import contextmanager
from hashlib import sha256
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

START = b'{"__metadata__":{"sha256":"'


def parts_of(data):
    """The header as a dict, what "skpc" in it holds, and the bytes of the arrays."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["skpc"]), data[8 + length :]


def forged(header, about, data):
    """The bytes of a file; `header` and `about` are JSON values or text."""
    if isinstance(header, dict):
        metadata = {"sha256": "0" * 64, **header.get("__metadata__", {})}
        metadata["sha256"] = "0" * 64
        if about is not None:
            metadata["skpc"] = about if isinstance(about, str) else json.dumps(about)
        rest = {name: entry for name, entry in header.items() if name != "__metadata__"}
        header = json.dumps({"__metadata__": metadata, **rest}, separators=(",", ":"))
    text = header.encode()
    assert text.startswith(START)
    return signed(len(text).to_bytes(8, "little") + text + data)


def signed(data):
    """Bytes with the checksum that they should have."""
    first = 8 + len(START)
    blank = data[:first] + b"0" * 64 + data[first + 64 :]
    return data[:first] + sha256(blank).hexdigest().encode() + data[first + 64 :]


@contextmanager
def full_disk(n_bytes):
    """No file can grow beyond so many bytes."""
    soft, hard = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, (soft, hard))
