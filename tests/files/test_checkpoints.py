import collections
import datetime
import zipfile
from pathlib import PurePosixPath

import pytest
import torch

from medunlearn.errors import Fault
from medunlearn.files import check_checkpoint


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"w": torch.zeros(2, 3)}},
        collections.OrderedDict(w=torch.ones(1, dtype=torch.bool)),
        {"a": torch.zeros(3, dtype=torch.bfloat16), "values": ["x", 1, 2.5, None, True]},
    ],
)
def test_check_checkpoint_takes_plain_tensors(tmp_path, content):
    torch.save(content, tmp_path / "x.ckpt")
    check_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), PurePosixPath("x"), print, torch.nn.Linear(1, 1)])
def test_check_checkpoint_refuses_other_objects(tmp_path, value):
    torch.save({"a": value}, tmp_path / "x.ckpt")
    with pytest.raises(Fault, match="which is not a tensor"):
        check_checkpoint(tmp_path / "x.ckpt")


def test_check_checkpoint_refuses_compression(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "x.ckpt")
    with (
        zipfile.ZipFile(tmp_path / "x.ckpt") as source,
        zipfile.ZipFile(tmp_path / "y.ckpt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in source.namelist():
            packed.writestr(name, source.read(name))
    with pytest.raises(Fault, match="compressed"):
        check_checkpoint(tmp_path / "y.ckpt")


def test_check_checkpoint_refuses_an_archive_without_or_with_two_pickles(tmp_path):
    for number in (0, 2):
        with zipfile.ZipFile(tmp_path / "x.ckpt", "w") as archive:
            archive.writestr("x/version", "3")
            for place in range(number):
                archive.writestr(f"x/{place}.pkl", b"N.")
        with pytest.raises(Fault, match="not a file of weights"):
            check_checkpoint(tmp_path / "x.ckpt")


def test_check_checkpoint_refuses_what_is_no_archive(tmp_path):
    (tmp_path / "x.ckpt").write_bytes(b"\x80\x02N.")
    with pytest.raises(Fault, match="damaged"):
        check_checkpoint(tmp_path / "x.ckpt")


def test_check_checkpoint_raises_for_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        check_checkpoint(tmp_path / "x.ckpt")
