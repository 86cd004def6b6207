"""Refusals of `medunlearn.models` and `medunlearn.plugins`, with inputs that reach them."""

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import torch
from helpers.backbones import TINY, TinyNet

from medunlearn import load_model, plugins
from medunlearn.models import build_backbone, fitted, load_weights, read_elsewhere, save_weights
from medunlearn.models.weights import _class_names


def named(name="own", **options):
    return lambda at: build_backbone(name, 4, **options)


def own(text, name="own_refused.Net", **options):
    """Build a backbone of a module of this text."""

    def call(at):
        module = name.partition(".")[0]
        at.write(f"{module}.py", "from torch import nn\n" + text)
        at.patch.syspath_prepend(str(Path.cwd()))
        at.patch.delitem(sys.modules, module, raising=False)
        return build_backbone(name, 4, **options)

    return call


def weights(content, read=load_model, name="model.ckpt"):
    def call(at):
        torch.save(content, name)
        return read(name)

    return call


def denied(at):
    torch.save({}, "model.ckpt")
    at.denied("open")
    return load_model("model.ckpt")


def images(values):
    """Give something else than images to the model of a finished run."""

    def call(at):
        at.take("t")
        return load_model("t", TINY)(values)

    return call


def other_network(at):
    save_weights(build_backbone(TINY, 4), Path("model.ckpt"))
    return load_weights(build_backbone(TINY, 5), "model.ckpt")


def stranger(at):
    save_weights(build_backbone(TINY, 4), Path("model.ckpt"))
    return load_model("model.ckpt")


def own_names(path):
    return _class_names(torch.load(path, weights_only=True), f"source={path}")


def unbuilt(at):
    save_weights(build_backbone(TINY, 4), Path("model.ckpt"))
    at.patch.setattr(TinyNet, "__init__", lambda *_, **__: 1 + "")
    return load_model("model.ckpt", TINY)


def plugin(*found):
    """Look a method up among plug-ins of packages."""

    def call(at):
        others = [plugins.Plugin("methods", "mine", value, package) for value, package in found]
        at.patch.setattr(plugins, "_others", lambda group: others)
        return plugins.find("methods", "mine", "model")

    return call


NET = "class Net(nn.Module):\n    def __init__(self, num_classes, in_channels):\n        super().__init__()\n"


def elsewhere(content, name="w.pt"):
    """Fit a file from elsewhere to a tiny network."""

    def call(at):
        if isinstance(content, dict | torch.nn.Module):
            torch.save(content, name)
        else:
            at.write(name, content)
        return fitted(read_elsewhere(name), TinyNet(4).state_dict(), name)

    return call


def huge(at):
    with Path("w.pt").open("wb") as file:
        file.truncate(2**34 + 1)
    return read_elsewhere("w.pt")


def incomplete(at):
    """Read a file of weights one tensor of which is not in it."""
    torch.save(TinyNet(4).state_dict(), "whole.pt")
    with zipfile.ZipFile("whole.pt") as whole, zipfile.ZipFile("w.pt", "w") as part:
        for member in whole.infolist():
            if not member.filename.endswith("data/0"):
                part.writestr(member.filename.replace("whole/", "w/"), whole.read(member))
    return read_elsewhere("w.pt")


def no_library(name, call):
    def without(at):
        at.patch.setitem(sys.modules, name, None)
        return call(at)

    return without


def no_such_in_timm(at):
    found = SimpleNamespace(is_model=lambda name: False, create_model=None)
    at.patch.setitem(sys.modules, "timm", found)
    return build_backbone("timm:resnt18", 4)


STATE = TinyNet(4).state_dict()
ALONE = "save the weights alone, `torch.save(model.state_dict(), 'weights.pt')`, or as .safetensors"

ROWS = [
    (named("resnet18", stem="big"), "model.init_args.stem=big: choose one of cifar, imagenet"),
    (
        named("densenet121", stem="imagenet"),
        "model.init_args.stem=imagenet: densenet121 has no stem to choose; leave it out",
    ),
    (
        named("resnt18"),
        "model.init_args.backbone=resnt18: no such network; did you mean resnet18? Choose one of …, one of timm's such "
        "as timm:resnet18, or give an import path such as mypackage.networks.Net",
    ),
    (
        named("vit_b_16", image_size=20),
        "model.init_args.backbone=vit_b_16: takes no images of 20x20 pixels with 3 channels (…); choose another size "
        "of images, or another network",
    ),
    (
        named("alexnet", image_size=8),
        "model.init_args.backbone=alexnet: takes no images of 8x8 pixels with 3 channels (…); choose another size of "
        "images, or another network",
    ),
    (
        named("no_such.Net"),
        "model.init_args.backbone=no_such.Net: cannot be imported (No module named 'no_such'); fix the path, or set "
        "PYTHONPATH to the folder of no_such",
    ),
    (
        own("import no_such_needed"),
        "model.init_args.backbone=own_refused.Net: cannot be imported (No module named 'no_such_needed'); install "
        "no_such_needed, which it imports",
    ),
    (
        own("1 / 0"),
        "model.init_args.backbone=own_refused.Net: cannot be imported (division by zero); fix its module, which "
        "raises ZeroDivisionError",
    ),
    (
        own("Net = 5"),
        "model.init_args.backbone=own_refused.Net: is not a class or function that builds a network; name one",
    ),
    (
        own("def Net(classes): ..."),
        "model.init_args.backbone=own_refused.Net: cannot be called with num_classes and in_channels (…); let it take "
        "them",
    ),
    (
        own("def Net(num_classes, in_channels): return 5"),
        "model.init_args.backbone=own_refused.Net: returns int, not a torch.nn.Module; fix it",
    ),
    (
        own(NET + "        self.architecture = 1"),
        "model.init_args.backbone=own_refused.Net: has an attribute `architecture`, which medunlearn sets; rename it",
    ),
    (
        own(NET + "    def forward(self, x): return x", image_size=8),
        "model.init_args.backbone=own_refused.Net: returns (1, 3, 8, 8) for one image, not logits (1, 4); name a "
        "classifier",
    ),
    # Weights
    (
        lambda at: load_weights(build_backbone(TINY, 4), "t"),
        "original=t: no weights at t; give the directory of a finished run",
    ),
    (denied, "source=model.ckpt: model.ckpt cannot be read (Permission denied); give yourself the right to read it"),
    (
        lambda at: load_model(at.write("model.ckpt", "x")),
        "source=model.ckpt: model.ckpt cannot be read as weights (cut short or damaged (…)); train that run again",
    ),
    (
        lambda at: load_model(at.write("foreign.pth", "x")),
        "source=foreign.pth: foreign.pth cannot be read as weights (cut short or damaged (…)); give a finished run's "
        "directory",
    ),
    (
        weights({"w": torch.ones(2)}),
        "source=model.ckpt: model.ckpt holds no weights of medunlearn; give a finished run's directory",
    ),
    (
        weights({"state_dict": {}, "architecture": {"backbone": "resnet18", "num_classes": "x"}}),
        "source=model.ckpt: names no ResNet-18 that can be built; train that run again",
    ),
    (
        weights({"state_dict": {}, "architecture": {"backbone": "own.Net", "num_classes": 2, "mean": ["x"]}}),
        "source=model.ckpt: names no own.Net that can be built; train that run again",
    ),
    (
        weights({"state_dict": {}, "architecture": build_backbone("resnet18").architecture}),
        "source=model.ckpt: its weights do not fit a ResNet-18; train that run again",
    ),
    (
        other_network,
        "original=model.ckpt: its model is …num_classes 4, this run's is …num_classes 5; give a run of the same model "
        "and data",
    ),
    (
        stranger,
        f"source=model.ckpt: its network is {TINY}, which is not imported because a file says so; if you trust it, "
        f"load_model(..., backbone='{TINY}')",
    ),
    (
        weights({"state_dict": {}, "architecture": {"num_classes": 2}, "class_names": ["a", "a"]}, own_names),
        "source=model.ckpt: class_names: classes 0 and 1 are both named a; train that run again",
    ),
    (unbuilt, "source=model.ckpt: its network cannot be built (…); train that run again"),
    # Weights from elsewhere
    (huge, f"model.init_args.weights=w.pt: has 16 GiB, more than any network here; {ALONE}"),
    (
        lambda at: read_elsewhere("none.pt"),
        "model.init_args.weights=none.pt: no such file; give a .pt, .pth or .safetensors file",
    ),
    (
        lambda at: read_elsewhere(at.take("t")[0]),
        "model.init_args.weights=t: cannot be read (Is a directory); fix the path",
    ),
    (
        elsewhere(TinyNet(4)),
        f"model.init_args.weights=w.pt: cannot be read as weights alone (it asks for helpers.backbones TinyNet, which "
        f"is not a tensor); {ALONE}",
    ),
    (incomplete, f"model.init_args.weights=w.pt: cannot be read as weights alone (RuntimeError); {ALONE}"),
    (
        elsewhere("x", "w.safetensors"),
        f"model.init_args.weights=w.safetensors: cannot be read as weights alone (…); {ALONE}",
    ),
    (
        no_library("safetensors", elsewhere("x", "w.safetensors")),
        "model.init_args.weights=w.safetensors: needs safetensors; `pip install 'medunlearn[export]'`, or give a "
        ".pt file",
    ),
    (
        elsewhere({"epoch": 3}),
        "model.init_args.weights=w.pt: holds no weights by name, at its top or in state_dict, model_state_dict, model; "
        f"{ALONE}",
    ),
    (
        elsewhere(TinyNet(5).state_dict()),
        "model.init_args.weights=w.pt: does not fit the network: 2 of another shape (fc.weight 5x16 for 4x16, fc.bias "
        "5 for 4); its last layer has 5 classes and the data 4: give the data that it was trained for, or num_classes",
    ),
    (
        elsewhere(STATE | {"fc.bias": torch.ones(4, dtype=torch.int8)}),
        f"model.init_args.weights=w.pt: fc.bias holds int8, no floats; {ALONE}, not quantised",
    ),
    (
        elsewhere(STATE | {"fc.bias": torch.full((4,), torch.nan)}),
        "model.init_args.weights=w.pt: fc.bias holds NaN or infinity; give a model that has not diverged",
    ),
    (
        no_library("timm", named("timm:resnet18")),
        "model.init_args.backbone=timm:resnet18: needs timm; `pip install 'medunlearn[timm]'`, or name another network",
    ),
    (
        no_such_in_timm,
        "model.init_args.backbone=timm:resnt18: timm has no such network; `timm.list_models()` lists them",
    ),
    # Images
    (images([1, 2]), "images=list: give a torch.Tensor, as from torch.as_tensor(images)"),
    (
        images(torch.zeros(1, 3, 8, 8, dtype=torch.int64)),
        "images=int64: give uint8 from 0 to 255, or float from 0 to 1",
    ),
    (images(torch.zeros(1, 1, 8, 8)), "images=(1, 1, 8, 8): the model takes (N, 3, H, W)…"),
    # Plug-ins
    (
        lambda at: plugins.find("engines", "slurm"),
        "engine=slurm: no such engine; choose one of local, ray",
    ),
    (
        plugin(("a:M", "first"), ("b:M", "second")),
        "model=mine: is a method of first and of second; uninstall all but one of these packages",
    ),
    (
        plugin(("no_such:M", "first")),
        "model=mine: the plug-in no_such:M of package first cannot be imported (ModuleNotFoundError: No module named "
        "'no_such'); fix or uninstall first",
    ),
]
