"""The images that come with the package: their size, their names, and what is refused."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from medmnist.info import INFO

from medunlearn.data import breast28
from medunlearn.data.breast28 import FILE, breast28_data
from medunlearn.data.datamodule import MedMNISTDataModule
from medunlearn.errors import InputError

ROOT = Path(__file__).parents[2]


def test_splits_and_classes_are_those_that_medmnist_lists():
    data, listed = breast28_data(), INFO["breastmnist"]
    counts = {split: len(getattr(data, split)) for split in ("train", "val", "test")}
    assert counts == listed["n_samples"] == {"train": 546, "val": 78, "test": 156}
    assert data.class_names == tuple(listed["label"][str(number)] for number in range(data.num_classes))
    assert (data.name, data.size, data.channels, data.num_classes) == ("breast28", 28, 1, 2)
    assert np.bincount(data.train.labels).tolist() == [147, 399]


def test_data_module_takes_it_by_name():
    data = MedMNISTDataModule(dataset="breast28", size=28, forget={"rate": 0.1})
    data.setup()
    assert (len(data.forget_indices), len(data.retain_indices)) == (54, 492)


def test_another_size_is_refused_with_where_it_can_be_had():
    with pytest.raises(InputError, match=r"^size=64: breast28 has images of 28x28 pixels; set data\.size=28, or data"):
        breast28_data(64)


@pytest.mark.parametrize("at", [100, -1])
def test_altered_file_is_refused(tmp_path, monkeypatch, at):
    content = bytearray(FILE.read_bytes())
    content[at] ^= 1
    path = tmp_path / FILE.name
    path.write_bytes(content)
    monkeypatch.setattr(breast28, "FILE", path)
    with pytest.raises(InputError, match=r"is truncated or altered \(SHA-256 \w{64}, not ce5b8197\w+\); install"):
        breast28_data()


def test_missing_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(breast28, "FILE", tmp_path / "gone.npz")
    with pytest.raises(
        InputError, match=r"^dataset=breast28: .*gone\.npz cannot be read \(No such file or directory\)"
    ):
        breast28_data()


def test_licence_of_the_images_lies_beside_them_and_goes_into_every_distribution():
    text = FILE.with_name("breast28.LICENSE.txt").read_text()
    assert breast28.SHA256 in text
    assert all(each in text for each in ("CC BY 4.0", "creativecommons.org/licenses/by/4.0", "MedMNIST", "Al-Dhabyani"))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {"NOTICE", "medunlearn/data/*.LICENSE.txt"} <= set(declared["project"]["license-files"])
    assert {"/NOTICE", "medunlearn"} <= set(declared["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
