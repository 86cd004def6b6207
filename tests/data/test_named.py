"""Data sets by name other than MedMNIST's."""

from pathlib import Path

import numpy as np
import pytest

from medunlearn.data import named
from medunlearn.data.named import is_named, read_named
from medunlearn.data.synthetic import synthetic_data
from medunlearn.errors import InputError


@pytest.mark.parametrize(
    ("name", "known"), [("synthetic", True), ("bloodmnist", False), ("Synthetic", False), (None, False)]
)
def test_is_named_tells_plug_ins_from_medmnist(name, known):
    assert is_named(name) is known


def test_read_named_gives_the_size_to_a_data_set_that_takes_it_alone():
    found = read_named("synthetic", 12, Path("nowhere"), True)
    np.testing.assert_array_equal(found.train.images, synthetic_data(size=12).train.images)
    assert found.train.images.shape[1:] == (12, 12, 3)


@pytest.mark.parametrize("names", [(), ("root",), ("download", "size"), ("size", "root", "download")])
def test_read_named_gives_what_a_data_set_takes_and_nothing_else(monkeypatch, names):
    given = {"size": 28, "root": Path("there"), "download": False}
    received = []
    scope = {"received": received, "data": synthetic_data(size=4, counts={"train": 4, "val": 4, "test": 4})}
    exec(f"def make({', '.join(names)}):\n received.append(locals())\n return data", scope)
    monkeypatch.setattr(named, "find", lambda *_: scope["make"])
    assert read_named("own", **given) is scope["data"]
    assert received == [{name: given[name] for name in names}]


def test_read_named_refuses_what_is_no_image_data(monkeypatch):
    monkeypatch.setattr(named, "find", lambda *_: lambda: {"train": 1})
    with pytest.raises(InputError) as error:
        read_named("own", 28, Path(), True)
    assert str(error.value) == "dataset=own: its plug-in returns dict, not medunlearn.ImageData; fix it"


@pytest.mark.parametrize("plugin", [dict, 5])
def test_read_named_refuses_what_it_cannot_call_by_name(monkeypatch, plugin):
    monkeypatch.setattr(named, "find", lambda *_: plugin)
    with pytest.raises(InputError, match=r"^dataset=own: its plug-in is a (type|int) whose parameters cannot be read"):
        read_named("own", 28, Path(), True)


def test_read_named_refuses_an_unknown_name_with_the_choice():
    with pytest.raises(InputError, match=r"^dataset=synthetics: no such data set; did you mean synthetic\?"):
        read_named("synthetics", 28, Path(), True)
