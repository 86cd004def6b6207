"""Every reader on files that are damaged or made to do harm: one line that names the argument, or a right read.

`TRUST_EXAMPLES=5000 pytest tests/security` takes that many files for each reader.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import hostile, hostile_texts
from helpers.judging import fuzz, judge
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from medunlearn.data.forgetting import read_indices
from medunlearn.data.npz import KEYS, read_npz
from medunlearn.models import Backbone, backbones, weights

# Data


def images_of(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


DATA = {f"{key}.npy": hostile.npy(images_of(4) if "images" in key else np.arange(4) % 2) for key in KEYS}
DATA["class_names.npy"] = hostile.npy(np.array(["benign", "malignant"]))
WHOLE_DATA = [hostile.zipped(DATA.items(), packing) for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


@fuzz
@given(st.one_of(hostile.archives(DATA), hostile.damaged(WHOLE_DATA), st.binary(max_size=50)))
def test_images_are_read_or_refused_in_one_line(content):
    path = Path("a.npz")
    path.write_bytes(content)

    def valid(data):
        with np.load(path, allow_pickle=False) as arrays:
            for split in ("train", "val", "test"):
                read = getattr(data, split)
                assert np.array_equal(read.images, arrays[f"{split}_images"])
                assert read.labels.tolist() == arrays[f"{split}_labels"].ravel().tolist()
                assert read.images.dtype == np.uint8 and read.labels.dtype == np.int64
                assert 0 <= read.labels.min() <= read.labels.max() < data.num_classes
        if data.class_names is not None:
            assert len(set(data.class_names)) == data.num_classes
            assert all(name.isprintable() and 0 < len(name) <= 100 for name in data.class_names)
        return True

    judge(lambda: read_npz(path), f"file={path}", content, valid)


def valid_indices(found):
    return found.dtype == np.int64 and found.ndim == 1 and len(set(found.tolist())) == len(found) <= 100


@fuzz
@given(
    st.one_of(
        st.tuples(st.sampled_from([".txt", ".csv"]), hostile_texts.INDEX_TEXT),
        st.tuples(
            st.just(".npy"), st.one_of(hostile.npys(), hostile.BAD_ARRAYS, hostile.damaged([hostile.npy([4, 2])]))
        ),
        st.tuples(st.just(".json"), hostile_texts.jsons([{"indices": [4, 2], "sha256": "x"}])),
        st.tuples(st.just(".json"), hostile_texts.JSON_VALUES.map(lambda value: json.dumps(value).encode())),
    )
)
def test_forget_indices_are_read_or_refused_in_one_line(file):
    suffix, content = file
    path = Path(f"forget{suffix}")
    path.write_bytes(content)

    def valid(found):
        return valid_indices(found) and all(0 <= index < 100 for index in found)

    judge(lambda: read_indices(path, 100), f"indices={path}", content, valid)
    path.unlink()


# Checkpoints


class Tiny(Backbone):
    """Stands for ResNet-18, whose 45 MB would leave no time for thousands of files."""

    def __init__(self, num_classes, in_channels=3, stem="cifar", mean=0.5, std=0.5):
        super().__init__()
        self.architecture = {"num_classes": num_classes, "in_channels": in_channels, "stem": stem}
        self.architecture |= {"mean": mean, "std": std}
        self.conv1, self.fc = nn.Conv2d(in_channels, 2, 1), nn.Linear(4, num_classes)


def checkpoint(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


GOOD = {"state_dict": Tiny(3).state_dict(), "architecture": Tiny(3).architecture}
STATE, WANTS = GOOD["state_dict"], GOOD["architecture"]
CONTENTS = [
    {"state_dict": STATE | {"fc.weight": torch.zeros(1, 1).expand(10**9, 4)}, "architecture": WANTS},
    {
        "state_dict": STATE
        | {"fc.weight": torch.zeros(1, 1).expand(10**9, 4), "fc.bias": torch.zeros(1).expand(10**9)},
        "architecture": WANTS | {"num_classes": 10**9},
    },
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 10**9}},
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 10**4400}},
    {"state_dict": STATE, "architecture": WANTS | {"in_channels": -1}},
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 3.5}},
    {"state_dict": STATE, "architecture": WANTS | {"stem": [["x"] * 9] * 9}},
    {"state_dict": STATE, "architecture": WANTS | {"mean": torch.zeros(3)}},
    {"state_dict": STATE, "architecture": {1: 2}},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3, dtype=torch.int8)}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3, device="meta")}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3).to_sparse()}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": [1, 2, 3]}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": hostile.Touch("marker")}, "architecture": WANTS},
    {"state_dict": list(STATE.values()), "architecture": WANTS},
    {"state_dict": STATE | {"fc.weight": nn.Parameter(STATE["fc.weight"])}, "architecture": WANTS},
    {"state_dict": STATE, "architecture": WANTS, "more": bytearray(100)},
    {"state_dict": STATE, "architecture": WANTS, "more": {1, 2}},
    STATE,
    3,
]
PICKLES = [
    b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.",
    b"ctorch.storage\nUntypedStorage\n(J\xff\xff\xff\x7ftR.",
    b"cos\nmkdir\n(X\x06\x00\x00\x00markertR.",
    b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x06marker\x85R.",
    b"(X\x06\x00\x00\x00markerios\nmkdir\n.",
    b"}r\xff\xff\xff\x7f.",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    b"]q\x00" + b"(h\x00h\x00h\x00lq\x00" * 100 + b".",
    b"(" * 10**5 + b".",
    b"I" + b"9" * 10**5 + b"\n.",
    b"\x8b\xff\xff\xff\x7f.",
    b"",
]


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@st.composite
def checkpoints(draw):
    """A checkpoint with other content, another pickle, or damage of its archive or of its pickle."""
    kind = draw(st.sampled_from(["content", "pickle", "inner", "damaged", "archive", "bytes"]))
    if kind == "content":
        return checkpoint(draw(st.sampled_from(CONTENTS)))
    if kind == "bytes":
        return draw(st.sampled_from(PICKLES) | st.binary(max_size=40))
    whole = checkpoint(GOOD)
    if kind == "damaged":
        return draw(hostile.damaged([whole]))
    parts = members(whole)
    if kind == "archive":
        return draw(hostile.archives(parts))
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    parts[pickled] = draw(st.sampled_from(PICKLES) if kind == "pickle" else hostile.damaged([parts[pickled]]))
    return hostile.zipped(parts.items())


@fuzz
@given(checkpoints())
def test_weights_are_read_or_refused_in_one_line(content):
    path = Path("model.ckpt")
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(backbones, "ResNet18", Tiny)
        judge(lambda: weights.load_model(path), f"source={path}", content, lambda model: isinstance(model, Tiny))
