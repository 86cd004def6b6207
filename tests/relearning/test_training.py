"""Training on the forget set again: known answers, and the same batches for all."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from medunlearn.errors import InputError
from medunlearn.relearning.training import Schedule, relearn


class Line(nn.Module):
    """Two classes told by one weight: loss log(1 + exp(-w)) on images of ones."""

    def __init__(self, w=0.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, images):
        return torch.stack([torch.zeros(len(images)), self.w.expand(len(images))], dim=1)


IMAGES, LABELS = torch.ones(6, 1, 2, 2), torch.ones(6, dtype=torch.int64)


def test_each_step_is_one_of_gradient_descent():
    found = relearn(Line(), IMAGES, LABELS, Schedule(steps=3, lr=0.5, batch_size=6, every=1))
    w, velocity, expected = 0.0, 0.0, [math.log(2)]
    for _ in range(3):
        velocity = 0.9 * velocity - 1 / (1 + math.exp(w))
        w -= 0.5 * velocity
        expected.append(math.log1p(math.exp(-w)))
    assert found.steps.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.loss, expected, rtol=1e-6)
    assert found.error.tolist() == [100, 0, 0, 0]


def test_the_last_step_is_measured_whatever_the_interval():
    found = relearn(Line(), IMAGES, LABELS, Schedule(steps=7, every=3))
    assert found.steps.tolist() == [0, 3, 6, 7]


def test_batches_go_through_all_images_before_one_comes_again():
    batches = Schedule(steps=5, batch_size=4, seed=3).batches(10)
    assert [len(rows) for rows in batches] == [4] * 5
    first = np.concatenate(batches)
    assert sorted(first[:10]) == list(range(10))
    assert sorted(first[10:]) == list(range(10))
    again = Schedule(steps=5, batch_size=4, seed=3).batches(10)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert [len(rows) for rows in Schedule(steps=2, batch_size=50).batches(10)] == [10, 10]


def test_statistics_of_batchnorm_stay():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    relearn(model, IMAGES, LABELS, Schedule(steps=2))
    assert model[0].running_mean.tolist() == [0]
    assert model[0].num_batches_tracked == 0


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"batch_size": 0}, {"every": 0}])
def test_a_schedule_out_of_range_is_refused(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))}="):
        Schedule(**wrong)
