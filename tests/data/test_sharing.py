import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import write_npz

from medunlearn.data import sharing
from medunlearn.data.npz import read_npz
from medunlearn.data.sharing import shared_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux")

SIZE = 2**24
HOLD = """
import runpy, sys, numpy as np
shared_bytes = runpy.run_path(sys.argv[4])["shared_bytes"]  # alone, or all of medunlearn.data would be imported
def fill(memory):
    print("filled", flush=True)
    memory[:] = int(sys.argv[2])
memory = shared_bytes(sys.argv[1], int(sys.argv[3]), fill)
print(int(memory[0]), int(memory.sum(dtype=np.int64)), flush=True)
pages = dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup").read().splitlines()[1:])
print(pages["Shared_Clean"], pages["Shared_Dirty"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_notes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def hold():
    """Return a function that starts a process which holds shared bytes until it is stopped."""
    started = []

    def start(key="images", value=7, size=SIZE):
        command = [sys.executable, "-c", HOLD, key, str(value), str(size), sharing.__file__]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def never(memory):
    raise AssertionError("the bytes were there already")


def lines(process, count):
    return [process.stdout.readline().split() for _ in range(count)]


def test_the_second_process_maps_what_the_first_has_read(hold):
    assert lines(hold(value=7), 2) == [["filled"], ["7", str(7 * SIZE)]]
    second = hold(value=9)
    assert lines(second, 1) == [["7", str(7 * SIZE)]]
    shared = lines(second, 1)[0]
    assert int(shared[0]) + int(shared[2]) >= SIZE // 1024  # kB in pages that another process has too
    assert shared_bytes("images", SIZE, never)[0] == 7


def test_processes_that_start_at_once_read_once(hold):
    started = [hold(value=value) for value in (1, 2, 3)]
    lines_read = [process.stdout.readline().split() for process in started]
    assert lines_read.count(["filled"]) == 1
    value = 1 + lines_read.index(["filled"])
    first = next(process for process, line in zip(started, lines_read, strict=True) if line == ["filled"])
    assert lines(first, 1)[0][0] == str(value)
    assert all(line == ["filled"] or line[0] == str(value) for line in lines_read)


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_memory_is_freed_when_the_last_process_ends(hold, tmp_path, end):
    process = hold(value=7)
    lines(process, 2)
    (note,) = (tmp_path / f"medunlearn-{os.getuid()}").iterdir()
    address = note.read_text()
    assert Path(address).readlink().name.startswith("memfd:medunlearn")
    getattr(process, end)()
    process.wait()
    assert not os.path.lexists(address)
    assert note.stat().st_size < 100
    assert shared_bytes("images", SIZE, lambda memory: memory.fill(3))[0] == 3


def test_memory_outlives_the_process_that_read_it_and_stays_shared(hold):
    process = hold(value=7)
    lines(process, 2)
    own = shared_bytes("images", SIZE, never)
    process.kill()
    process.wait()
    assert (own == 7).all()
    assert (shared_bytes("images", SIZE, never) == 7).all()
    assert lines(hold(value=9), 1) == [["7", str(7 * SIZE)]]


def test_writes_of_one_process_are_seen_by_no_other():
    own = shared_bytes("images", 100, lambda memory: memory.fill(5))
    other = shared_bytes("images", 100, never)
    own[:] = 0
    assert (other == 5).all()
    assert (shared_bytes("images", 100, never) == 5).all()


def test_the_shared_memory_is_sealed(tmp_path):
    kept = shared_bytes("images", 100, lambda memory: memory.fill(5))
    (note,) = (tmp_path / f"medunlearn-{os.getuid()}").iterdir()
    with pytest.raises(PermissionError):
        os.truncate(note.read_text(), 0)
    with Path(note.read_text()).open("r+b", buffering=0) as file, pytest.raises(PermissionError):
        file.write(b"other")
    assert (kept == 5).all()


def test_memory_is_given_back_with_the_array(tmp_path):
    kept = shared_bytes("images", 100, lambda memory: memory.fill(5))
    part = kept[10:20].reshape(2, 5)
    del kept
    gc.collect()
    shared_bytes("images", 100, never)
    del part
    gc.collect()
    assert shared_bytes("images", 100, lambda memory: memory.fill(6))[0] == 6


@pytest.mark.parametrize("content", ["", "nonsense", "/proc/self/fd/0", "/etc/passwd", "/proc/1/fd/3", "\0"])
def test_a_wrong_note_is_passed_over(tmp_path, content):
    shared_bytes("images", 100, lambda memory: memory.fill(5))
    gc.collect()
    (note,) = (tmp_path / f"medunlearn-{os.getuid()}").iterdir()
    note.write_text(content)
    assert shared_bytes("images", 100, lambda memory: memory.fill(6))[0] == 6


def test_memory_of_another_size_or_unsealed_is_passed_over(tmp_path):
    kept = shared_bytes("images", 100, lambda memory: memory.fill(5))
    assert len(shared_bytes("images", 50, lambda memory: memory.fill(6))) == 50
    (note,) = (tmp_path / f"medunlearn-{os.getuid()}").iterdir()
    unsealed = os.memfd_create(note.name)
    os.truncate(unsealed, 100)
    note.write_text(f"/proc/self/fd/{unsealed}")
    assert shared_bytes("images", 100, lambda memory: memory.fill(7))[0] == 7
    os.close(unsealed)
    assert kept[0] == 5


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path):
    folder = tmp_path / f"medunlearn-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert (shared_bytes("images", 100, lambda memory: memory.fill(5)) == 5).all()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_memory_is_each_processs_own_on_other_systems(tmp_path, monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    assert (shared_bytes("images", 100, lambda memory: memory.fill(5)) == 5).all()
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_fill_is_passed_on_and_the_next_tries_again():
    def broken(memory):
        raise RuntimeError("the file ended")

    with pytest.raises(RuntimeError, match="the file ended"):
        shared_bytes("images", 100, broken)
    assert shared_bytes("images", 100, lambda memory: memory.fill(6))[0] == 6


def test_a_file_is_read_again_once_it_has_changed(tmp_path):
    first = read_npz(write_npz(tmp_path / "a.npz"))
    images = np.full_like(first.train.images, 9)
    second = read_npz(write_npz(tmp_path / "a.npz", train_images=images))
    assert (second.train.images == 9).all()
    assert not (first.train.images == 9).all()


def test_images_of_one_file_are_read_once(tmp_path, monkeypatch):
    first = read_npz(write_npz(tmp_path / "a.npz"))
    monkeypatch.setattr("medunlearn.data.npz._read_into", never)
    second = read_npz(tmp_path / "a.npz")
    assert second.sha256 == first.sha256
    assert (second.test.images == first.test.images).all()


@pytest.mark.parametrize("call", ["memfd_create", "ftruncate"])
def test_memory_is_each_processs_own_where_the_system_refuses(monkeypatch, call):
    def refuse(*_):
        raise OSError(27, "File too large")

    monkeypatch.setattr(os, call, refuse)
    assert (shared_bytes("images", 100, lambda memory: memory.fill(5)) == 5).all()


def test_a_note_that_cannot_be_read_is_no_fault_of_the_data(tmp_path):
    shared_bytes("images", 100, lambda memory: memory.fill(5))
    gc.collect()
    (note,) = (tmp_path / f"medunlearn-{os.getuid()}").iterdir()
    note.write_bytes(b"\xff\xfe\n\x00")
    assert (shared_bytes("images", 100, lambda memory: memory.fill(6)) == 6).all()
    gc.collect()
    note.unlink()
    note.mkdir()
    assert (shared_bytes("images", 100, lambda memory: memory.fill(7)) == 7).all()


def test_a_file_of_any_name_is_read(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npz"))
    write_npz(tmp_path / "a.npz").rename(path)
    assert len(read_npz(path).train) == 32


def test_a_file_replaced_while_it_is_read_is_not_taken_for_the_new_one(tmp_path, monkeypatch):
    import medunlearn.data.npz as npz

    path = write_npz(tmp_path / "a.npz")
    nines = np.full_like(read_npz(path).train.images, 9)
    new, check = write_npz(tmp_path / "new.npz", train_images=nines), npz._check_headers
    gc.collect()
    monkeypatch.setattr(npz, "_check_headers", lambda *given: (check(*given), new.replace(path)))
    old = read_npz(path)
    monkeypatch.setattr(npz, "_check_headers", check)
    assert not (old.train.images == 9).all()
    assert (read_npz(path).train.images == 9).all()


def test_a_file_rewritten_with_its_old_times_is_read_again(tmp_path):
    path = tmp_path / "a.npz"
    images = read_npz(write_npz(tmp_path / "b.npz")).train.images
    write_npz(path, train_images=np.full_like(images, 3))
    times = path.stat()
    first = read_npz(path)
    write_npz(path, train_images=np.full_like(images, 4))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert (read_npz(path).train.images == 4).all()
    assert (first.train.images == 3).all()
