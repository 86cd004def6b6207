"""The convolutions whose weights a method edits."""

import pytest
import torch
from helpers.convolutions import NESTED
from torch import nn

from medunlearn import InputError, KernelTranspose, MaskedSmallGradients, WeightNegation
from medunlearn.methods.convolutions import convolutions
from medunlearn.models import build_backbone
from medunlearn.models.base import one_pass, unallocated

EDITING = (KernelTranspose, MaskedSmallGradients, WeightNegation)
FAMILIES = (  # one of each, all of torchvision's have been tried once
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "resnext50_32x4d"),
    *("shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vgg11_bn", "vit_b_16", "wide_resnet50_2"),
)


def test_convolutions_are_found_however_deep_they_lie():
    assert list(convolutions(build_backbone(NESTED))) == ["stem.0", "blocks.0.0", "blocks.1.1"]


@pytest.mark.parametrize("name", ["helpers.backbones.TinyNet", NESTED, *FAMILIES])
def test_first_convolution_is_the_first_that_an_image_meets(name):
    with unallocated():
        backbone = build_backbone(name, 4)
    first, met = next(iter(convolutions(backbone).values())), []
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda module, inputs: met.append(module))
    one_pass(backbone.to("meta"), 3, 224)
    assert met[0] is first
    assert first.in_channels == 3


@pytest.mark.parametrize("method", EDITING)
def test_a_network_without_convolutions_is_refused(method):
    with pytest.raises(InputError, match=r"backbone=helpers\.convolutions\.FlatNet: has no convolution .*; choose a"):
        method(4, original="t", backbone="helpers.convolutions.FlatNet")


@pytest.mark.parametrize("method", [MaskedSmallGradients, WeightNegation])
def test_statistics_that_an_edit_leaves_behind_cannot_be_frozen(method):
    with pytest.raises(
        InputError, match=r"freeze_statistics=true: this method edits the weights, .*; leave it out, or"
    ):
        method(4, original="t", backbone=NESTED, freeze_statistics=True)


def test_names_are_those_without_compilation():
    compiled = build_backbone(NESTED)
    compiled.stem = torch.compile(compiled.stem)
    assert list(convolutions(compiled)) == ["stem.0", "blocks.0.0", "blocks.1.1"]
