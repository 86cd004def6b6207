"""BreastMNIST as it comes with the package: what it holds, and that an altered file is refused."""

import hashlib

import numpy as np
import pytest

from medunlearn.data import MedMNISTDataModule, breast28
from medunlearn.data.breast28 import CLASS_NAMES, FILE, SHA256, breast28_data
from medunlearn.data.medmnist import class_names_of
from medunlearn.errors import InputError

COUNTS = {"train": (147, 399), "val": (21, 57), "test": (42, 114)}


@pytest.fixture(scope="module")
def data():
    return breast28_data()


@pytest.mark.parametrize("split", COUNTS)
def test_splits_have_the_images_and_classes_of_breastmnist(data, split):
    part = getattr(data, split)
    assert part.images.shape == (sum(COUNTS[split]), 28, 28)
    assert part.images.dtype == np.uint8
    assert tuple(np.bincount(part.labels)) == COUNTS[split]


def test_classes_are_named_as_medmnist_names_them(data):
    assert (data.name, data.num_classes, data.channels, data.size) == ("breast28", 2, 1, 28)
    assert data.class_names == CLASS_NAMES == class_names_of("breastmnist")


def test_data_module_finds_it_by_name_without_a_download(tmp_path):
    forget = {"rate": 0.1, "seed": 0}
    module = MedMNISTDataModule("breast28", size=28, root=tmp_path / "nowhere", download=False, forget=forget)
    module.prepare_data()
    module.setup("fit")
    assert len(module.split_record()["indices"]) == 54
    assert not list(tmp_path.iterdir())


def test_another_size_is_refused_with_where_there_is_one():
    with pytest.raises(InputError) as error:
        breast28_data(64)
    assert str(error.value) == (
        "size=64: breast28 has images of 28x28 pixels; set data.size=28, or data.dataset=breastmnist for other sizes"
    )


def test_altered_file_is_refused_for_its_checksum(tmp_path, monkeypatch):
    content = bytearray(FILE.read_bytes())
    content[len(content) // 2] ^= 1
    altered = tmp_path / "breast28.npz"
    altered.write_bytes(content)
    monkeypatch.setattr(breast28, "FILE", altered)
    with pytest.raises(InputError) as error:
        breast28_data()
    found = hashlib.sha256(content).hexdigest()
    assert str(error.value) == (
        f"dataset=breast28: {altered} is truncated or altered (SHA-256 {found}, not {SHA256}); install medunlearn again"
    )


def test_missing_file_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(breast28, "FILE", tmp_path / "gone.npz")
    with pytest.raises(
        InputError, match=r"^dataset=breast28: .*gone.npz cannot be read \(No such .*; install medunlearn again"
    ):
        breast28_data()


def test_licence_beside_the_file_names_licence_authors_changes_and_checksum():
    text = FILE.with_name("breast28.LICENSE.txt").read_text()
    for part in (
        "CC BY 4.0",
        "creativecommons.org/licenses/by/4.0",
        "Jiancheng Yang",
        "Al-Dhabyani",
        "changed",
        SHA256,
    ):
        assert part in text
