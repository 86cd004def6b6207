"""Weight negation: which weights are turned round, and what is left as it was."""

import json
from pathlib import Path

import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.convolutions import NESTED, gradients
from helpers.runs import weights

from medunlearn import WeightNegation
from medunlearn.methods import Classifier

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.precision=32-true")


def bits(values):
    return values.view(torch.int32)


@pytest.mark.parametrize(("backbone", "first"), [(TINY, "conv1.weight"), (NESTED, "stem.0.weight")])
def test_first_convolution_alone_is_negated_before_the_first_step(fit, backbone, first):
    """The bias of the first convolution and BatchNorm's statistics stay too."""
    trained = fit("Train", "t", epochs=1, backbone=backbone)
    run = fit("WeightNegation", "s", *OPTIONS, epochs=0, backbone=backbone)
    before, after = weights(trained), weights(run)
    for name, value in before.items():
        assert torch.equal(after[name], -value if name == first else value), name
    found = json.loads((run / "metrics.json").read_text())
    assert found["runtime"]["preparation"] > 0
    assert found["RTE"] * 60 == pytest.approx(found["runtime"]["preparation"] + found["runtime"].get("training", 0))
    files = [sorted(str(path.relative_to(each)) for path in each.rglob("*")) for each in (run, trained)]
    assert files[0] == files[1]


def test_negated_twice_is_the_identity():
    method = WeightNegation(4, original="t", backbone=TINY)
    before = {name: value.clone() for name, value in method.backbone.state_dict().items()}
    assert method.prepare() == {}
    assert not torch.equal(method.backbone.conv1.weight, before["conv1.weight"])
    method.prepare()
    assert all(torch.equal(bits(value), bits(before[name])) for name, value in method.backbone.named_parameters())


def test_first_step_is_fine_tunings_from_the_negated_weights(fit, monkeypatch):
    """Recomputed with PyTorch alone: SGD at lr 0.1 with weight decay on the mean cross-entropy of a retain batch."""
    fit.original("t", epochs=1)
    met = []
    step = Classifier.training_step
    monkeypatch.setattr(Classifier, "training_step", lambda self, *of: met.append(of[0]) or step(self, *of))
    run = fit("WeightNegation", "s", *OPTIONS, "--trainer.limit_train_batches=1", epochs=1)
    network = TinyNet(4)
    network.load_state_dict(weights(Path("t")))
    with torch.no_grad():
        network.conv1.weight.copy_(torch.from_numpy(-weights(Path("t"))["conv1.weight"].numpy()))
    found = gradients(network, met[0].images, met[0].labels)
    assert not met[0].forget.any()
    for name, parameter in network.named_parameters():
        expected = parameter - 0.1 * (found[name] + 5e-4 * parameter)
        torch.testing.assert_close(weights(run)[name], expected.detach(), rtol=1e-5, atol=1e-6)


def test_settings_are_fine_tunings():
    method = WeightNegation(4, original="t", backbone=TINY)
    assert (method.lr, method.lr_schedule, method.images(0)) == (0.1, "cosine", "retain")
    assert WeightNegation.trainer_arguments == {"max_epochs": 10}
