"""Files that are whole or not there. (That whole runs survive a crash while writing is in `runs/test_directory.py`.)"""

import errno
import os
import stat

import pytest

from medunlearn.files import write_whole, writing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", memoryview(b"abcdef")[::1], bytes(10**6)])
def test_write_whole_writes_every_byte_and_makes_the_folder(tmp_path, content):
    path = tmp_path / "a" / "b" / "file.bin"
    write_whole(path, content)
    assert path.read_bytes() == bytes(content)
    assert names(path.parent) == ["file.bin"]


def test_write_whole_replaces_longer_content(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"long content")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_write_whole_takes_the_place_of_what_a_killed_process_left(tmp_path):
    (tmp_path / "file.part").write_bytes(b"half of something longer than the new content")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_write_whole_leaves_the_file_that_a_reader_has_open_as_it_was(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"old content")
    with path.open("rb") as reader:
        assert reader.read(3) == b"old"
        write_whole(path, b"new")
        assert reader.read() == b" content"


def test_write_whole_puts_all_content_on_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    path, seen, fsync = tmp_path / "file", [], os.fsync

    def noting(number):
        seen.append((os.fstat(number).st_size, path.exists()))
        fsync(number)

    monkeypatch.setattr(writing.os, "fsync", noting)
    write_whole(path, bytes(10))
    assert seen == [(10, False)]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [True, False])
def test_write_whole_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, error, old):
    path = tmp_path / "file"
    if old:
        write_whole(path, b"old")

    def fail(number):
        raise error

    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(type(error)) as caught:
        write_whole(path, b"new")
    assert caught.value is error
    assert names(tmp_path) == (["file"] if old else [])
    assert not old or path.read_bytes() == b"old"


def test_write_whole_onto_a_folder_leaves_it_and_no_part(tmp_path):
    (tmp_path / "file" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]
    assert stat.S_ISDIR((tmp_path / "file").stat().st_mode)
    assert names(tmp_path / "file") == ["inner"]


def test_write_whole_below_a_file_is_an_os_error(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file" / "inner", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
