"""Weights of models that were trained elsewhere: every form of file that people have, and what is refused."""

import hashlib

import pytest
import torch
from helpers.backbones import TinyNet
from safetensors.torch import save_file
from torch import nn

from medunlearn import InputError
from medunlearn.models import fitted, read_elsewhere


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return TinyNet(4)


@pytest.fixture
def state(network):
    return network.state_dict()


def read(path, state):
    return fitted(read_elsewhere(path), state, path)


def saved(content, name="w.pt"):
    torch.save(content, name)
    return name


FORMS = {
    "state dict": lambda state: state,
    "plain dict": dict,
    "checkpoint": lambda state: {"epoch": 3, "model_state_dict": state, "optimizer": {"state": {0: torch.ones(3)}}},
    "lightning": lambda state: {"state_dict": {f"model.{name}": value for name, value in state.items()}, "loops": {}},
    "model": lambda state: {"model": state, "args": None},
    "nested": lambda state: {"model": {"state_dict": state}},
    "data parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "repeated": lambda state: {f"module._orig_mod.model.backbone.{name}": value for name, value in state.items()},
    "partly compiled": lambda state: {
        name.replace("conv1.", "conv1._orig_mod."): value for name, value in state.items()
    },
    "parameters": lambda state: {n: nn.Parameter(v) if v.is_floating_point() else v for n, v in state.items()},
    "double": lambda state: {n: v.double() if v.is_floating_point() else v for n, v in state.items()},
    "old": lambda state: {n: v for n, v in state.items() if "num_batches" not in n},
    "channels last": lambda state: {
        n: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for n, v in state.items()
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_whatever_wraps_them(state, form):
    found = read(saved(FORMS[form](state)), state)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in state.items())


def test_safetensors_are_read_and_the_file_is_named_by_name_and_hash(state, tmp_path):
    path = tmp_path / "clinic" / "w.safetensors"
    path.parent.mkdir()
    save_file({f"module.{name}": value for name, value in state.items()}, path)
    found = read_elsewhere(path)
    assert (found.name, found.sha256) == ("w.safetensors", hashlib.sha256(path.read_bytes()).hexdigest())
    assert all(torch.equal(value, state[name]) for name, value in fitted(found, state, path).items())


def test_half_precision_becomes_the_networks_own(state):
    found = read(saved({n: v.half() if v.is_floating_point() else v for n, v in state.items()}), state)
    assert all(found[name].dtype == value.dtype for name, value in state.items())
    assert torch.equal(found["fc.bias"], state["fc.bias"].half().float())


def test_names_that_the_network_itself_begins_so_keep_their_beginning(state):
    own = {f"model.{name}": value for name, value in state.items()}
    assert read(saved({f"module.{name}": value for name, value in own.items()}), own).keys() == own.keys()


def test_two_weights_of_one_name_are_refused(state):
    twice = {**{f"module.{name}": value for name, value in state.items()}, "model.fc.bias": state["fc.bias"] + 1}
    with pytest.raises(InputError, match=r"1 unexpected \(model\.fc\.bias\)"):
        read(saved(twice), state)


def test_a_file_that_needs_code_runs_none(network):
    class Evil:
        def __reduce__(self):
            return exec, ("raise SystemExit('code was run')",)

    for content in (network, {"state_dict": network.state_dict(), "args": Evil()}):
        with pytest.raises(
            InputError, match=r"^weights=w\.pt: cannot be read as weights alone \(it asks for [^)]*\); save"
        ):
            read_elsewhere(saved(content))


def test_old_and_scripted_files_are_refused_in_one_line(network):
    torch.save(network.state_dict(), "old.pt", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.trace(network.eval(), torch.zeros(1, 3, 8, 8)), "scripted.pt")
    for name in ("old.pt", "scripted.pt"):
        with pytest.raises(InputError, match=f"^weights={name}: cannot be read as weights alone"):
            read_elsewhere(name)
