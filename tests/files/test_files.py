"""Files bring back what was written; anything that is not whole and true is refused."""

import json
import struct
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
from helpers.things import ARRAYS, FIELDS, JSON, read_any, refuses, write_thing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load_file, save_file

from skpc._files import Contents, naming, read, write

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "f4", "u8", "i8", "f8", ">f8", ">i4"]


def same(one, other):
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


@pytest.fixture
def path(tmp_path):
    return write_thing(tmp_path)


def test_a_file_brings_back_fields_and_arrays(path):
    contents = read_any(path)
    assert (contents.kind, contents.version) == ("thing", 1)
    assert contents.fields == FIELDS
    assert str(contents.fields["parts"][3]["a"]) == "-0.0"
    assert contents.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert same(contents.arrays[name], array)
        assert contents.arrays[name].flags.writeable


@settings(deadline=None)
@given(data=st.data(), fields=st.dictionaries(st.text(), JSON, max_size=3))
def test_any_fields_and_arrays_come_back(data, fields, tmp_path_factory):
    kinds = st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, min_side=0, max_side=4))
    )
    names = st.text(min_size=1).filter(lambda name: name != "__metadata__")
    some = data.draw(st.dictionaries(names, kinds, max_size=3))
    path = tmp_path_factory.mktemp("any") / "thing"
    write(path, Contents("thing", 2, fields, some))
    contents = read_any(path)
    assert contents.fields == fields
    assert contents.arrays.keys() == some.keys()
    for name, array in some.items():
        assert same(contents.arrays[name], array.astype(array.dtype.newbyteorder("=")))


def test_layout_is_the_one_that_is_documented(path):
    """Read by the words of `layout` alone."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    digits = header["__metadata__"]["sha256"]
    assert sha256(data.replace(digits.encode(), b"0" * 64)).hexdigest() == digits
    assert json.loads(header["__metadata__"]["skpc"]) == {
        "format": 1,
        "kind": "thing",
        "version": 1,
        "fields": FIELDS,
    }
    entry = header["weights"]
    assert (entry["dtype"], entry["shape"]) == ("F64", [2, 3])
    start, end = (8 + length + offset for offset in entry["data_offsets"])
    assert struct.unpack("<6d", data[start:end]) == (0, 1, 2, 3, 4, 5)
    # Numbers of 8 bytes lie at multiples of 8.
    assert start % 8 == 0


def test_programs_that_read_safetensors_read_the_arrays(path):
    loaded = load_file(path)
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert same(loaded[name], array)


def test_every_flipped_bit_is_refused(path):
    data = path.read_bytes()
    for i in range(len(data)):
        for bit in range(8):
            refuses(path, data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :])


def test_every_cut_is_refused(path):
    data = path.read_bytes()
    for i in range(len(data)):
        refuses(path, data[:i])
        refuses(path, data[i + 1 :])
        refuses(path, data[:i] + data[i + 1 :])
    refuses(path, data + b"\0", "altered or cut")


@pytest.mark.parametrize(
    "other",
    [b"", b"weights", b"\0" * 500, b"\xff" * 500, b"PK\3\4" + b"\0" * 500, b"\x80\x04]\x94."],
    ids=["empty", "text", "zeros", "ones", "zip", "pickle"],
)
def test_other_files_are_refused(path, other):
    refuses(path, other, "skpc did not write it")


def test_safetensors_files_of_others_are_refused(path):
    save_file({"codes": np.ones(300)}, path)
    with pytest.raises(ValueError, match="skpc did not write it"):
        read_any(path)


def test_what_is_no_file_raises_what_python_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_any(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        read_any(tmp_path)


def test_no_memory_is_taken_for_what_is_refused(tmp_path):
    """A file with an array of 64 MB, which `check` refuses by its header."""
    path = tmp_path / "large"
    n_bytes = 64 * 2**20
    write(path, Contents("thing", 1, {}, {"x": np.zeros(n_bytes // 8)}))

    def check(header):
        assert header.types["x"].shape == (n_bytes // 8,)
        raise ValueError("x is not needed.")

    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="x is not needed"):
            read(path, {"thing": 1}, check)
        assert tracemalloc.get_traced_memory()[1] < n_bytes / 16
        read_any(path)
        assert tracemalloc.get_traced_memory()[1] < 1.1 * n_bytes
    finally:
        tracemalloc.stop()


def test_messages_name_the_file(path):
    path.write_bytes(b"weights")
    with (
        pytest.raises(ValueError, match=r"thing cannot be read: skpc did not write it"),
        naming(path),
    ):
        read_any(path)


@pytest.mark.parametrize(
    ("fields", "arrays", "kind"),
    [
        ({"x": float("nan")}, {}, ValueError),
        ({"x": np.int64(3)}, {}, TypeError),
        ({}, {"x": np.array(["text"])}, TypeError),
        ({}, {"x": np.array([None])}, TypeError),
        ({}, {"x": np.zeros(3, dtype="f2")}, TypeError),
        ({}, {"x": np.zeros(3, dtype="M8[s]")}, TypeError),
        ({"x": "y" * 100_000_000}, {}, ValueError),
    ],
    ids=["NaN", "NumPy", "text", "objects", "halves", "dates", "long"],
)
def test_what_a_file_cannot_hold_leaves_the_old_one(path, fields, arrays, kind):
    before = path.read_bytes()
    with pytest.raises(kind):
        write(path, Contents("thing", 1, fields, arrays))
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]
