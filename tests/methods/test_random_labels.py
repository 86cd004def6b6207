"""Random labels, and SalUn as the same under a mask."""

import numpy as np
import pytest
import torch
from helpers.runs import same, weights

from medunlearn.contracts import Batch
from medunlearn.errors import InputError
from medunlearn.methods import RandomLabels
from medunlearn.methods.random_labels import relabelled

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.deterministic=true")


@pytest.mark.parametrize("schedule", ["mixed", "sequential"])
def test_random_labels_with_a_mask_are_salun_bit_for_bit(fit, schedule):
    fit("Train", "t", epochs=1)
    options = (*OPTIONS, f"--model.init_args.schedule={schedule}")
    salun = fit("SalUn", "a", *options)
    masked = fit("RandomLabels", "b", *options, "--model.init_args.mask_ratio=0.5")
    plain = fit("RandomLabels", "c", *options)
    assert same(weights(salun), weights(masked))
    assert not same(weights(salun), weights(plain))
    contents = [torch.load(run / "checkpoints" / "model.ckpt", weights_only=True) for run in (salun, masked, plain)]
    assert same(contents[0]["saliency_mask"], contents[1]["saliency_mask"])
    assert "saliency_mask" not in contents[2]


def batch_of(labels, uniform):
    rows = torch.arange(len(labels))
    return Batch(rows, labels, rows, rows >= 0, rows.float(), uniform, None)


@pytest.mark.parametrize(("relabel", "classes"), [("random", 5), ("random_other", 5), ("none", 5)])
def test_labels_are_uniform_over_the_classes_that_may_come(relabel, classes):
    labels = torch.arange(5000) % classes
    uniform = torch.rand(5000, generator=torch.Generator().manual_seed(0))
    found = relabelled(batch_of(labels, uniform), classes, relabel).numpy()
    shift = (found - labels.numpy()) % classes
    counts = np.bincount(shift, minlength=classes) / 5000
    expected = {"random": [0.2] * 5, "random_other": [0] + [0.25] * 4, "none": [1, 0, 0, 0, 0]}[relabel]
    assert counts == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("name", "value"), [("relabel", "wrong"), ("schedule", "both")])
def test_unknown_choices_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}={value}: choose one of "):
        RandomLabels(4, original="t", **{name: value})
