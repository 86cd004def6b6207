"""One step of a method, and the same step by hand: without momentum, weight decay, augmentation or statistics."""

import torch
from torch import nn

from helpers.backbones import TinyNet
from helpers.runs import weights
from medunlearn.methods import Classifier

PLAIN = (
    "--data.forget.rate=0.25",
    "--data.augmentation=NoAug",
    "--model.init_args.original=t",
    "--model.init_args.momentum=0",
    "--model.init_args.weight_decay=0",
    "--model.init_args.lr=0.5",
    "--model.init_args.lr_schedule=constant",
    "--model.init_args.freeze_statistics=true",
    "--trainer.precision=32-true",
    "--trainer.limit_train_batches=1",
)


def network(state: dict[str, torch.Tensor]) -> nn.Module:
    """Return a small network with these weights, of images in [0, 1], in evaluation mode and float64."""
    model = TinyNet(4)
    model.load_state_dict(state)
    return nn.Sequential(Normalise(), model).double().eval()


class Normalise(nn.Module):
    """Moves images from [0, 1] to [-1, 1]."""

    def forward(self, images):
        return (images.double() - 0.5) / 0.5


def one_step(fit, monkeypatch, method, *options, run="s"):
    """Fit for one step; return its run, its batch, the weights before and after, and the gradients between."""
    seen = []
    step = Classifier.training_step
    monkeypatch.setattr(
        Classifier, "training_step", lambda self, batch, n: (seen.append(batch), step(self, batch, n))[1]
    )
    done = fit(method, run, *PLAIN, *options, epochs=1)
    monkeypatch.setattr(Classifier, "training_step", step)
    before, after = weights(done.parent / "t"), weights(done)
    names = [name for name, _ in TinyNet(4).named_parameters()]
    moved = {name: (before[name].double() - after[name].double()) / 0.5 for name in names}
    return done, seen[0], before, moved


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the gradient of a loss in each weight of `network`'s small network, by name."""
    named = dict(model[1].named_parameters())
    return dict(zip(named, torch.autograd.grad(loss, named.values()), strict=True))


def check_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Assert that a step went along the gradients; there must have been some."""
    assert max(float(each.abs().max()) for each in expected.values()) > 1e-3
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-6)
