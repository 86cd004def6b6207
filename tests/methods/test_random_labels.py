"""Random labels: which label an image gets."""

import numpy as np
import pytest
import torch

from medunlearn.contracts import Batch
from medunlearn.errors import InputError
from medunlearn.methods import RandomLabels
from medunlearn.methods.random_labels import relabelled


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
