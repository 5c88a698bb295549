"""A file is written whole or not at all."""

import os
from stat import S_IMODE

import pytest
from helpers.forgery import full_disk

from skpc._files import write_whole


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def blocks_until(error):
    yield b"new"
    raise error


def test_blocks_follow_one_another(path):
    write_whole(path, [b"new", memoryview(b" and "), b"", b"whole"])
    assert path.read_bytes() == b"new and whole"
    assert [*path.parent.iterdir()] == [path]


def test_a_full_disk_keeps_the_old_file(path):
    with full_disk(1000), pytest.raises(OSError, match="File too large"):
        write_whole(path, [b"x" * 999, b"yy"])
    assert path.read_bytes() == b"old"
    assert [*path.parent.iterdir()] == [path]


def test_a_disk_that_cannot_keep_it_keeps_the_old_file(path, monkeypatch):
    def fail(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), ValueError()], ids=repr)
def test_an_interruption_keeps_the_old_file(path, error):
    with pytest.raises(type(error)):
        write_whole(path, blocks_until(error))
    assert path.read_bytes() == b"old"
    with pytest.raises(type(error)):
        write_whole(path.with_name("other"), blocks_until(error))
    assert [*path.parent.iterdir()] == [path]


def test_a_new_file_has_the_permissions_of_any_other(path):
    write_whole(path.with_name("ours"), [b""])
    path.with_name("theirs").write_bytes(b"")
    ours, theirs = (path.with_name(name).stat().st_mode for name in ("ours", "theirs"))
    assert ours == theirs


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o777])
def test_an_old_file_keeps_its_permissions(path, mode):
    path.chmod(mode)
    write_whole(path, [b"new"])
    assert S_IMODE(path.stat().st_mode) == mode


def test_a_link_is_followed(path):
    link = path.with_name("link")
    link.symlink_to(path)
    write_whole(link, [b"new"])
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_who_reads_the_old_file_reads_on(path):
    with path.open("rb") as file:
        write_whole(path, [b"new"])
        assert file.read() == b"old"


def test_what_is_no_file_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, [b"new"])
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, [b"new"])
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nothing" / "file", [b"new"])
