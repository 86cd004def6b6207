"""The l1 penalty of fine-tuning."""

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, watch
from helpers.runs import FORGET, same, weights
from lightning.pytorch import Trainer

from medunlearn import InputError
from medunlearn.methods import Classifier, L1Sparse
from medunlearn.methods.l1_sparse import falling

ORIGINAL = "--model.init_args.original=t"


def test_without_strength_it_is_fine_tuning(fit):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, "--model.init_args.lr=0.02")
    plain = fit("FineTune", "f", *options)
    assert same(weights(fit("L1Sparse", "a", *options, "--model.init_args.l1=0")), weights(plain))
    assert not same(weights(fit("L1Sparse", "b", *options, "--model.init_args.l1=1e-3")), weights(plain))


@pytest.mark.parametrize(("free", "gammas"), [(0, [0.03, 0.02, 0.01]), (1, [0.03, 0.015, 0])])
def test_steps_follow_the_loss_and_the_sign_of_every_weight(fit, npz, monkeypatch, free, gammas):
    """In NumPy, over whole and uneven batches of three epochs; AMUN's copy multiplies last epoch's value instead."""
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    own = ("--model.init_args.lr=0.05", "--model.init_args.l1=0.03", f"--model.init_args.l1_free_epochs={free}")
    run = fit("L1Sparse", "s", FORGET, ORIGINAL, *PLAIN, UNEVEN, *own, epochs=3, backbone=LINEAR)
    model = Softmax(t, npz)
    assert len(met) == 9
    for number, (rows, forget) in enumerate(met):
        assert not forget.any()
        counts = np.full(len(rows), 1 / len(rows))
        model.step(rows, model.onehot(rows), counts, 0.05, gammas[number // 3])
    model.check(run, t)


def test_penalty_has_the_gradient_of_the_sign_and_none_at_zero():
    method = L1Sparse(4, original="t", backbone=TINY, l1=0.5)
    method.trainer = Trainer(max_epochs=4, logger=False, enable_checkpointing=False, accelerator="cpu")
    method.trainer.fit_loop.epoch_progress.current.completed = 1
    with torch.no_grad():
        method.backbone.conv1.weight[0] = 0
    method.penalty().backward()
    assert (method.backbone.conv1.weight.grad[0] == 0).all()
    for parameter in method.backbone.parameters():
        assert torch.equal(parameter.grad, 0.375 * parameter.detach().sign())


def test_strength_falls_linearly_and_never_exceeds_the_first():
    assert [falling(1e-4, epoch, 10) for epoch in range(11)] == pytest.approx(np.linspace(1e-4, 0, 11))
    assert [falling(1e-4, epoch, 0) for epoch in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(("name", "value"), [("l1", -1), ("l1", float("nan")), ("l1", "x"), ("l1_free_epochs", -1)])
def test_values_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}={value!r}: give a .*number of 0 or more"):
        L1Sparse(4, original="t", **{name: value})


def test_runs_that_leave_the_penalty_no_epoch_are_refused(fit, capsys):
    fit.original("t", epochs=1)
    fit("L1Sparse", "s", FORGET, ORIGINAL, "--model.init_args.l1_free_epochs=2", status=2)
    says = "l1_free_epochs=2: leaves none of 2 epochs to the penalty; give less"
    assert says in capsys.readouterr().err.splitlines()[-1]
    steps = ("--trainer.max_steps=2", "--model.init_args.lr_schedule=constant")
    fit("L1Sparse", "s2", FORGET, ORIGINAL, *steps, epochs=-1, status=2)
    assert "l1: falls over the epochs of the run; set trainer.max_epochs" in capsys.readouterr().err.splitlines()[-1]
