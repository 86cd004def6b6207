"""timm's networks by name, with a stand-in where timm is not installed."""

import sys
from types import SimpleNamespace

import pytest
import torch
from helpers.backbones import TinyNet

from medunlearn import InputError, load_model
from medunlearn.models import build_backbone, save_weights


@pytest.fixture(autouse=True)
def timm(monkeypatch):
    """Put a library with two networks in timm's place; return what it was asked for."""
    asked = []

    def create(name, pretrained, num_classes, in_chans, **options):
        asked.append((name, pretrained, options))
        return TinyNet(num_classes, in_chans)

    found = SimpleNamespace(
        is_model=lambda name: name in ("tiny", "sized.tag"),
        get_pretrained_cfg=lambda name: SimpleNamespace(fixed_input_size=name.startswith("sized")),
        create_model=create,
    )
    monkeypatch.setitem(sys.modules, "timm", found)
    return asked


def test_network_is_built_without_pretrained_weights_and_sized_where_it_has_a_size(timm):
    assert build_backbone("timm:tiny", 4, 1, image_size=8).architecture["backbone"] == "timm:tiny"
    assert build_backbone("timm:sized.tag", 4, image_size=8).architecture["image_size"] == 8
    assert timm == [("tiny", False, {}), ("sized.tag", False, {"img_size": 8})]


def test_saved_weights_are_loaded_without_naming_the_network_again(tmp_path):
    network = build_backbone("timm:tiny", 4).eval()
    save_weights(network, tmp_path / "model.ckpt")
    images = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "model.ckpt")(images), network(images))


def test_a_name_that_timm_has_not_registered_is_not_looked_for_elsewhere(timm):
    with pytest.raises(InputError, match="timm has no such network"):
        build_backbone("timm:hf-hub:someone/net", 4)
    assert not timm
