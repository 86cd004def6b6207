"""Which of an unlearner's parts each hook calls, with a stand-in for it. (In runs: `test_unlearner.py`.)"""

import pytest
import torch
from helpers.backbones import TINY
from lightning.pytorch import Callback
from torch import nn

from medunlearn.errors import InputError
from medunlearn.methods import SalUn
from medunlearn.methods.hooks import UnlearnerHooks, check_prepared
from medunlearn.methods.rewind import NearestEpoch


class Method:
    """Notes what is called."""

    def __init__(self, mask=None, kept=None):
        self.mask, self.kept, self.calls = mask, kept or {}, []
        self.rewind, self.nearest = False, NearestEpoch()

    def begin(self):
        self.calls.append("begin")

    def hold(self):
        self.calls.append("hold")

    def hold_statistics(self):
        self.calls.append("hold_statistics")

    def clear_frozen_gradients(self):
        self.calls.append("clear")

    def resume(self, mask, kept):
        self.calls.append(("resume", mask, kept))


@pytest.mark.parametrize(
    ("hook", "more", "called"),
    [
        ("on_fit_start", 0, "begin"),
        ("on_train_batch_start", 2, "hold_statistics"),
        ("on_before_optimizer_step", 1, "clear"),
        ("on_train_batch_end", 3, "hold"),
        ("on_train_epoch_end", 0, "hold"),
        ("on_train_end", 0, "hold"),
    ],
)
def test_hook_calls_its_part_once(hook, more, called):
    method = Method()
    getattr(UnlearnerHooks(), hook)(None, method, *[None] * more)
    assert method.calls == [called]


def test_hooks_are_no_more_than_those_tested_here():
    own = {name for name in vars(UnlearnerHooks) if not name.startswith("_")}
    checkpoint = {"on_save_checkpoint", "on_load_checkpoint"}
    steps = {"on_train_batch_start", "on_before_optimizer_step", "on_train_batch_end"}
    assert own == checkpoint | steps | {"on_fit_start", "on_train_epoch_end", "on_train_end"}
    assert all(hasattr(Callback, name) for name in own), "Lightning calls no other names"


def test_checkpoint_gets_mask_and_kept_after_frozen_weights_are_restored():
    mask = {"w": torch.tensor([True, False])}
    method, checkpoint = Method(mask, {"noise": torch.arange(3.0)}), {"epoch": 1}
    UnlearnerHooks().on_save_checkpoint(None, method, checkpoint)
    assert method.calls == ["hold"]
    assert checkpoint.keys() == {"epoch", "saliency_mask", "kept"}
    assert torch.equal(checkpoint["saliency_mask"]["w"], mask["w"])
    assert checkpoint["kept"]["noise"].tolist() == [0, 1, 2]
    again = Method()
    UnlearnerHooks().on_load_checkpoint(None, again, checkpoint)
    assert again.calls == [("resume", checkpoint["saliency_mask"], checkpoint["kept"])]


def test_checkpoint_without_a_mask_names_none():
    method, checkpoint = Method(), {}
    UnlearnerHooks().on_save_checkpoint(None, method, checkpoint)
    assert checkpoint == {"kept": {}}
    UnlearnerHooks().on_load_checkpoint(None, method, checkpoint)
    UnlearnerHooks().on_load_checkpoint(None, method, {})
    assert method.calls[1:] == [("resume", None, {})] * 2


def test_unlearner_brings_its_hooks_along():
    callbacks = SalUn(4, original="t", backbone=TINY).configure_callbacks()
    callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    assert [type(each) for each in callbacks] == [UnlearnerHooks]


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (nn.Linear(2, 2), "prepare: returns Linear; return a dict of tensors by name, …"),
        (
            {"old": nn.Linear(2, 2)},
            "prepare: returns old: Linear; return a dict of tensors by name, …",
        ),
        ([torch.ones(2)], "prepare: returns list; return a dict of tensors by name, …"),
    ],
)
def test_preparation_that_returns_no_tensors_by_name_is_refused(kept, says):
    with pytest.raises(InputError) as caught:
        check_prepared(kept, ())
    assert str(caught.value).startswith(says.removesuffix("…"))


def test_preparation_that_leaves_a_network_is_refused_or_a_resumed_run_would_lack_it():
    with pytest.raises(InputError, match=r"^prepare: sets self.old, a network, which a resumed run would lack"):
        check_prepared({}, {"old"})
    check_prepared({"prior": torch.ones(2)}, ())
