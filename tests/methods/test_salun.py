"""SalUn is random labels with a mask of half of the weights."""

import pytest
import torch
from helpers.backbones import TINY
from helpers.runs import same, weights

from medunlearn.methods import RandomLabels, SalUn

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.deterministic=true")


@pytest.mark.parametrize("schedule", ["mixed", "sequential"])
def test_salun_is_random_labels_with_a_mask_bit_for_bit(fit, schedule):
    fit.original("t", epochs=1)
    options = (*OPTIONS, f"--model.init_args.schedule={schedule}")
    salun = fit("SalUn", "a", *options)
    masked = fit("RandomLabels", "b", *options, "--model.init_args.mask_ratio=0.5")
    plain = fit("RandomLabels", "c", *options)
    assert same(weights(salun), weights(masked))
    assert not same(weights(salun), weights(plain))
    assert same(weights(fit("SalUn", "d", *options, "--model.init_args.mask_ratio=1")), weights(plain))
    contents = [torch.load(run / "checkpoints" / "model.ckpt", weights_only=True) for run in (salun, masked, plain)]
    assert same(contents[0]["saliency_mask"], contents[1]["saliency_mask"])
    assert "saliency_mask" not in contents[2]


def test_salun_has_random_labels_arguments_and_half_of_the_weights():
    salun, plain = (method(4, original="t", backbone=TINY) for method in (SalUn, RandomLabels))
    assert (salun.mask_ratio, plain.mask_ratio) == (0.5, None)
    for name in ("relabel", "schedule", "lr", "momentum", "weight_decay", "lr_schedule", "milestones", "gamma"):
        assert getattr(salun, name) == getattr(plain, name), name
    assert (salun.role, salun.trainer_arguments) == (plain.role, plain.trainer_arguments)


def test_salun_takes_random_labels_arguments_by_name():
    salun = SalUn(4, original="t", backbone=TINY, mask_ratio=0.2, relabel="none", schedule="sequential", lr=0.5)
    assert (salun.mask_ratio, salun.relabel, salun.schedule, salun.lr) == (0.2, "none", "sequential", 0.5)
    assert salun.departures() == {
        "backbone": TINY,
        "mask_ratio": 0.2,
        "relabel": "none",
        "schedule": "sequential",
        "lr": 0.5,
    }
