"""Networks by name: torchvision's, one's own, and the errors of wrong ones."""

import copy
import json
import math
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers.backbones import TINY, TinyNet
from helpers.runs import FORGET, QUIET, refused, same, weights
from torch import nn

from medunlearn.errors import InputError
from medunlearn.methods.saliency import forget_gradients, saliency_mask
from medunlearn.models import Backbone, build_backbone, load_model, load_weights, save_weights
from medunlearn.models.backbones import torchvision_names
from medunlearn.models.base import unallocated

# Name and the smallest images that it is tried on, of several families: residual, dense, depthwise, attention.
SMALL = [
    ("resnet34", 8),
    ("shufflenet_v2_x0_5", 8),
    ("mobilenet_v3_small", 8),
    ("squeezenet1_1", 28),
    ("mnasnet0_5", 28),
    ("efficientnet_b0", 28),
    ("regnet_y_400mf", 28),
    ("densenet121", 32),
]
LARGE = [("resnet50", 28), ("convnext_tiny", 32), ("swin_t", 32), ("vit_b_16", 32), ("googlenet", 32)]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a function that writes a module `own_nets` and forgets it afterwards."""

    def write(text):
        folder = tmp_path / "own"
        folder.mkdir()
        (folder / "own_nets.py").write_text("import torch\nfrom torch import nn\n" + textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(folder))

    yield write
    sys.modules.pop("own_nets", None)


def images(count, channels, size):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def message(caught):
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


# torchvision's


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize(("name", "size"), SMALL)
def test_torchvision_network_is_saved_and_loaded_bit_for_bit(tmp_path, name, size, in_channels):
    torch.manual_seed(0)
    made = build_backbone(name, 4, in_channels, image_size=size)
    x = images(2, in_channels, size)
    made(x)  # moves the statistics off their first values
    save_weights(made, tmp_path / "model.ckpt")
    loaded = load_model(tmp_path / "model.ckpt")
    assert loaded.architecture == made.architecture
    assert same(loaded.state_dict(), made.state_dict())
    with torch.no_grad():
        logits = loaded(x)
        assert torch.equal(logits, made.eval()(x))
    assert logits.shape == (2, 4)
    assert logits.isfinite().all()


@pytest.mark.parametrize(("name", "size"), [*SMALL, *LARGE])
def test_names_of_the_parameters_are_torchvisions(name, size):
    with unallocated():
        found = build_backbone(name, 4, 1, image_size=size).state_dict()
        expected = torchvision.models.get_model(name, weights=None, num_classes=4, **_plain(name)).state_dict()
    assert found.keys() == expected.keys()
    others = {key for key in found if found[key].shape != expected[key].shape}
    assert len(others - {"encoder.pos_embedding"}) == 1, "only the first convolution differs"


def _plain(name):
    return {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_normalisation_lies_inside(name):
    torch.manual_seed(0)
    found = build_backbone(name, 4).eval()
    expected = torchvision.models.get_model(name, weights=None, num_classes=4).eval()
    expected.load_state_dict(found.state_dict())
    x = images(2, 3, 32)
    with torch.no_grad():
        assert torch.equal(found(x), expected((x - 0.5) / 0.5))


@pytest.mark.parametrize("name", ["resnet34", "resnext50_32x4d", "wide_resnet50_2"])
@pytest.mark.parametrize(("stem", "kernel"), [("cifar", 3), ("imagenet", 7)])
def test_stem_is_that_of_every_resnet(name, stem, kernel):
    with unallocated():
        made = build_backbone(name, 4, stem=stem)
    assert made.conv1.kernel_size == (kernel, kernel)
    assert isinstance(made.maxpool, nn.Identity) == (stem == "cifar")
    assert made.architecture["stem"] == stem


def test_stem_is_refused_where_there_is_none_to_choose():
    with pytest.raises(InputError) as caught:
        build_backbone("densenet121", 4, stem="imagenet")
    assert message(caught) == "stem=imagenet: densenet121 has no stem to choose; leave it out"


def test_gray_images_get_a_draw_of_the_networks_own_initialisation():
    torch.manual_seed(0)
    colour = build_backbone("mobilenet_v3_small", 4, 3).features[0][0]
    torch.manual_seed(0)
    gray = build_backbone("mobilenet_v3_small", 4, 1).features[0][0]
    assert gray.in_channels == 1
    assert torch.equal(gray.weight, colour.weight[:, :1])


def test_resnet18_is_drawn_as_ever_and_its_description_has_not_changed():
    torch.manual_seed(0)
    made = build_backbone("resnet18", 4)
    assert made.architecture == {"num_classes": 4, "in_channels": 3, "stem": "cifar", "mean": 0.5, "std": 0.5}
    assert type(made).__name__ == "ResNet18"


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("inception_v3", 28, "takes no images of 28x28 pixels with 3 channels ("),
        ("vit_b_16", 28, "takes no images of 28x28 pixels with 3 channels (Input shape indivisible by patch size"),
        ("alexnet", 28, "takes no images of 28x28 pixels"),
        ("densenet121", 8, "takes no images of 8x8 pixels"),
        ("maxvit_t", 64, "takes no images of 64x64 pixels"),
    ],
)
def test_images_that_a_network_does_not_take_are_one_line(name, size, says):
    with unallocated(), pytest.raises(InputError) as caught:
        build_backbone(name, 4, image_size=size)
    assert message(caught).startswith(f"backbone={name}: {says}")
    assert message(caught).endswith("; choose another size of images, or another network")


@pytest.mark.parametrize(
    ("name", "near"), [("resnet5", "resnet50"), ("densnet121", "densenet121"), ("ResNet18", "resnet18")]
)
def test_misspelt_name_gets_the_closest_and_the_list(name, near):
    with pytest.raises(InputError) as caught:
        build_backbone(name, 4)
    assert f"backbone={name}: no such network; did you mean {near}? Choose one of alexnet, " in message(caught)
    assert "or give an import path such as mypackage.networks.Net" in message(caught)
    assert all(each in message(caught) for each in torchvision_names())


@pytest.mark.parametrize("name", ["fcn_resnet50", "raft_large", "r3d_18", "quantized_resnet18"])
def test_networks_that_classify_no_images_are_not_in_the_list(name):
    with pytest.raises(InputError, match=f"backbone={name}: no such network"):
        build_backbone(name, 4)


# One's own


def test_own_network_is_built_by_its_import_path():
    made = build_backbone(TINY, 4, 1, image_size=8)
    assert isinstance(made, TinyNet) and isinstance(made, Backbone)
    assert made.architecture == {"backbone": TINY, "num_classes": 4, "in_channels": 1, "mean": 0.5, "std": 0.5}
    assert made.state_dict().keys() == TinyNet(4, 1).state_dict().keys()
    plain = TinyNet(4, 1)
    plain.load_state_dict(made.state_dict())
    x = images(2, 1, 8)
    with torch.no_grad():
        assert torch.equal(made.eval()(x), plain.eval()((x - 0.5) / 0.5))


def test_copy_of_a_network_is_one_too():
    made = build_backbone(TINY, 4)
    again = copy.deepcopy(made)
    assert again.architecture == made.architecture
    assert same(again.state_dict(), made.state_dict())


def test_own_network_may_be_a_function_and_take_the_size_of_the_images(own):
    own("""
        def build(num_classes, in_channels, image_size):
            return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))
    """)
    made = build_backbone("own_nets.build", 3, 1, image_size=5)
    assert made(images(2, 1, 5)).shape == (2, 3)
    assert made.architecture["image_size"] == 5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "no_such_package.Net",
            "cannot be imported (No module named 'no_such_package'); fix the path, or set PYTHONP",
        ),
        ("own_nets.Nett", "cannot be imported ("),
        ("own_nets.NUMBER", "is not a class or function that builds a network; name one"),
        ("own_nets.NoChannels", "cannot be called with num_classes and in_channels ("),
        ("own_nets.nothing", "returns NoneType, not a torch.nn.Module; fix it"),
        ("own_nets.Taken", "has an attribute `architecture`, which medunlearn sets; rename it"),
        ("own_nets.Maps", "returns (1, 4, 8, 8) for one image, not logits (1, 4); name a classifier"),
        ("own_nets.Several", "returns dict for one image, not logits (1, 4); name a classifier"),
        ("own_nets.Wide", "takes no images of 8x8 pixels with 3 channels ("),
    ],
)
def test_own_network_that_does_not_fit_is_one_line(own, name, says):
    own("""
        NUMBER = 3

        def nothing(num_classes, in_channels):
            pass

        class NoChannels(nn.Linear):
            def __init__(self, num_classes):
                super().__init__(3, num_classes)

        class Taken(nn.Linear):
            architecture = "own"
            def __init__(self, num_classes, in_channels):
                super().__init__(in_channels, num_classes)

        class Maps(nn.Conv2d):
            def __init__(self, num_classes, in_channels):
                super().__init__(in_channels, num_classes, 1)

        class Several(Maps):
            def forward(self, x):
                return {"logits": super().forward(x)}

        class Wide(nn.Sequential):
            def __init__(self, num_classes, in_channels):
                super().__init__(nn.Flatten(), nn.Linear(7, num_classes))
    """)
    with pytest.raises(InputError) as caught:
        build_backbone(name, 4, image_size=8)
    assert message(caught).startswith(f"backbone={name}: {says}")


# From the command line


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_salun_unlearns_from_a_network_of_torchvision(fit, name):
    # In float32: on a CPU, PyTorch 2.14's gradient of a depthwise convolution in bfloat16 and channels-last can be NaN
    # where a weight meets nothing but padding, as on maps of one pixel.
    precision = "--trainer.precision=32-true"
    original = fit("Train", "train", precision, epochs=1, backbone=name)
    options = (FORGET, precision, f"--model.init_args.original={original}", "--model.init_args.mask_ratio=0.3")
    run = fit("SalUn", "salun", *options, "--model.init_args.weight_decay=0.5", epochs=1, backbone=name)
    content = torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)
    before, after, mask = weights(original), content["state_dict"], content["saliency_mask"]
    total = sum(value.numel() for value in mask.values())
    assert sum(int(free.sum()) for free in mask.values()) == math.floor(0.3 * total)
    moved = {key: after[key].view(torch.int32) != before[key].view(torch.int32) for key in mask}
    assert not any((moved[key] & ~mask[key]).any() for key in mask)
    assert sum(int(some.sum()) for some in moved.values()) > 0.9 * 0.3 * total
    assert all(value.isfinite().all() for value in after.values())
    assert load_model(run).architecture["backbone"] == name


def test_network_without_batchnorm_is_trained_also_on_one_image(fit, own):
    """BatchNorm cannot take one image whose maps are one pixel; without it nothing is refused."""
    own("""
        class Plain(nn.Sequential):
            def __init__(self, num_classes, in_channels):
                super().__init__(
                    nn.Conv2d(in_channels, 8, 8, 8), nn.GELU(), nn.Flatten(), nn.LayerNorm(8), nn.Linear(8, num_classes)
                )
    """)
    original = fit("Train", "train", "--data.batch_size=31", epochs=1, backbone="own_nets.Plain")
    options = (FORGET, f"--model.init_args.original={original}", "--model.init_args.refresh_statistics=true")
    run = fit("SalUn", "salun", *options, epochs=1, backbone="own_nets.Plain")
    assert json.loads((run / "metrics.json").read_text())["parameters"]["total"] == 3 * 64 * 8 + 8 + 16 + 36


def test_batch_of_one_image_is_refused_where_batchnorm_would_see_one_value(npz, capsys):
    argv = ["fit", "--model=Train", "--run_dir=r", f"--data.file={npz}", "--data.batch_size=31", *QUIET]
    for name in ("shufflenet_v2_x0_5", TINY):
        line = refused(capsys, *argv, f"--model.init_args.backbone={name}")
        assert line.startswith("data.batch_size=31: it leaves 1 of the images for the smallest batch")


def test_original_of_another_network_is_named_with_both(fit, capsys):
    original = fit.original("train", epochs=1)
    options = (FORGET, f"--model.init_args.original={original}")
    fit("SalUn", "salun", *options, status=2, backbone="resnet18")
    assert (
        f"model.init_args.original={original}: its model is backbone {TINY}, in_channels 3, num_classes 4, this run's "
        "is backbone resnet18, in_channels 3, num_classes 4, stem cifar; give a run of the same model and data"
    ) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--model.init_args.backbone=resnet5"], "model.init_args.backbone=resnet5: no such network; did you mean"),
        (["--model.init_args.backbone=inception_v3"], "model.init_args.backbone=inception_v3: takes no images of 8x8"),
        (["--model.init_args.backbone=a.b.Net"], "model.init_args.backbone=a.b.Net: cannot be imported"),
        (["--model.init_args.image_size=8"], "model.init_args.image_size: is taken from the data; leave it out"),
    ],
)
def test_wrong_network_on_the_command_line_is_one_line(npz, capsys, argv, says):
    line = refused(capsys, "fit", "--model=Train", "--run_dir=r", f"--data.file={npz}", *QUIET, *argv)
    assert line.startswith(says)


# Saliency


def test_saliency_is_taken_without_dropout_and_leaves_statistics_and_mode_as_they_are():
    torch.manual_seed(0)
    model = build_backbone("mobilenet_v3_small", 4)
    x, labels = images(4, 3, 32), torch.tensor([0, 1, 2, 3])
    model(x)
    before = copy.deepcopy(model.state_dict())
    found = forget_gradients(model, [(x[:3], labels[:3]), (x[3:], labels[3:])])
    assert any(isinstance(layer, nn.Dropout) for layer in model.modules())
    assert all(layer.training for layer in model.modules())
    assert same(model.state_dict(), before)
    F.cross_entropy(model.eval()(x), labels, reduction="sum").backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-5)
    mask = saliency_mask(found, 0.5)
    assert sum(int(free.sum()) for free in mask.values()) == sum(p.numel() for p in model.parameters()) // 2


def test_weights_of_an_older_file_load(tmp_path):
    """A ResNet-18's file from before there were other backbones: no name in its architecture."""
    made = build_backbone("resnet18", 3)
    architecture = {"num_classes": 3, "in_channels": 3, "stem": "cifar", "mean": 0.5, "std": 0.5}
    torch.save({"state_dict": dict(made.state_dict()), "architecture": architecture}, tmp_path / "model.ckpt")
    other = build_backbone("resnet18", 3)
    load_weights(other, tmp_path / "model.ckpt")
    assert same(other.state_dict(), made.state_dict())
    assert same(load_model(Path(tmp_path, "model.ckpt")).state_dict(), made.state_dict())
