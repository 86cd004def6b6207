import errno
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from medmnist.info import INFO

from medunlearn.data import medmnist
from medunlearn.data.medmnist import (
    SIZES,
    check_dataset,
    dataset_names,
    dataset_path,
    fetch,
    num_classes_of,
    read_dataset,
)
from medunlearn.errors import InputError

CONTENT = np.random.default_rng(0).bytes(200_000)
HALF = len(CONTENT) // 2


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.ranges.append(wanted)
        time.sleep(server.delay)
        status = server.statuses.pop(0) if server.statuses else 200
        if status != 200:
            self.send_error(status)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.knows_ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start + server.shift}-{last}/{last + 1}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        # A connection that ends after `cut` bytes although more were announced.
        body = server.content[start:][: server.cuts.pop(0) if server.cuts else None]
        server.served += len(body)
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges, self.statuses, self.cuts = [], [], []
        self.served, self.delay, self.shift, self.knows_ranges = 0, 0.0, 0, True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/blood.npz"


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(medmnist, "BACKOFF", 0.001)
    monkeypatch.setattr(medmnist, "CHUNK", 16_384)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def publish(monkeypatch):
    """Lets MedMNIST's own table name another address and content for BloodMNIST at 64 pixels."""

    def set_source(url, content=CONTENT):
        md5 = hashlib.md5(content).hexdigest()
        monkeypatch.setitem(INFO, "bloodmnist", {**INFO["bloodmnist"], "url_64": url, "MD5_64": md5})

    return set_source


@pytest.fixture
def root(tmp_path):
    return tmp_path / "new" / "data"


def blood(root, download=True):
    return fetch("bloodmnist", 64, root, download)


def fault(root, download=True):
    with pytest.raises(InputError) as caught:
        blood(root, download)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def part_of(root):
    return root / "bloodmnist_64.npz.part"


def leave_part(root, content):
    root.mkdir(parents=True)
    part_of(root).write_bytes(content)


# Names and sizes


def test_names_are_the_2d_single_label_sets():
    assert sorted(dataset_names()) == [
        "bloodmnist",
        "breastmnist",
        "dermamnist",
        "octmnist",
        "organamnist",
        "organcmnist",
        "organsmnist",
        "pathmnist",
        "pneumoniamnist",
        "retinamnist",
        "tissuemnist",
    ]


def test_every_set_has_every_size_and_a_count_of_classes():
    for name in dataset_names():
        for size in SIZES:
            check_dataset(name, size)
    counts = {name: num_classes_of(name) for name in ("pathmnist", "organamnist", "bloodmnist", "breastmnist")}
    assert counts == {"pathmnist": 9, "organamnist": 11, "bloodmnist": 8, "breastmnist": 2}


def test_files_are_named_as_the_medmnist_package_names_them(tmp_path):
    assert dataset_path("pathmnist", 28, tmp_path) == tmp_path / "pathmnist.npz"
    assert dataset_path("pathmnist", 224, str(tmp_path)) == tmp_path / "pathmnist_224.npz"


@pytest.mark.parametrize("name", ["bloodmnst", "BloodMNIST", "blood"])
def test_a_name_that_is_nearly_right_gets_a_suggestion(name):
    with pytest.raises(InputError, match=rf"^dataset={name}: .* did you mean bloodmnist\? .*pathmnist, .*tissue"):
        check_dataset(name, 64)


@pytest.mark.parametrize("name", ["cifar10", "", None])
def test_an_unknown_name_lists_the_known(name):
    with pytest.raises(InputError, match=rf"^dataset={name}: not a 2-D MedMNIST set .*choose one of pathmnist, der"):
        check_dataset(name, 64)


@pytest.mark.parametrize("name", ["chestmnist", "organmnist3d", "synapsemnist3d"])
def test_multi_label_and_3d_sets_are_refused(name, tmp_path):
    for refused in (check_dataset, lambda *of: fetch(*of, tmp_path), lambda *of: read_dataset(*of, tmp_path)):
        kind = "14 labels an image (multi-label)" if name == "chestmnist" else "3-D images"
        says = rf"^dataset={name}: has {re.escape(kind)}, which is not supported; choose one of pathmnist, "
        with pytest.raises(InputError, match=says):
            refused(name, 64)


@pytest.mark.parametrize("size", [0, 32, "64", None])
def test_an_unknown_size_lists_the_known(size):
    with pytest.raises(InputError, match=rf"^size={size}: .*bloodmnist; choose one of 28, 64, 128, 224$"):
        check_dataset("bloodmnist", size)


def test_a_size_without_an_address_is_refused(monkeypatch):
    without = {key: value for key, value in INFO["bloodmnist"].items() if key != "url_64"}
    monkeypatch.setitem(INFO, "bloodmnist", without)
    with pytest.raises(InputError, match=r"^size=64: .*choose one of 28, 128, 224$"):
        check_dataset("bloodmnist", 64)


# Files that are there, or not


def test_a_good_file_is_not_downloaded_again(server, publish, root):
    publish(server.url)
    root.mkdir(parents=True)
    (root / "bloodmnist_64.npz").write_bytes(CONTENT)
    assert blood(root) == blood(root, download=False) == root / "bloodmnist_64.npz"
    assert server.ranges == []


@pytest.mark.parametrize("content", [CONTENT[:-1], b"", CONTENT[:-1] + b"x"])
@pytest.mark.parametrize("download", [True, False])
def test_an_altered_file_is_reported_and_kept(server, publish, root, content, download):
    publish(server.url)
    root.mkdir(parents=True)
    (root / "bloodmnist_64.npz").write_bytes(content)
    message = fault(root, download)
    assert message.startswith(f"root={root}: bloodmnist_64.npz is truncated or altered (MD5 ")
    assert "delete it and set data.download=true, or give data.file" in message
    assert (root / "bloodmnist_64.npz").read_bytes() == content
    assert server.ranges == []


def test_a_missing_file_without_download_is_refused(server, publish, root):
    publish(server.url)
    assert fault(root, download=False) == (
        f"root={root}: no file bloodmnist_64.npz there and data.download=false; "
        "give the folder that holds it, or data.download=true"
    )
    assert server.ranges == []
    assert not root.exists()


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_root_that_cannot_be_written_is_refused(server, publish, tmp_path, below):
    publish(server.url)
    (tmp_path / "file").touch()
    message = fault(tmp_path / "file" / below)
    assert message.startswith(f"root={tmp_path / 'file' / below}: ")
    assert message.endswith("; a file stands where a directory of the path should; name another directory")


def test_a_full_disk_is_not_taken_for_a_broken_connection(server, publish, root, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(medmnist.os, "fsync", full)
    publish(server.url)
    assert fault(root).startswith(f"root={root}: No space left on device (")
    assert len(server.ranges) == 1


# Downloads


@pytest.mark.parametrize("shown", [True, False])
def test_download_leaves_the_file_and_shows_its_progress(server, publish, root, capsys, monkeypatch, shown):
    monkeypatch.setattr("medunlearn.training.progress.shows_bars", lambda stream: shown)
    publish(server.url)
    path = blood(root)
    assert path == root / "bloodmnist_64.npz"
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert not part_of(root).exists()
    progress = capsys.readouterr().err
    if shown:
        assert "bloodmnist_64.npz" in progress
        assert "195k/195k" in progress
    else:
        assert progress == "Downloading bloodmnist_64.npz (0.2 MB)\n"


def test_a_broken_connection_goes_on_where_it_ended(server, publish, root):
    publish(server.url)
    server.cuts = [HALF]
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert server.served == len(CONTENT)


def test_attempts_at_a_download_add_up(server, publish, root):
    publish(server.url)
    server.cuts = [50_000, 40_000, 30_000, 20_000]
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=50000-", "bytes=90000-", "bytes=120000-", "bytes=140000-"]
    assert server.served == len(CONTENT)


def test_the_part_that_came_is_kept_when_the_attempts_are_spent(server, publish, root):
    publish(server.url)
    server.cuts = [10_000] * medmnist.ATTEMPTS
    assert f"(the connection ended after 50000 of {len(CONTENT)} bytes); copy" in fault(root)
    assert part_of(root).read_bytes() == CONTENT[:50_000]
    assert not (root / "bloodmnist_64.npz").exists()
    assert blood(root).read_bytes() == CONTENT
    assert server.served == len(CONTENT)


def test_the_part_of_an_earlier_run_is_used(server, publish, root):
    publish(server.url)
    leave_part(root, CONTENT[:HALF])
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]
    assert server.served == len(CONTENT) - HALF


def test_a_whole_part_needs_no_download(server, publish, root):
    publish(server.url)
    leave_part(root, CONTENT)
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(server, publish, root):
    publish(server.url)
    server.cuts, server.knows_ranges = [HALF], False
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_that_sends_another_range_is_read_from_the_beginning(server, publish, root):
    publish(server.url)
    server.shift = 1
    leave_part(root, CONTENT[:HALF])
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]


def test_a_part_longer_than_the_file_is_dropped(server, publish, root):
    publish(server.url)
    leave_part(root, CONTENT + b"more")
    assert blood(root).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]


def test_wrong_content_is_deleted(server, publish, root):
    publish(server.url)
    server.content = b"Please log in to the hospital's network"
    message = fault(root)
    found, expected = hashlib.md5(server.content).hexdigest(), hashlib.md5(CONTENT).hexdigest()
    assert (
        f"{server.url} sent another file than bloodmnist_64.npz (MD5 {found}, not {expected}), now deleted;" in message
    )
    assert message.endswith(f"try again, or copy the file to {root / 'bloodmnist_64.npz'} by hand")
    assert not part_of(root).exists()
    assert not (root / "bloodmnist_64.npz").exists()


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_server_in_trouble_is_asked_again(server, publish, root, status):
    publish(server.url)
    server.statuses = [status, status]
    assert blood(root).read_bytes() == CONTENT
    assert len(server.ranges) == 3


@pytest.mark.parametrize("status", [403, 404, 416])
def test_a_refusal_is_final(server, publish, root, status):
    publish(server.url)
    server.statuses = [status] * 9
    message = fault(root)
    assert f"bloodmnist_64.npz is not there and {server.url} could not be downloaded (HTTP Error {status}: " in message
    assert message.endswith(f"copy the file to {root / 'bloodmnist_64.npz'} by hand, try again, or give data.file")
    assert len(server.ranges) == 1


def test_a_server_that_cannot_be_reached_is_refused_after_all_attempts(publish, root, monkeypatch):
    waits = []
    monkeypatch.setattr(medmnist.time, "sleep", waits.append)
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/blood.npz"
        publish(url)
        leave_part(root, CONTENT[:HALF])
        message = fault(root)
    assert f"{url} could not be downloaded ([Errno 111] Connection refused); copy the file to {root}/blood" in message
    assert part_of(root).read_bytes() == CONTENT[:HALF]
    assert waits == [0.001, 0.002, 0.004, 0.008]


def test_a_silent_server_is_given_up(server, publish, root, monkeypatch):
    monkeypatch.setattr(medmnist, "TIMEOUT", 0.05)
    monkeypatch.setattr(medmnist, "ATTEMPTS", 2)
    publish(server.url)
    server.delay = 0.3
    assert "could not be downloaded (timed out); copy" in fault(root)


@pytest.mark.parametrize("scheme", ["file", "ftp"])
def test_addresses_other_than_of_the_web_are_not_followed(publish, root, tmp_path, scheme):
    (tmp_path / "blood.npz").write_bytes(CONTENT)
    publish(f"{scheme}://{tmp_path}/blood.npz")
    assert "could not be downloaded (only http and https are allowed); copy" in fault(root)


TWO_AT_ONCE = """
import sys, time, types
from pathlib import Path

package, root, url, md5, me, other = sys.argv[1:]
# Bare packages: the true ones import torch and Lightning, and this test need not wait for them.
for name, folder in {"medunlearn": package, "medunlearn.data": package + "/data"}.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
info = types.ModuleType("medmnist.info")
info.INFO = {"bloodmnist": {"task": "multi-class", "label": {}, "url_64": url, "MD5_64": md5}}
sys.modules |= {"medmnist": types.ModuleType("medmnist"), "medmnist.info": info}

from medunlearn.data.medmnist import fetch

Path(me).touch()
while not Path(other).exists():
    time.sleep(0.005)
print(fetch("bloodmnist", 64, root))
"""


def test_processes_at_once_download_once(server, publish, root, tmp_path):
    server.delay = 0.5
    flags = [str(tmp_path / "a"), str(tmp_path / "b")]
    package = str(Path(medmnist.__file__).parents[1])
    given = [sys.executable, "-c", TWO_AT_ONCE, package, str(root), server.url, hashlib.md5(CONTENT).hexdigest()]
    running = [subprocess.Popen([*given, *order], stdout=subprocess.PIPE, text=True) for order in (flags, flags[::-1])]
    printed = [process.communicate(timeout=60)[0].strip() for process in running]
    assert printed == [str(root / "bloodmnist_64.npz")] * 2
    assert (root / "bloodmnist_64.npz").read_bytes() == CONTENT
    assert server.ranges == [None]
    assert not part_of(root).exists()


# Reading


def saved(path, top=1, dtype=np.uint8):
    images, labels = np.zeros((2, 8, 8), dtype), np.array([0, top])
    arrays = {f"{split}_{part}": array for split in ("train", "val", "test") for part, array in
              (("images", images), ("labels", labels))}  # fmt: skip
    np.savez(path, **arrays)
    return path.read_bytes()


def test_read_dataset_downloads_and_takes_the_published_classes(server, publish, root, tmp_path):
    server.content = saved(tmp_path / "a.npz")
    publish(server.url, server.content)
    data = read_dataset("bloodmnist", 64, root)
    assert (data.name, data.num_classes, data.size, data.channels) == ("bloodmnist", 8, 8, 1)
    assert data.test.labels.tolist() == [0, 1]
    with pytest.raises(InputError, match=r"^root=.* no file pathmnist_64\.npz there and data\.download=false"):
        read_dataset("pathmnist", 64, root, download=False)


def test_read_dataset_names_the_data_set_in_what_is_wrong_with_its_file(publish, tmp_path):
    content = saved(tmp_path / "bloodmnist_64.npz", top=8)
    publish("http://127.0.0.1:9/", content)
    with pytest.raises(InputError) as caught:
        read_dataset("bloodmnist", 64, tmp_path, download=False)
    assert str(caught.value).startswith(
        f"dataset=bloodmnist: {tmp_path / 'bloodmnist_64.npz'}: train_labels holds 8, but the 8 classes"
    )
