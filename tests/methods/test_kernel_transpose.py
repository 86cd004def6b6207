"""Kernel transpose: its identity, which networks have it, and what a run leaves."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.convolutions import NESTED
from helpers.runs import weights
from torch import nn

from medunlearn import InputError, KernelTranspose, load_model
from medunlearn.methods.kernel_transpose import transpose_kernels
from medunlearn.models import build_backbone

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")
SQUARE = ("resnet18", "densenet121", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "regnet_y_400mf")


def moved_statistics(backbone):
    """Give a network the statistics of images, so that its output depends on what it sees."""
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    backbone.double().train()(torch.rand(4, 3, 64, 64, dtype=torch.float64))
    return backbone.eval()


@pytest.mark.parametrize("name", [TINY, NESTED, *SQUARE])
@pytest.mark.parametrize("shape", [(64, 64), (64, 96)])
@torch.no_grad()
def test_transposed_network_sees_the_image_transposed(name, shape):
    """net_CT(x) = net(x transposed), on square images and others; and twice is the network itself."""
    torch.manual_seed(0)
    backbone = moved_statistics(build_backbone(name, 4))
    images = torch.rand(2, 3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain, seen_transposed = backbone(images), backbone(images.mT)
    transpose_kernels(backbone)
    torch.testing.assert_close(backbone(images), seen_transposed, rtol=1e-5, atol=1e-8)
    assert (plain - seen_transposed).abs().max() > 1e-4 * plain.abs().max(), "the views differ"
    transpose_kernels(backbone)
    assert torch.equal(backbone(images), plain)


def test_a_run_without_an_epoch_is_the_original_with_transposed_kernels(fit):
    trained = fit.original("t", epochs=1)
    run = fit("KernelTranspose", "s", *OPTIONS, epochs=0)
    before, after = weights(trained), weights(run)
    for name, value in before.items():
        expected = np.swapaxes(value.numpy(), 2, 3) if value.ndim == 4 else value.numpy()
        assert np.array_equal(after[name].numpy(), expected), name
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = load_model(run, TINY)(images), load_model(trained, TINY)(images.mT)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    recorded = json.loads((run / "metrics.json").read_text())
    assert recorded["runtime"]["preparation"] > 0
    files = [sorted(str(path.relative_to(each)) for path in each.rglob("*")) for each in (run, trained)]
    assert files[0] == files[1]


def test_statistics_may_be_frozen(fit):
    """The edited network's maps are the original's, transposed, and have the same statistics in that view."""
    fit.original("t", epochs=1)
    run = fit("KernelTranspose", "s", *OPTIONS, "--model.init_args.freeze_statistics=true", epochs=1)
    before, after = weights(run.parent / "t"), weights(run)
    assert all(torch.equal(after[name], before[name]) for name in before if "running" in name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("inception_v3", r"Mixed_6b\.branch7x7_2\.conv has kernel_size=\(1, 7\)"),
        ("helpers.convolutions.OblongNet", r"conv has kernel_size=\(3, 1\)"),
        ("helpers.convolutions.OblongStrideNet", r"conv has stride=\(2, 1\)"),
        ("helpers.convolutions.OblongPaddingNet", r"conv has padding=\(0, 1\)"),
    ],
)
def test_a_network_that_treats_height_and_width_differently_is_refused(name, says):
    with pytest.raises(InputError, match=f"backbone={name}: its convolution {says}, and only square ones .*; choose"):
        KernelTranspose(4, original="t", backbone=name)


def test_settings_are_those_of_its_recipe():
    method = KernelTranspose(4, original="t", backbone=TINY)
    assert (method.lr, method.lr_schedule, method.images(0)) == (0.05, "cosine", "retain")
    assert KernelTranspose.trainer_arguments == {"max_epochs": 3}
