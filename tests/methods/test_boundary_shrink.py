"""Boundary shrink: the attack, and the classes that it gives."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.bare import Steps, train, untrained
from helpers.one_step import check_same, gradients, network
from helpers.runs import FORGET, same, weights
from torch import nn

from medunlearn.errors import InputError
from medunlearn.methods import BoundaryShrink, Classifier
from medunlearn.methods.boundary_shrink import nearest_classes

OPTIONS = (FORGET, "--model.init_args.original=t")


def in_numpy(weight, bias, images, labels, epsilon):
    """Attack a linear model: the gradient of CE in the image is (softmax - one-hot) W."""
    x = images.reshape(len(images), -1).astype(np.float64)
    exponentials = np.exp(x @ weight.T + bias)
    probs = exponentials / exponentials.sum(1, keepdims=True)
    gradient = (probs - np.eye(len(bias))[labels]) @ weight
    return (np.clip(x + epsilon * np.sign(gradient), 0, 1) @ weight.T + bias).argmax(1)


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("autocast", [False, True])
def test_attack_is_fgsm_on_a_linear_model(epsilon, autocast):
    """Also under autocast, and where the gradient is too small for half precision."""
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 48)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    images, labels = rng.random((60, 3, 4, 4)).astype(np.float32), rng.integers(4, size=60)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 4)).requires_grad_(False)
    model[1].weight.copy_(torch.from_numpy(weight))
    model[1].bias.copy_(torch.from_numpy(bias))
    given = torch.from_numpy(images)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast), torch.no_grad():
        found = nearest_classes(model, given, torch.from_numpy(labels), epsilon)
    expected = in_numpy(weight, bias, images, labels, epsilon)
    assert found.tolist() == expected.tolist()
    assert np.array_equal(given.numpy(), images)


def test_classes_are_those_of_the_original_as_it_was_and_forgotten_images_alone_are_met(fit, monkeypatch):
    """Public code copies the net again each epoch and calls it the original; here the student has moved far."""
    original = weights(fit.original("t", epochs=3))
    seen = []

    def watched(self, batch, number, step=Classifier.training_step):
        loss = step(self, batch, number)
        seen.append((batch, self.targets(batch), loss.item(), self.teacher().state_dict()))
        return loss

    monkeypatch.setattr(Classifier, "training_step", watched)
    run = fit("BoundaryShrink", "s", *OPTIONS, "--model.init_args.lr=0.5", "--trainer.precision=32-true", epochs=4)
    assert len(seen) == 4
    net, student = TinyNet(4).eval(), TinyNet(4).eval()
    net.load_state_dict(original)
    student.load_state_dict(weights(run))
    differs = False
    for batch, targets, _, teacher in seen:
        assert batch.forget.all()
        assert same(teacher, original)
        images = batch.images.clone().requires_grad_()
        nn.functional.cross_entropy(net((images - 0.5) / 0.5), batch.labels).backward()
        attacked = (batch.images + 0.1 * images.grad.sign()).clamp(0, 1)
        assert torch.equal(targets, net((attacked - 0.5) / 0.5).argmax(1))
        differs |= not torch.equal(targets, student((attacked - 0.5) / 0.5).argmax(1))
    assert differs, "otherwise nothing tells the original from the student"
    assert np.isfinite([loss for _, _, loss, _ in seen]).all()


def test_every_step_is_cross_entropy_to_the_classes_that_the_attack_finds(npz, tmp_path):
    original, steps = untrained(tmp_path / "model.ckpt"), Steps()
    plain = {"lr": 0.1, "lr_schedule": "constant", "momentum": 0, "weight_decay": 0}
    train("BoundaryShrink", original, npz, 2, callbacks=(steps,), epsilon=0.5, **plain)
    net, moved_away = network(steps.weights[0]), 0
    assert len(steps.batches) == 4
    for batch, before, moved in steps.moves(0.1):
        images = batch.images.double().requires_grad_()
        nn.functional.cross_entropy(net(images), batch.labels).backward()
        nearest = net((images + 0.5 * images.grad.sign()).clamp(0, 1)).argmax(1)
        student = network(before).train()
        check_same(moved, gradients(student, nn.functional.cross_entropy(student(batch.images), nearest)))
        moved_away += int((nearest != batch.labels).sum())
    assert moved_away, "otherwise nothing tells the classes that the attack finds from the true ones"


def test_share_of_successful_attacks_is_that_of_the_forgotten_images_as_they_are(fit, npz):
    original = weights(fit.original("t", epochs=3))
    run = fit("BoundaryShrink", "s", *OPTIONS, "--model.init_args.epsilon=0.05", epochs=0)
    content = json.loads((run / "metrics.json").read_text())
    rows = json.loads((run / "split.json").read_text())["indices"]
    net = TinyNet(4).eval()
    net.load_state_dict(original)
    with np.load(npz) as arrays:
        images = torch.from_numpy(arrays["train_images"][rows]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(arrays["train_labels"][rows, 0]).long()
    images.requires_grad_()
    nn.functional.cross_entropy(net((images - 0.5) / 0.5), labels).backward()
    found = net(((images + 0.05 * images.grad.sign()).clamp(0, 1) - 0.5) / 0.5).argmax(1)
    assert content["facts"] == {"attack_success": pytest.approx(100 * float((found != labels).float().mean()))}
    assert content["runtime"]["preparation"] > 0
    assert same(weights(run), original)


@pytest.mark.parametrize("epsilon", [0, -0.1, 1.5, float("nan"), "0.1"])
def test_an_epsilon_out_of_range_is_refused(epsilon):
    with pytest.raises(InputError, match=r"^epsilon=.*: give a number above 0 and up to 1"):
        BoundaryShrink(4, original="t", backbone=TINY, epsilon=epsilon)
