"""What a checkpoint holds can be read again, or is refused where it is."""

import io
from argparse import Namespace
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.data import AttributeDict
from torch import nn

from medunlearn.errors import InputError
from medunlearn.training.plain import plain_checkpoint


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Settings:
    folder: Path
    level: Level = Level.HIGH


class OwnTensor(torch.Tensor):
    pass


Pair = namedtuple("Pair", ["first", "second"])


def read_again(content):
    """Return what comes back of a checkpoint by the strict reader."""
    file = io.BytesIO()
    torch.save(plain_checkpoint(content), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Path("runs/a"), "runs/a"),
        (PurePosixPath("b"), "b"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        (Settings(Path("x")), {"folder": "x", "level": 3}),
        (Namespace(lr=0.1, path=Path("y")), {"lr": 0.1, "path": "y"}),
        (AttributeDict(a=AttributeDict(b=Path("c"))), {"a": {"b": "c"}}),
        (UserDict(a=Path("c")), {"a": "c"}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (deque([1, Path("d")]), [1, "d"]),
        (range(3), [0, 1, 2]),
        (frozenset([1]), {1}),
        (Pair(1, Path("e")), (1, "e")),
        ((1, (2, Path("f"))), (1, (2, "f"))),
        ([Path("g")], ["g"]),
        ({Colour.RED: Level.HIGH, np.int64(2): Path("h")}, {"red": 3, 2: "h"}),
        ({(np.int64(1), "a"): 1}, {(1, "a"): 1}),
        (OrderedDict(a=Path("i")), OrderedDict(a="i")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_value_stands_for_it_and_is_read_again(value, expected):
    found = read_again({"own": value})["own"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 0.5, 1j, "a", b"a", (1, 2), {1}, Counter("aab"), torch.float16, torch.device("cpu"), [{"a": (1,)}]],
    ids=str,
)
def test_plain_values_stay_the_same_objects(value):
    assert plain_checkpoint({"own": value})["own"] is value
    assert read_again({"own": value})["own"] == value


def test_plain_tensors_stay_and_those_of_other_classes_become_tensors():
    weights = nn.BatchNorm1d(2).state_dict()
    assert plain_checkpoint({"state_dict": weights})["state_dict"] is weights
    own = torch.arange(3.0).as_subclass(OwnTensor)
    assert type(read_again({"own": own})["own"]) is torch.Tensor
    assert type(read_again({"own": nn.Parameter(torch.ones(1))})["own"]) is nn.Parameter


def test_plain_states_of_optimisers_and_schedulers_are_read_again():
    module = nn.Linear(2, 1)
    for kind in (torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad):
        optimizer = kind(module.parameters(), lr=0.1)
        module(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3, cycle_momentum=False)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        state = {
            "optimizer_states": [optimizer.state_dict()],
            "lr_schedulers": [one_cycle.state_dict(), plateau.state_dict()],
        }
        assert read_again(state)["lr_schedulers"][0]["total_steps"] == 3


def test_plain_hyper_parameters_lose_the_class_that_held_them():
    """Of OmegaConf's Lightning keeps the class too, which no strict reader takes."""
    assert plain_checkpoint({"hyper_parameters": UserDict(a=1), "hparams_type": UserDict}) == {
        "hyper_parameters": {"a": 1}
    }


def holds_itself():
    """Return a list that holds itself."""
    found = []
    found.append(found)
    return found


IGNORE = "leave it out by `save_hyperparameters(ignore=['net'])`"
STATE = "let the callback's `state_dict` return what it can be made of again: numbers, text, lists, tensors"
KEEP = "keep what it can be made of again: numbers, text, lists, tensors"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"hyper_parameters": {"net": nn.Linear(1, 1)}}, f"hyper_parameters.net: a Linear cannot be kept; {IGNORE}"),
        ({"hyper_parameters": {"net": lambda: 0}}, f"hyper_parameters.net: a function cannot be kept; {IGNORE}"),
        ({"hyper_parameters": {"net": [nn.ReLU]}}, f"hyper_parameters.net.0: the class ReLU cannot be kept; {IGNORE}"),
        ({"callbacks": {"Own": {"at": np.zeros(2)}}}, f"callbacks.Own.at: a NumPy array cannot be kept; {STATE}"),
        ({"own": object()}, f"own: an object cannot be kept; {KEEP}"),
        ({"own": {"file": io.StringIO()}}, f"own.file: a StringIO cannot be kept; {KEEP}"),
        ({"own": holds_itself()}, f"own.0: something that holds itself cannot be kept; {KEEP}"),
        (
            {"lr_schedulers": [{"f": len}]},
            "lr_schedulers.0.f: a function cannot be kept; let the scheduler's `state_dict` leave it out",
        ),
        (
            {"optimizer_states": [{"state": {0: {"hook": len}}}]},
            "optimizer_states.0.state.0.hook: a function cannot be kept; let the optimiser's `state_dict` leave it out",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.partition(":")[0],
)
def test_value_that_no_checkpoint_can_hold_is_refused_where_it_is(content, says):
    with pytest.raises(InputError) as caught:
        plain_checkpoint(content)
    assert str(caught.value) == says.replace("be kept;", "be kept in a checkpoint;")
