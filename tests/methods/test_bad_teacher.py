"""Bad Teacher: which network each image is taught by."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.one_step import check_same, gradients, network, one_step
from helpers.runs import same, weights

from medunlearn.contracts import Batch
from medunlearn.methods import BadTeacher

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


@pytest.fixture
def methods(monkeypatch):
    """Return the methods that a fit has ended with."""
    seen = []
    ended = BadTeacher.on_fit_end
    monkeypatch.setattr(BadTeacher, "on_fit_end", lambda self: (seen.append(self), ended(self))[1])
    return seen


def test_a_step_imitates_the_untrained_network_on_the_forget_set_alone(fit, monkeypatch, methods):
    """At the first step the original teaches nothing, so only forgotten images have a gradient: s - t in their logits.

    The authors' code divides KL by the number of classes as well, and would move a fourth as far.
    """
    fit.original("t", epochs=1)
    _, batch, before, moved = one_step(fit, monkeypatch, "BadTeacher", "--seed_everything=5")
    forget = batch.forget
    assert 0 < forget.sum() < 8
    student, untrained = network(before), network(methods[0].untrained().state_dict())
    logits, t = student(batch.images), untrained(batch.images).softmax(1).detach()
    difference = (logits.softmax(1) - t).detach() * forget[:, None] / 8
    check_same(moved, gradients(student, (difference * logits).sum()))


def test_images_are_taught_by_the_network_of_their_set(fit, methods):
    """By weights that differ from the original's, so that both teachers have something to say."""
    fit.original("t", epochs=1)
    fit("BadTeacher", "s", *OPTIONS)
    (method,) = methods
    method.eval()
    forget = torch.tensor([True, False, True, False])
    rows = torch.arange(4)
    images = torch.rand(4, 3, 8, 8)
    found = method.losses(Batch(images, rows, rows, forget, torch.ones(4) / 4, torch.rand(4), None)).detach()
    states = weights(method.original), method.untrained().state_dict(), method.backbone.state_dict()
    good, bad, s = (network(state)(images).detach().softmax(1).numpy() for state in states)
    t = np.where(forget[:, None], bad, good)
    np.testing.assert_allclose(found.numpy(), (t * np.log(t / s)).sum(1), rtol=1e-3, atol=1e-6)


def test_both_teachers_stay_as_they_are_and_out_of_the_model(fit, methods):
    fit.original("t", epochs=1)
    run = fit("BadTeacher", "s", *OPTIONS)
    (method,) = methods
    bad, good = method.bad_teacher(), method.teacher()
    assert same(bad.state_dict(), method.untrained().state_dict())
    assert same(good.state_dict(), weights(run.parent / "t"))
    assert not any(module.training for teacher in (bad, good) for module in teacher.modules())
    assert not any(each.requires_grad for teacher in (bad, good) for each in teacher.parameters())
    assert not {id(each) for each in method.parameters()} & {id(each) for each in bad.parameters()}
    assert not [name for name in method.state_dict() if "bad" in name]
    assert json.loads((run / "metrics.json").read_text())["trained_on"] == "all"


def test_bad_teacher_is_that_of_the_seed(fit, methods):
    fit.original("t", epochs=1)
    for run, seed in (("a", 3), ("b", 3), ("c", 4)):
        fit("BadTeacher", run, *OPTIONS, f"--seed_everything={seed}")
    a, b, c = (method.bad_teacher().state_dict() for method in methods)
    assert same(a, b)
    assert not same(a, c)


def test_defaults_are_those_of_the_docstring():
    method = BadTeacher(4, original="t", backbone=TINY)
    assert (method.lr, method.lr_schedule, method.trainer_arguments) == (0.01, "cosine", {"max_epochs": 5})
