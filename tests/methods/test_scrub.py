"""SCRUB: which images each epoch goes through, and which way each step goes."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.one_step import PLAIN, check_same, gradients, network, one_step
from helpers.runs import same, weights

from medunlearn import InputError
from medunlearn.contracts import Batch
from medunlearn.methods import SCRUB, Classifier

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


@pytest.mark.parametrize(("forget_epochs", "epochs"), [(0, 3), (1, 3), (3, 5), (4, 5)])
def test_so_many_epochs_begin_with_the_forget_set(forget_epochs, epochs):
    """RUM's code counts epochs from 0 and compares by <=, which makes one more; of 4 in 5 epochs, all of them."""
    method = SCRUB(4, original="t", backbone=TINY, forget_epochs=forget_epochs)
    found = [method.images(epoch) for epoch in range(epochs)]
    assert found == ["forget_then_retain"] * forget_epochs + ["retain"] * (epochs - forget_epochs)


def test_training_meets_the_forget_set_first_and_ends_on_the_retain_set(fit, monkeypatch):
    fit.original("t", epochs=1)
    met = {}
    step = Classifier.training_step

    def watched(self, batch, number):
        met.setdefault(self.current_epoch, []).append(batch)
        return step(self, batch, number)

    monkeypatch.setattr(Classifier, "training_step", watched)
    run = fit("SCRUB", "s", *OPTIONS, "--model.init_args.forget_epochs=2", epochs=3)
    forget = json.loads((run / "split.json").read_text())["indices"]
    for epoch, batches in met.items():
        rows = torch.cat([batch.rows for batch in batches]).tolist()
        expected = [*forget, *np.setdiff1d(np.arange(32), forget)] if epoch < 2 else np.setdiff1d(range(32), forget)
        assert sorted(rows) == sorted(expected)
        flags = torch.cat([batch.forget for batch in batches]).tolist()
        assert flags == sorted(flags, reverse=True), "the forget set first"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["trained_on"] == "forget_then_retain+retain"
    assert np.isfinite(metrics["RTE"])


def test_a_step_on_retained_images_is_that_of_both_terms(fit, monkeypatch):
    """From weights that differ from the original's: `fit` starts from `t`, whose teacher is given others here."""
    fit.original("t", epochs=1)
    other = weights(fit.once("Train", "other", "--seed_everything=7", epochs=1))
    teach(monkeypatch, other)
    settings = {"kl_weight": 0.7, "ce_weight": 0.3, "temperature": 2.0, "forget_epochs": 0}
    options = [f"--model.init_args.{name}={value}" for name, value in settings.items()]
    _, batch, before, moved = one_step(fit, monkeypatch, "SCRUB", *options)
    assert not batch.forget.any()
    student, teacher = network(before), network(other)
    logits, taught = student(batch.images), teacher(batch.images).detach()
    s, t = ((each / 2).softmax(1) for each in (logits, taught))
    divergence = 4 * (t * (t.log() - s.log())).sum(1).mean()
    entropy = -logits.softmax(1).log()[torch.arange(8), batch.labels].mean()
    check_same(moved, gradients(student, 0.7 * divergence + 0.3 * entropy))


def test_a_step_on_forgotten_images_goes_away_from_the_original(fit, monkeypatch):
    fit.original("t", epochs=1)
    other = weights(fit.once("Train", "other", "--seed_everything=7", epochs=1))
    teach(monkeypatch, other)
    _, batch, before, moved = one_step(fit, monkeypatch, "SCRUB")
    assert batch.forget.all()
    student, teacher = network(before), network(other)
    s, t = ((each / 4).softmax(1) for each in (student(batch.images), teacher(batch.images).detach()))
    check_same(moved, gradients(student, -16 * (t * (t.log() - s.log())).sum(1).mean()))


def teach(monkeypatch, state):
    """Give the method another teacher than the original, so that KL is not 0 at the first step."""
    given = network(state).float()
    monkeypatch.setattr(SCRUB, "teacher", lambda self: lambda images: given.double()(images).detach().float())


def test_the_first_pass_through_the_forget_set_moves_nothing_where_statistics_are_frozen(fit, monkeypatch):
    """At the original KL has no gradient: only BatchNorm's batch statistics make a difference to maximise."""
    fit.original("t", epochs=1)
    _, _, _, moved = one_step(fit, monkeypatch, "SCRUB")
    assert max(float(each.abs().max()) for each in moved.values()) < 1e-5
    options = [each for each in PLAIN if "freeze_statistics" not in each]
    run = fit("SCRUB", "free", *options, epochs=1)
    assert not all(torch.allclose(value, weights(run)[name]) for name, value in weights(run.parent / "t").items())


def test_teacher_is_bit_identical_at_the_end(fit, monkeypatch):
    fit.original("t", epochs=1)
    seen = []
    ended = SCRUB.on_fit_end
    monkeypatch.setattr(SCRUB, "on_fit_end", lambda self: (seen.append(self), ended(self))[1])
    run = fit("SCRUB", "s", *OPTIONS)
    teacher = seen[0].teacher()
    assert same({name: value.cpu() for name, value in teacher.state_dict().items()}, weights(run.parent / "t"))
    assert not same(weights(run), weights(run.parent / "t"))
    assert not teacher.training


def test_losses_of_a_mixed_batch_are_of_each_images_set(fit):
    fit.original("t", epochs=1)
    method = SCRUB(4, original="t", backbone=TINY, kl_weight=0, ce_weight=2)
    forget = torch.tensor([True, False, False])
    rows = torch.arange(3)
    batch = Batch(torch.rand(3, 3, 8, 8), rows, rows, forget, torch.ones(3) / 3, torch.rand(3), None)
    found = method.losses(batch)
    assert found[0] < 0
    assert (found[1:] > 0).all()


@pytest.mark.parametrize("name", ["forget_epochs", "kl_weight", "ce_weight"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_weights_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"^{name}={value!r}: give a number of 0 or more$"):
        SCRUB(4, original="t", backbone=TINY, **{name: value})


@pytest.mark.parametrize("value", [0, -1, float("inf")])
def test_a_temperature_out_of_range_is_refused(value):
    with pytest.raises(InputError, match=f"^temperature={value}: give a number above 0$"):
        SCRUB(4, original="t", backbone=TINY, temperature=value)
