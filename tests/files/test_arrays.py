import io
import zipfile

import numpy as np
import pytest

from medunlearn.errors import Fault
from medunlearn.files import read_archive, read_npy
from medunlearn.files.arrays import open_archive, read_header


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_read_archive_returns_what_was_saved(tmp_path, dtype, save):
    arrays = {"a": np.arange(6).reshape(2, 3).astype(dtype), "empty": np.empty((0, 4), dtype)}
    save(tmp_path / "x.npz", **arrays)
    found = read_archive(tmp_path / "x.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_read_archive_returns_fortran_order_as_c_order(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.asfortranarray(np.arange(6).reshape(2, 3)))
    found = read_archive(tmp_path / "x.npz")["a"]
    assert found.flags["C_CONTIGUOUS"]
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1 + 2j]), np.array(["2026-01-01"], "datetime64[D]")])
def test_read_archive_refuses_what_is_no_number(tmp_path, array):
    np.savez(tmp_path / "x.npz", a=array)
    with pytest.raises(Fault, match=r"a is .*, not real numbers"):
        read_archive(tmp_path / "x.npz")


def test_read_archive_refuses_python_objects(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object))
    with pytest.raises(Fault, match="Python objects"):
        read_archive(tmp_path / "x.npz")


def test_read_archive_refuses_one_name_twice(tmp_path):
    content = io.BytesIO()
    np.save(content, np.arange(3))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content.getvalue())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", content.getvalue())
    with pytest.raises(Fault, match="twice under one name"):
        read_archive(tmp_path / "x.npz")


def test_open_archive_refuses_a_zip_behind_other_bytes(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    (tmp_path / "y.npz").write_bytes(b"before" + (tmp_path / "x.npz").read_bytes())
    assert zipfile.is_zipfile(tmp_path / "y.npz")
    with pytest.raises(Fault, match="damaged"), open_archive(tmp_path / "y.npz"):
        pass


@pytest.mark.parametrize("array", [np.arange(5), np.float32(2.5), np.empty((0, 3))])
def test_read_npy_returns_what_was_saved(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    found = read_npy(tmp_path / "x.npy")
    assert found.dtype == np.asarray(array).dtype
    assert np.array_equal(found, array)


def test_read_npy_raises_for_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npy(tmp_path / "x.npy")


@pytest.mark.parametrize("kept", [0, 5, 60, 130])
def test_read_npy_refuses_a_file_cut_short(tmp_path, kept):
    np.save(tmp_path / "x.npy", np.arange(100))
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:kept])
    with pytest.raises(Fault):
        read_npy(tmp_path / "x.npy")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_read_header_agrees_with_numpy(version):
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=version)
    size = content.tell()
    content.seek(0)
    header = read_header(content, size, "a")
    assert (header.shape, header.dtype, header.fortran_order) == (array.shape, array.dtype, False)
    assert header.start == size - array.nbytes


@pytest.mark.parametrize("surplus", [-1, 1, 10**12])
def test_read_header_refuses_another_size(surplus):
    content = io.BytesIO()
    np.save(content, np.arange(4))
    size = content.tell()
    content.seek(0)
    with pytest.raises(Fault, match="declares shape"):
        read_header(content, size + surplus, "a")
