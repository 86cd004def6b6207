"""Boundary expand: a row beside the head, trained and left out of the model."""

import signal

import numpy as np
import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.bare import Steps, train, untrained
from helpers.runs import FORGET, same, weights

from medunlearn import load_model
from medunlearn.errors import InputError
from medunlearn.methods import BoundaryExpand, Classifier

OPTIONS = (FORGET, "--model.init_args.original=t", "--trainer.precision=32-true")


def last(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def test_first_step_is_cross_entropy_to_the_extra_class(fit, monkeypatch):
    """The gradient of the extra row is the mean of (p_K - 1) features, and the loss -log p_K, in NumPy."""
    original, seen = weights(fit.original("t", epochs=1)), []

    def watched(self, batch, number, step=Classifier.training_step):
        row = [each.detach().clone() for each in self.extra.parameters()]
        loss = step(self, batch, number)
        seen.append((batch, row, loss.item()))
        return loss

    monkeypatch.setattr(Classifier, "training_step", watched)
    more = ("--model.init_args.lr=0.5", "--model.init_args.momentum=0", "--model.init_args.weight_decay=0")
    run = fit("BoundaryExpand", "s", *OPTIONS, *more, epochs=1)
    ((batch, (weight, bias), loss),) = seen
    assert batch.forget.all()
    net = TinyNet(4).train()
    net.load_state_dict(original)
    inputs = []
    net.fc.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().double().numpy()))
    logits = net((batch.images - 0.5) / 0.5).detach().double().numpy()
    (features,) = inputs
    widened = np.concatenate([logits, features @ weight.double().numpy().T + bias.double().numpy()], axis=1)
    probs = np.exp(widened - widened.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    assert loss == pytest.approx(-np.log(probs[:, 4]).mean(), rel=1e-4)
    moved = last(run)["state_dict"]["extra.weight"] - weight
    expected = -0.5 * ((probs[:, 4] - 1)[:, None] * features).mean(0)
    np.testing.assert_allclose(moved[0], expected, rtol=1e-3, atol=1e-6)


def test_model_has_the_classes_of_the_original_and_at_a_rate_of_0_its_weights(fit):
    """Public code measures K + 1 classes, or widens the head after the optimiser was built."""
    original = weights(fit.original("t", epochs=1))
    run = fit("BoundaryExpand", "s", *OPTIONS, "--model.init_args.lr=0")
    found = weights(run)
    names = [name for name, _ in TinyNet(4).named_parameters()]
    assert found.keys() == original.keys()
    assert same({name: found[name] for name in names}, {name: original[name] for name in names})
    assert load_model(run, TINY)(torch.zeros(1, 3, 8, 8)).shape == (1, 4)
    assert np.load(run / "predictions.npz")["forget_probs"].shape == (8, 4)
    groups = last(run)["optimizer_states"][0]["param_groups"]
    assert sum(len(group["params"]) for group in groups) == len(names) + 2, "the optimiser holds the new row"


def test_extra_row_comes_from_the_seed_and_goes_on_in_a_resumed_run(fit, monkeypatch):
    fit.original("t", epochs=1)
    options = (*OPTIONS, "--trainer.deterministic=true", "--model.init_args.lr=0.1", "--data.batch_size=3")
    whole = fit("BoundaryExpand", "whole", *options)
    again = fit("BoundaryExpand", "again", *options)
    other = fit("BoundaryExpand", "other", *options, "--seed_everything=7")
    monkeypatch.setenv("ASKED", "0 1 1")
    asked = (*options, "--trainer.callbacks+=helpers.methods.AskToEnd")
    fit("BoundaryExpand", "part", *asked, status=128 + signal.SIGTERM)
    monkeypatch.delenv("ASKED")
    part = fit("BoundaryExpand", "part", *asked, "--resume=true")
    rows = {name: last(run)["state_dict"] for name, run in (("whole", whole), ("again", again), ("part", part))}
    assert same(rows["whole"], rows["again"]) and same(rows["whole"], rows["part"])
    assert same(weights(whole), weights(part))
    assert not torch.equal(rows["whole"]["extra.weight"], last(other)["state_dict"]["extra.weight"])


class Rows(Steps):
    """Keeps the extra class's row and bias of every step, and whether the optimiser holds them."""

    def on_train_start(self, trainer, pl_module):
        self.rows = [[each.detach().clone() for each in pl_module.extra.parameters()]]
        self.starts = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        held = {id(each) for group in trainer.optimizers[0].param_groups for each in group["params"]}
        assert held >= {id(each) for each in pl_module.extra.parameters()}
        self.starts.append([each.detach().clone() for each in pl_module.extra.parameters()])

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.rows.append([each.detach().clone() for each in pl_module.extra.parameters()])


def test_extra_class_is_made_once_and_trained_in_every_epoch(npz, tmp_path):
    """AMUN's code widens the head again every epoch."""
    original, rows = untrained(tmp_path / "model.ckpt"), Rows()
    train("BoundaryExpand", original, npz, 3, callbacks=(rows,), lr=0.1)
    assert len(rows.starts) == 6
    for start, before, after in zip(rows.starts, rows.rows[:-1], rows.rows[1:], strict=True):
        assert all(map(torch.equal, start, before)), "it goes on where the last step ended"
        assert not any(map(torch.equal, before, after))


def test_a_backbone_without_a_last_linear_layer_is_refused():
    with pytest.raises(InputError, match=r"^backbone=squeezenet1_1: this method needs the features"):
        BoundaryExpand(4, original="t", backbone="squeezenet1_1", image_size=32)
