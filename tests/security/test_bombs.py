"""What a mutation seldom hits: files of a few kilobytes that ask for gigabytes, and pipes, which never end."""

import io
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import hostile

from medunlearn.data.forgetting import read_indices
from medunlearn.data.npz import read_npz
from medunlearn.errors import LONGEST, InputError
from medunlearn.files.configs import read_config
from medunlearn.models import ResNet18, load_model, save_weights
from medunlearn.plans.plan import read_plan
from medunlearn.runs import RunDir

READERS = {
    "a.npz": read_npz,
    "a.npy": lambda path: read_indices(path, 100),
    "a.txt": lambda path: read_indices(path, 100),
    "a.csv": lambda path: read_indices(path, 100),
    "a.json": lambda path: read_indices(path, 100),
    "a.ckpt": load_model,
    "a.yaml": read_config,
    "metrics.json": lambda path: RunDir(path.parent).read_metrics("run"),
    "split.json": lambda path: RunDir(path.parent).read_split("run"),
    "learning_curve.json": lambda path: RunDir(path.parent).read_curve("run"),
    "config.yaml": lambda path: RunDir(path.parent).read_config("run"),
    "predictions.npz": lambda path: RunDir(path.parent).read_predictions("run"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_not_waited_for(name):
    os.mkfifo(name)
    with pytest.raises(InputError) as caught:
        READERS[name](Path(name))
    assert len(str(caught.value).splitlines()) == 1


def declaring(packing, stream, size):
    """An archive with one array of `size` zeros, declared truly or not, packed as `stream`."""
    content = bytearray(hostile.zipped([("forget_index.npy", stream)]))
    place = content.index(b"PK\x01\x02")
    content[place + 10 : place + 12] = struct.pack("<H", packing)
    content[8:10] = struct.pack("<H", packing)
    for start in (place + 24, 22):
        content[start : start + 4] = struct.pack("<I", size)
    return bytes(content)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_cannot_declare_more_than_its_bytes_can_hold(packing):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (2**31,)})
    size = 2**31 + len(head.getvalue())
    run = RunDir(".")
    run.predictions.write_bytes(declaring(packing, head.getvalue(), size))
    with pytest.raises(InputError, match="which it cannot hold"):
        run.read_predictions("run")


def test_a_packing_that_unpacks_whole_blocks_at_once_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("forget_index.npy", bytes(10**8))
    assert len(file.getvalue()) < 1000
    RunDir(".").predictions.write_bytes(file.getvalue())
    with pytest.raises(InputError, match="compressed in another way than deflate"):
        RunDir(".").read_predictions("run")


CHILD = """
import resource, sys
from medunlearn.models import load_model
from medunlearn.errors import InputError
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
for path in sys.argv[1:]:
    try:
        load_model(path)
    except InputError as error:
        print(error)
"""


def greedy_weights():
    """Write weights that ask for 2 GB, each in another way."""
    save_weights(ResNet18(2), Path("good.ckpt"))
    content = torch.load("good.ckpt", weights_only=True)
    content["architecture"]["num_classes"] = 10**6
    torch.save(content, "classes.ckpt")
    wide = {"fc.weight": torch.zeros(1, 1).expand(10**6, 512), "fc.bias": torch.zeros(1).expand(10**6)}
    torch.save(content | {"state_dict": content["state_dict"] | wide}, "expanded.ckpt")
    pickled = b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."
    Path("bytearray.ckpt").write_bytes(hostile.zipped([("a/data.pkl", pickled), ("a/version", b"3")]))
    parts = [("a/data.pkl", b"N."), ("a/version", b"3"), ("a/data/0", bytes(10**8))]
    Path("compressed.ckpt").write_bytes(hostile.zipped(parts, zipfile.ZIP_DEFLATED))
    return [f"{name}.ckpt" for name in ("classes", "expanded", "bytearray", "compressed")]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_weights_take_no_more_memory_than_their_file():
    # torch's memory is none that tracemalloc sees, so another process is given little.
    paths = greedy_weights()
    done = subprocess.run([sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=True)
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == [f"source={path}" for path in paths], done


def test_a_chain_of_stages_that_share_what_they_need_is_ordered_soon():
    names = []
    for number in range(60):
        needs = f"reference: runs/{number - 1}\nmodel: {{init_args: {{original: runs/{number - 2}}}}}\n"
        Path(f"{number}.yaml").write_text(f"run_dir: runs/{number}\n" + needs)
        names.insert(0, f"{number}.yaml")
    stages = read_plan(names).stages()
    assert [str(stage.run) for stage in stages] == [f"runs/{number}" for number in range(60)]


def test_an_error_is_one_line_that_a_terminal_shows_as_it_is():
    text = str(InputError("a=\x1b[31mred\nline\u2028more\ud800: wrong; fix it"))
    assert text == "a=\\x1b[31mred line more\\ud800: wrong; fix it"
    long = str(InputError("a=" + "x" * 10**6 + ": wrong; fix it"))
    assert len(long) < LONGEST + 10
    assert long.startswith("a=x") and long.endswith(": wrong; fix it")
