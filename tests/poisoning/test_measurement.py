"""What models show of a poison: gradients against PyTorch's own, and p values under Retrain and under the original."""

import numpy as np
import pytest
import torch
from helpers.backbones import LINEAR, TINY
from scipy.stats import kstest
from torch.nn.functional import cross_entropy

from medunlearn.data.synthetic import synthetic_data
from medunlearn.models import build_backbone
from medunlearn.poisoning.measurement import input_gradients, statistics
from medunlearn.poisoning.poison import Poison

DATA = synthetic_data(size=8, counts={"train": 32, "val": 1, "test": 1})
FORGET = np.arange(0, 32, 2)
REPEATS = 60
DRAWS = 99


def network(seed, name=TINY):
    torch.manual_seed(seed)
    return build_backbone(name, 4)


@pytest.mark.parametrize("gray", [False, True])
def test_input_gradients_have_the_direction_that_lowers_the_loss(gray):
    images = DATA.train.images[:5, ..., 0] if gray else DATA.train.images[:5]
    labels = DATA.train.labels[:5]
    model = network(0).eval()
    found = input_gradients(model, images.copy(), labels)
    leaf = torch.from_numpy(images / 255.0).float().requires_grad_()
    seen = leaf[:, None].repeat(1, 3, 1, 1) if gray else leaf.permute(0, 3, 1, 2)
    cross_entropy(model(seen), torch.from_numpy(labels), reduction="sum").backward()
    assert found.shape == images.shape
    for ours, loss in zip(found, leaf.grad.numpy(), strict=True):
        cosine = (ours * loss).sum() / np.linalg.norm(ours) / np.linalg.norm(loss)
        assert cosine == pytest.approx(-1, abs=1e-5)


def test_input_gradients_are_not_lost_where_the_model_is_sure():
    model = network(0, LINEAR)
    images, labels = (
        DATA.train.images[:5],
        model(torch.from_numpy(DATA.train.images[:5] / 255.0).float().permute(0, 3, 1, 2)).argmax(1),
    )
    with torch.no_grad():
        for each in model.parameters():
            each *= 1e5
    assert (np.abs(input_gradients(model, images, labels.numpy())).reshape(5, -1).max(1) > 1).all()


def test_input_gradients_do_not_depend_on_the_batch(monkeypatch):
    model = network(0)
    whole = input_gradients(model, DATA.train.images, DATA.train.labels)
    monkeypatch.setattr("medunlearn.poisoning.measurement.PIXELS", 8 * 8 * 3 * 5)
    assert input_gradients(model, DATA.train.images, DATA.train.labels) == pytest.approx(whole, rel=1e-3, abs=1e-6)


def shown(seed, rows):
    """Train a network on these rows of data with a poison of this seed, and return its figures."""
    poison = Poison.drawn(DATA, FORGET, 0.2, seed)
    train = poison.applied(DATA).train
    images = torch.from_numpy(train.images[rows] / 255.0).float().permute(0, 3, 1, 2)
    labels = torch.from_numpy(train.labels[rows])
    model = network(seed).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(12):
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()
    return statistics(poison, input_gradients(model, poison.images, poison.labels), draws=DRAWS)


def test_p_values_are_uniform_under_retrain_and_small_under_the_original():
    """Each time with another noise, another network and another training."""
    retain = np.setdiff1d(np.arange(32), FORGET)
    retrained = [shown(seed, retain) for seed in range(REPEATS)]
    original = [shown(seed, np.arange(32)) for seed in range(10)]
    for name in ("p_value", "monte_carlo_p_value"):
        assert kstest([each[name] for each in retrained], "uniform").pvalue > 0.05
        assert np.median([each[name] for each in original]) < 0.05, name
    assert np.median([each["p_value"] for each in original]) < 0.01
    together = np.concatenate([each["statistics"] for each in retrained])
    assert kstest(together, "norm").pvalue > 0.05
    drawn = np.concatenate([each["monte_carlo_p_values"] for each in retrained])
    steps = np.random.default_rng(0).uniform(0, 1 / (1 + DRAWS), len(drawn))  # they are multiples of this
    assert kstest(drawn - steps, "uniform").pvalue > 0.05


def test_images_without_a_gradient_are_counted_and_left_out():
    poison = Poison.drawn(DATA, FORGET, 0.1, 0)
    gradients = np.ones(poison.images.shape, np.float32)
    gradients[:3] = 0
    found = statistics(poison, gradients, draws=9)
    assert (found["images"], found["silent"], found["statistics"][:4].count(None)) == (16, 3, 3)
    rest = statistics(
        Poison(poison.noise[3:], poison.images[3:], poison.labels[3:], FORGET[3:], 0.1, 0, ""), gradients[3:], 9
    )
    assert found["p_value"] == rest["p_value"]
    none = statistics(poison, np.zeros_like(gradients), draws=9)
    assert (none["p_value"], none["mean"], none["monte_carlo_p_value"]) == (None, None, None)
