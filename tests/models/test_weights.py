import pickle
import re
from pathlib import Path

import pytest
import torch
from helpers.backbones import TINY, TinyNet
from torch import nn

from medunlearn.errors import InputError
from medunlearn.models import ResNet18, build_backbone, load_model, load_weights, read_weights, save_weights, weights


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = ResNet18(3)
    model(torch.rand(2, 3, 8, 8))  # moves the running statistics off their first values
    return model.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "model.ckpt"
    save_weights(model, path)
    return path


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert torch.equal(a[name], b[name]), name


def message(caught):
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_saved_weights_load_bit_for_bit_with_weights_only(model, saved):
    content = torch.load(saved, weights_only=True)
    assert content.keys() == {"state_dict", "architecture"}
    assert content["architecture"] == {
        "num_classes": 3,
        "in_channels": 3,
        "stem": "cifar",
        "mean": 0.5,
        "std": 0.5,
    }
    assert_same_weights(content["state_dict"], model.state_dict())


def test_saved_weights_lie_in_plain_memory_without_gradients(saved):
    state = torch.load(saved, weights_only=True)["state_dict"]
    assert all(value.is_contiguous() and not value.requires_grad for value in state.values())


def test_extra_content_is_kept(model, tmp_path):
    save_weights(model, tmp_path / "model.ckpt", saliency_mask={"fc.bias": torch.tensor([True, False, True])})
    assert read_weights(tmp_path / "model.ckpt")["saliency_mask"]["fc.bias"].tolist() == [True, False, True]


def test_load_weights_round_trip(model, saved):
    other = ResNet18(3)
    load_weights(other, saved)
    assert_same_weights(other.state_dict(), model.state_dict())


def test_load_weights_takes_a_run_directory(model, saved, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "model.ckpt").hardlink_to(saved)
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"not this one")
    other = ResNet18(3)
    load_weights(other, str(tmp_path))
    assert_same_weights(other.state_dict(), model.state_dict())


def test_load_model_builds_the_architecture_in_evaluation_mode(tmp_path):
    made = ResNet18(4, in_channels=1, stem="imagenet")
    save_weights(made, tmp_path / "model.ckpt")
    loaded = load_model(tmp_path / "model.ckpt")
    assert not any(module.training for module in loaded.modules())
    assert loaded.architecture == made.architecture
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(loaded(x), made.eval()(x))


def test_a_crash_while_saving_leaves_the_old_file(model, saved, monkeypatch):
    before = saved.read_bytes()
    whole = torch.save

    def crash(content, file, *args):
        whole({"half": torch.zeros(1000)}, file)
        raise KeyboardInterrupt

    monkeypatch.setattr(weights.torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        save_weights(ResNet18(3), saved)
    assert saved.read_bytes() == before


def test_a_crash_while_saving_for_the_first_time_leaves_no_file(model, tmp_path, monkeypatch):
    def crash(content, file, *args):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(weights.torch, "save", crash)
    with pytest.raises(OSError, match="No space"):
        save_weights(model, tmp_path / "model.ckpt")
    assert not (tmp_path / "model.ckpt").exists()


def test_the_new_file_replaces_the_old_and_nothing_is_left_beside_it(model, tmp_path):
    path = tmp_path / "model.ckpt"
    path.write_bytes(b"old")
    save_weights(model, path)
    assert_same_weights(read_weights(path)["state_dict"], model.state_dict())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("num_classes", "in_channels", "stem"), [(4, 3, "cifar"), (3, 1, "cifar"), (3, 3, "imagenet")])
def test_another_architecture_is_refused_and_both_are_named(saved, num_classes, in_channels, stem):
    other = ResNet18(num_classes, in_channels, stem)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_weights(other, saved)
    assert message(caught) == (
        f"original={saved}: its model is in_channels 3, num_classes 3, stem cifar, this run's is "
        f"in_channels {in_channels}, num_classes {num_classes}, stem {stem}; give a run of the same model and data"
    )
    assert_same_weights(other.state_dict(), before)


@pytest.mark.parametrize("missing", ["conv1.weight", "fc.bias"])
def test_weights_that_are_not_all_there_are_refused(model, tmp_path, missing):
    path = tmp_path / "model.ckpt"
    state = {name: value for name, value in model.state_dict().items() if name != missing}
    torch.save({"state_dict": state, "architecture": model.architecture}, path)
    with pytest.raises(InputError) as caught:
        load_weights(ResNet18(3), path)
    assert message(caught) == f"original={path}: its weights do not fit a ResNet-18; train that run again"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_a_truncated_file_is_refused(saved, tmp_path, share):
    path = tmp_path / "model.ckpt"
    whole = saved.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError) as caught:
        load_model(path)
    assert re.fullmatch(
        rf"source={re.escape(str(path))}: {re.escape(str(path))} cannot be read as weights \(.+\); "
        "train that run again",
        message(caught),
    )


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_code_in_a_weights_file_is_not_run(tmp_path, write):
    path, marker = tmp_path / "model.ckpt", tmp_path / "code_was_run"
    content = {"state_dict": {}, "architecture": Bomb(marker)}
    with path.open("wb") as file:
        torch.save(content, file) if write == "torch" else pickle.dump(content, file, protocol=2)
    with pytest.raises(InputError, match=r"cannot be read as weights \(.+\); train that run again$") as caught:
        load_model(path)
    message(caught)
    assert not marker.exists()
    content = torch.load(path, weights_only=False) if write == "torch" else pickle.loads(path.read_bytes())
    content["architecture"].close()
    assert marker.exists()  # so reading it without care does run code


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {}}, {"architecture": {}}])
def test_other_content_is_refused(tmp_path, content):
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    with pytest.raises(InputError) as caught:
        read_weights(path, "original")
    assert message(caught) == (
        f"original={path}: {path} holds no weights of medunlearn; give a finished run's directory"
    )


def test_a_missing_file_and_a_directory_without_weights_are_refused(tmp_path):
    for source, path in [
        (tmp_path / "runs" / "none", tmp_path / "runs" / "none"),
        (tmp_path, tmp_path / "checkpoints" / "model.ckpt"),
    ]:
        with pytest.raises(InputError) as caught:
            load_model(source)
        assert message(caught) == f"source={source}: no weights at {path}; give the directory of a finished run"


ODD = {
    "architecture as text": {"state_dict": {}, "architecture": "resnet18"},
    "unknown architecture": {"state_dict": {}, "architecture": {"num_classes": 3, "depth": 50}},
    "state_dict is a list": {
        "state_dict": [1],
        "architecture": {"num_classes": 3, "in_channels": 3, "stem": "cifar"},
    },
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_content_of_another_form_is_an_input_error(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError) as caught:
        load_model(tmp_path / "other.ckpt")
    message(caught)


def test_load_model_brings_the_normalisation_back(tmp_path):
    made = ResNet18(2, mean=0.2, std=0.25)
    save_weights(made, tmp_path / "model.ckpt")
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "model.ckpt")(x), made.eval()(x))


# Networks of one's own, compiled networks, and several processes


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    made = build_backbone(TINY, 3)
    made(torch.rand(2, 3, 8, 8))
    save_weights(made, tmp_path / "tiny.ckpt")
    return made


def test_own_network_loads_where_the_caller_names_it(tiny, tmp_path):
    for named in (TINY, TinyNet):
        loaded = load_model(tmp_path / "tiny.ckpt", named)
        assert_same_weights(loaded.state_dict(), tiny.state_dict())
        assert not loaded.training


@pytest.mark.parametrize("named", [None, "helpers.backbones.Other", ResNet18])
def test_own_network_is_not_imported_because_a_file_says_so(tmp_path, monkeypatch, named):
    (tmp_path / "touching.py").write_text("from pathlib import Path\nPath('was_imported').touch()\nNet = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    architecture = {"backbone": "touching.Net", "num_classes": 3, "in_channels": 3, "mean": 0.5, "std": 0.5}
    torch.save({"state_dict": {"a": torch.zeros(1)}, "architecture": architecture}, "model.ckpt")
    with pytest.raises(InputError) as caught:
        load_model("model.ckpt", named)
    assert message(caught) == (
        "source=model.ckpt: its network is touching.Net, which is not imported because a file says so; if you trust "
        "it, load_model(..., backbone='touching.Net')"
    )
    with pytest.raises(InputError, match=r"its model is backbone touching\.Net, .*, this run's is backbone resnet18"):
        load_weights(ResNet18(3), "model.ckpt")
    assert read_weights("model.ckpt")["architecture"] == architecture
    assert not Path("was_imported").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"num_classes": 10**9},
        {"backbone": "densenet121", "num_classes": 10**9},
        {"backbone": "vit_b_16", "image_size": 16 * 10**5},
        {"backbone": "densenet121", "stem": "cifar"},
        {"backbone": "densenet121", "image_size": 28},
        {"backbone": "resnet18"},
        {"backbone": 7},
        {"backbone": "resnet50", "stem": "other"},
        {"backbone": "mobilenet_v3_small", "in_channels": 0},
        {"backbone": "fcn_resnet50"},
    ],
)
def test_architecture_that_the_weights_do_not_have_is_refused_before_it_is_built(tiny, tmp_path, monkeypatch, change):
    content = torch.load(tmp_path / "tiny.ckpt", weights_only=True)
    torch.save(content | {"architecture": content["architecture"] | change}, "odd.ckpt")
    monkeypatch.setattr(weights, "load_weights", lambda *_: pytest.fail("was built"))
    with pytest.raises(InputError) as caught:
        load_model("odd.ckpt", TINY)
    assert message(caught).startswith("source=odd.ckpt: ")


def test_own_weights_that_pose_as_more_are_refused(tiny, tmp_path):
    content = torch.load(tmp_path / "tiny.ckpt", weights_only=True)
    content["state_dict"]["fc.weight"] = torch.zeros(1, 1).expand(10**9, 16)
    content["architecture"]["num_classes"] = 10**9
    torch.save(content, "odd.ckpt")
    with pytest.raises(InputError, match=f"its weights do not fit a {TINY}; train that run again"):
        read_weights("odd.ckpt")


def compiled_within(model):
    model.bn1 = torch.compile(model.bn1, backend="eager")
    return model


WRAPPED = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "compiled within": compiled_within,
    "several processes": nn.DataParallel,
    "both": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_wrapped_network_is_saved_and_loaded_under_plain_names(tiny, tmp_path, wrap):
    before = {name: value.clone() for name, value in tiny.state_dict().items()}
    wrapped = wrap(tiny)
    save_weights(wrapped, Path("wrapped.ckpt"), saliency_mask={name: torch.ones(1) for name in wrapped.state_dict()})
    content = torch.load("wrapped.ckpt", weights_only=True)
    assert_same_weights(content["state_dict"], before)
    assert content["architecture"] == tiny.architecture
    other = wrap(build_backbone(TINY, 3))
    load_weights(other, "wrapped.ckpt")
    x = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(other.eval()(x), load_model("wrapped.ckpt", TINY)(x))


@pytest.mark.parametrize("wrap", ["compiled", "compiled within"])
def test_mask_of_a_compiled_network_is_saved_under_plain_names(tiny, wrap):
    wrapped = WRAPPED[wrap](tiny)
    mask = {name: torch.ones_like(value, dtype=torch.bool) for name, value in wrapped.named_parameters()}
    save_weights(wrapped, Path("wrapped.ckpt"), saliency_mask=mask)
    names = [name for name, _ in TinyNet(3).named_parameters()]
    assert list(read_weights("wrapped.ckpt")["saliency_mask"]) == names


def test_models_that_are_no_backbone_are_refused():
    with pytest.raises(TypeError, match="Expected `model` to be a Backbone, but got Linear; see `build_backbone`"):
        save_weights(nn.Linear(2, 2), Path("model.ckpt"))


def test_load_model_knows_the_names_of_its_classes_where_the_file_has_them(tmp_path):
    model = build_backbone(TINY, 3)
    save_weights(model, tmp_path / "named.ckpt", class_names=["a", "b", "c"])
    save_weights(model, tmp_path / "bare.ckpt")
    assert load_model(tmp_path / "named.ckpt", TINY).class_names == ("a", "b", "c")
    assert load_model(tmp_path / "bare.ckpt", TINY).class_names is None


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "\x1b[2J"], ["a", "b", 3], {"a": 1}, 3, ["a", "a", "b"]])
def test_load_model_refuses_names_that_are_none_of_its_classes(tmp_path, names):
    save_weights(build_backbone(TINY, 3), tmp_path / "model.ckpt", class_names=names)
    with pytest.raises(InputError, match=r"^source=.*class_names.*; train that run again$"):
        load_model(tmp_path / "model.ckpt", TINY)
