import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from medunlearn.data import npz
from medunlearn.data.npz import KEYS, ImageData, Split, read_npz
from medunlearn.errors import InputError


def arrays(**changes):
    """Six good arrays with 3 classes, and what a test changes about them; None leaves one out."""
    rng = np.random.default_rng(0)
    good = {}
    for split, number in {"train": 6, "val": 4, "test": 5}.items():
        good[f"{split}_images"] = rng.integers(0, 256, (number, 8, 8, 3), dtype=np.uint8)
        good[f"{split}_labels"] = (np.arange(number) % 3).astype(np.uint8)[:, None]
    return {key: value for key, value in (good | changes).items() if value is not None}


@pytest.fixture
def save(tmp_path):
    def save_arrays(**changes):
        path = tmp_path / "own.npz"
        np.savez_compressed(path, **arrays(**changes))
        return path

    return save_arrays


def fault(path, num_classes=None):
    """The error's text after `file=PATH: `."""
    with pytest.raises(InputError) as caught:
        read_npz(path, num_classes)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"file={path}: ")
    return message.removeprefix(f"file={path}: ")


def test_arrays_are_read_as_they_were_saved(save):
    data = read_npz(save())
    for split in ("train", "val", "test"):
        read = getattr(data, split)
        assert np.array_equal(read.images, arrays()[f"{split}_images"])
        assert read.images.dtype == np.uint8
        assert read.images.flags.c_contiguous
        assert read.labels.tolist() == arrays()[f"{split}_labels"].ravel().tolist()
        assert read.labels.dtype == np.int64
        assert len(read) == len(read.labels)
    assert (data.num_classes, data.channels, data.size, data.name) == (3, 3, 8, "own")


def test_gray_images_have_one_channel(save):
    gray = {key: value[..., 0] for key, value in arrays().items() if key.endswith("images")}
    data = read_npz(save(**gray))
    assert data.channels == 1
    assert np.array_equal(data.test.images, gray["test_images"])


def test_arrays_in_fortran_order_are_read_alike(tmp_path, save):
    np.savez(tmp_path / "plain.npz", **{key: np.asfortranarray(value) for key, value in arrays().items()})
    plain = read_npz(str(tmp_path / "plain.npz"))
    assert plain.train.images.flags.c_contiguous
    assert plain.sha256 == read_npz(save()).sha256


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", ">i4", "uint64"])
def test_labels_of_any_integer_type_are_read_alike(save, dtype):
    reference = read_npz(save())
    data = read_npz(save(**{key: value.ravel().astype(dtype) for key, value in arrays().items() if "labels" in key}))
    assert data.train.labels.dtype == np.int64
    assert data.train.labels.tolist() == reference.train.labels.tolist()
    assert data.sha256 == reference.sha256


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_labels_in_a_column_and_in_a_row_may_be_mixed(save, split):
    mixed = read_npz(save(**{f"{split}_labels": arrays()[f"{split}_labels"].ravel()}))
    assert mixed.sha256 == read_npz(save()).sha256
    assert getattr(mixed, split).labels.shape == (len(getattr(mixed, split)),)


def test_sha256_sees_the_order_of_the_images(save):
    content = arrays()
    reference = read_npz(save()).sha256
    parts = {key: value[::-1] for key, value in content.items() if key.startswith("train_")}
    assert any(not np.array_equal(value, content[key]) for key, value in parts.items())
    assert read_npz(save(**parts)).sha256 != reference


def test_sha256_sees_every_array_and_only_them(save):
    reference = read_npz(save())
    again = ImageData(reference.train, reference.val, reference.test, num_classes=9, name="another")
    assert len(reference.sha256) == 64
    assert again.sha256 == reference.sha256
    for key, value in arrays().items():
        changed = value.copy()
        changed[-1] = (changed[-1] + 1) % 3
        assert read_npz(save(**{key: changed})).sha256 != reference.sha256
    swapped = ImageData(reference.train, reference.test, reference.val, 3, "own")
    assert swapped.sha256 != reference.sha256


def test_sha256_sees_the_shape():
    flat, square = np.zeros((2, 8, 16), np.uint8), np.zeros((2, 16, 8), np.uint8)
    digests = {ImageData(*[Split(images, np.zeros(2, np.int64))] * 3, 2, "x").sha256 for images in (flat, square)}
    assert len(digests) == 2


def test_sha256_does_not_hang_on_the_type_of_the_labels():
    images = np.zeros((2, 8, 8), np.uint8)
    splits = [[Split(images, np.arange(2, dtype=dtype))] * 3 for dtype in ("int64", "uint8", ">i8")]
    assert len({ImageData(*three, 2, "x").sha256 for three in splits}) == 1


def test_sha256_is_computed_once_and_copies_no_images(save, monkeypatch):
    data = read_npz(save())
    hashed = []
    contiguous = np.ascontiguousarray
    monkeypatch.setattr(npz.np, "ascontiguousarray", lambda array: hashed.append(contiguous(array)) or hashed[-1])
    assert data.sha256 == data.sha256
    assert len(hashed) == 6
    assert np.shares_memory(hashed[0], data.train.images)


def test_classes_that_are_stated_may_lack_examples(save):
    assert read_npz(save(), num_classes=7).num_classes == 7


@pytest.mark.parametrize("number", [1, 0, -1])
def test_classes_that_are_stated_must_be_a_possible_number(save, number):
    with pytest.raises(InputError, match=rf"^num_classes={number}: .*at least 2"):
        read_npz(save(), num_classes=number)


def test_source_names_the_file_in_errors(tmp_path):
    with pytest.raises(InputError, match=r"^dataset=bloodmnist: no such file"):
        read_npz(tmp_path / "none.npz", source="dataset=bloodmnist")


def test_a_missing_file_is_refused(tmp_path):
    assert fault(tmp_path / "x.npz") == "no such file; give the path of a .npz file in MedMNIST's format"


def test_a_directory_is_refused(tmp_path):
    assert fault(tmp_path).startswith("this is a directory; give")


def test_a_file_name_that_cannot_be_is_refused(tmp_path):
    assert fault(tmp_path / ("x" * 300)).startswith("cannot be read (File name too long)")


def test_a_line_break_in_the_path_does_not_break_the_line(tmp_path):
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path / "a\nb.npz")
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    path.touch()
    assert fault(path) == "is empty; download or save it again"


@pytest.mark.parametrize("content", [b"\n", b"images,labels\n1,2\n", pickle.dumps({"train_images": 1})])
def test_a_file_that_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    assert fault(path).startswith(f"not an .npz file; save the arrays {', '.join(KEYS)} with numpy.savez_compressed")


def test_an_npy_in_place_of_an_npz_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        np.save(file, arrays()["train_images"])
    assert fault(path).startswith("not an .npz file")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_zip_is_refused(save, share):
    path = save()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert fault(path).startswith("cut short or damaged (File is not a zip file); copy, download or save it again")


def test_an_altered_byte_is_noticed(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays())
    content = bytearray(path.read_bytes())
    place = content.index(arrays()["val_images"].tobytes()) + 5
    content[place] ^= 1
    path.write_bytes(content)
    assert fault(path).startswith("cut short or damaged (Bad CRC-32 for file 'val_images.npy'); copy, download")


def test_an_altered_compressed_stream_is_noticed(save):
    path = save()
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("val_labels.npy").header_offset
    content = bytearray(path.read_bytes())
    name, extra = (int.from_bytes(content[start + at : start + at + 2], "little") for at in (26, 28))
    content[start + 30 + name + extra] = 0xFF  # the first byte of the stream: a block type that deflate does not have
    path.write_bytes(content)
    assert fault(path).startswith("cut short or damaged (Error -3 while decompressing data: invalid block type); copy")


class Touch:
    """Pickled into a file, it creates another file when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_code_in_an_object_array_is_not_run(tmp_path, save):
    marker = tmp_path / "marker"
    path = save(val_labels=np.array([Touch(marker)] * 4, dtype=object))
    assert "val_labels holds Python objects, which only pickle reads" in fault(path)
    assert not marker.exists()
    with np.load(path, allow_pickle=True) as file:
        _ = file["val_labels"]
    assert marker.exists(), "the payload works, so the reader did keep it from running"


def test_code_is_not_run_even_behind_the_check_of_the_header(tmp_path, save):
    marker = tmp_path / "marker"
    path = save(val_labels=np.array([Touch(marker)] * 4, dtype=object))
    with zipfile.ZipFile(path) as archive, pytest.raises(ValueError, match="allow_pickle=False"):
        npz.read_array(archive, "val_labels")
    assert not marker.exists()


def test_code_in_a_bare_pickle_is_not_run(tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "x.npz"
    path.write_bytes(pickle.dumps(Touch(marker)))
    assert fault(path).startswith("not an .npz file")
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists()


def test_missing_arrays_are_named(save):
    path = save(train_labels=None, test_images=None, images=np.zeros(3))
    assert fault(path) == f"no array train_labels, test_images; the file must hold {', '.join(KEYS)}"


def test_an_empty_zip_is_refused(tmp_path):
    zipfile.ZipFile(tmp_path / "x.npz", "w").close()
    assert fault(tmp_path / "x.npz").startswith("no array train_images, train_labels")


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 8, 8), np.float32), "is float32; images must be uint8, 0 to 255"),
        (np.zeros((4, 64), np.uint8), r"has shape (4, 64); images must be (N, H, W) or (N, H, W, 3)"),
        (np.zeros((4, 3, 8, 8), np.uint8), r"has shape (4, 3, 8, 8); images must be (N, H, W) or (N, H, W, 3)"),
        (np.zeros((4, 8, 8, 1), np.uint8), r"has shape (4, 8, 8, 1); images must be"),
        (np.zeros((4, 8, 8, 8, 3), np.uint8), r"has shape (4, 8, 8, 8, 3); images must be"),
        (np.uint8(3), r"has shape (); images must be"),
        (np.zeros((0, 8, 8, 3), np.uint8), "is empty; every split needs at least one image"),
        (np.zeros((4, 8, 9, 3), np.uint8), "has images of 8x9 pixels; they must be square, so crop or pad them"),
        (np.zeros((4, 7, 7, 3), np.uint8), "has images of 7x7 pixels; give at least 8x8"),
    ],
)
def test_bad_images_are_refused(save, split, images, message):
    assert fault(save(**{f"{split}_images": images})).startswith(f"{split}_images {message}")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4), "is float64; labels must be integers, 0 to C-1"),
        (np.zeros(4, bool), "is bool; labels must be integers"),
        (np.array(["a"] * 4), "is <U1; labels must be integers"),
        (np.full((4, 3), 2, np.uint8), "has shape (4, 3); labels must be (N,) or (N, 1), one class for each image"),
        (np.zeros((4, 1, 1), np.uint8), "has shape (4, 1, 1); labels must be (N,) or (N, 1)"),
        (np.uint8(1), "has shape (); labels must be (N,) or (N, 1)"),
        (np.zeros(3, np.uint8), "has 3 labels for 4 images; give one label for each image"),
        (np.eye(3, dtype=np.uint8)[[0, 1, 2, 0]], "has shape (4, 3), one-hot rows; save val_labels.argmax(1)"),
        (np.eye(3)[[0, 1, 2, 0]], "has shape (4, 3), one-hot rows; save val_labels.argmax(1)"),
        (np.tril(np.ones((4, 3), bool)), "has shape (4, 3), 3 labels of 0 or 1 for each image (multi-label), which is"),
        (np.array([0, 1, -1, 2]), "holds -1, but the 3 classes are 0 to 2; renumber the labels"),
        (np.array([0, 1, 3, 2]), "holds 3, but the 3 classes are 0 to 2; renumber the labels, or state data.num_cla"),
        (np.array([0, 1, 2**64 - 1, 2], np.uint64), f"holds {2**64 - 1}, but the 3 classes are 0 to 2"),
    ],
)
@pytest.mark.parametrize("num_classes", [None, 3])
def test_bad_labels_are_refused(save, labels, message, num_classes):
    assert fault(save(val_labels=labels), num_classes).startswith(f"val_labels {message}")


def test_training_labels_beyond_the_stated_classes_are_refused(save):
    assert fault(save(), num_classes=2).startswith("train_labels holds 2, but the 2 classes are 0 to 1; renumber")
    path = save(train_labels=np.array([0, 1, 2, -3, 0, 1]))
    assert fault(path, num_classes=3).startswith("train_labels holds -3, but the 3 classes")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            [1, 2, 3, 1, 2, 3],
            "label 0 does not occur in train_labels, but 3 does; renumber the labels 0 to 2, or state",
        ),
        (
            [0, 1, 4, 0, 1, 4],
            "label 2 does not occur in train_labels, but 4 does; renumber the labels 0 to 2, or state",
        ),
        ([0, 1, 2**62, 0, 1, 2], f"label 3 does not occur in train_labels, but {2**62} does; renumber"),
        ([0, 1, -1, 0, 1, 2], "train_labels holds -1; number the classes from 0"),
        ([0] * 6, "every label in train_labels is 0; give at least 2 classes"),
    ],
)
def test_training_labels_that_leave_the_classes_open_are_refused(save, labels, message):
    assert fault(save(train_labels=np.array(labels))).startswith(message)


@pytest.mark.parametrize("shape", [(4, 16, 16, 3), (4, 8, 8)])
@pytest.mark.parametrize("split", ["val", "test"])
def test_splits_that_differ_in_shape_are_refused(save, shape, split):
    changes = {f"{split}_images": np.zeros(shape, np.uint8), f"{split}_labels": np.zeros(4, np.uint8)}
    message = f"one image of {split}_images has shape {shape[1:]}, of train_images (8, 8, 3); make all alike"
    assert fault(save(**changes)) == message


@pytest.mark.parametrize("shape", [(10**12, 8, 8, 3), (4, 8, 8, 2), (-4, -8, 8, 3)])
def test_a_header_that_declares_another_size_than_the_file_holds_is_refused(save, monkeypatch, shape):
    path = save(val_images=None)
    with zipfile.ZipFile(path, "a") as archive, archive.open("val_images.npy", "w") as member:
        npy.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": shape})
        member.write(arrays()["val_images"].tobytes())
    monkeypatch.setattr(npy, "read_array", lambda *_, **__: pytest.fail("nothing may be allocated for it"))
    assert fault(path).startswith(f"val_images declares shape {shape}, but its size in the file differs; save")


def test_images_that_do_not_fit_into_memory_are_refused(save, monkeypatch):
    def too_much(*_, **__):
        raise MemoryError

    monkeypatch.setattr(npy, "read_array", too_much)
    assert fault(save()).startswith("its arrays do not fit into memory; use a machine with more")
