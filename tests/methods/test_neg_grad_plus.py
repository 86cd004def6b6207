"""NegGrad+: descent and ascent in one step."""

import json

import pytest
import torch
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, mean_within, watch
from helpers.runs import FORGET, same, weights

from medunlearn import InputError
from medunlearn.methods import Classifier, NegGradPlus
from medunlearn.methods.neg_grad_plus import against

ORIGINAL = "--model.init_args.original=t"


def test_with_the_whole_weight_on_the_retain_set_it_is_fine_tuning(fit):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, "--model.init_args.lr=0.02", "--model.init_args.lr_schedule=cosine")
    plain = fit("FineTune", "f", *options)
    run = fit("NegGradPlus", "a", *options, "--model.init_args.retain_weight=1")
    assert same(weights(run), weights(plain))
    assert json.loads((run / "metrics.json").read_text())["trained_on"] == "retain"
    assert not same(weights(fit("NegGradPlus", "b", *options)), weights(plain))


@pytest.mark.parametrize("retain_weight", [0, 0.6, 0.95])
def test_steps_go_down_on_the_retain_set_and_up_on_the_forget_set(fit, npz, monkeypatch, retain_weight):
    """In NumPy; the mean within each set, also where a batch of one set is smaller than that of the other."""
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    own = ("--model.init_args.lr=0.05", f"--model.init_args.retain_weight={retain_weight}")
    run = fit("NegGradPlus", "s", FORGET, ORIGINAL, *PLAIN, UNEVEN, *own, backbone=LINEAR)
    model = Softmax(t, npz)
    assert {(sum(~forget), sum(forget)) for _, forget in met} == {(5, 5), (5, 3), (4, 5)}
    for rows, forget in met:
        model.step(rows, model.onehot(rows), mean_within(forget, retain_weight, retain_weight - 1), 0.05)
    model.check(run, t)


def test_the_network_is_in_training_mode_in_every_step(fit, monkeypatch):
    """The authors' notebooks, and copies of them, train in evaluation mode, which leaves the statistics as they are."""
    t = fit.original("t", epochs=1)
    modes, losses = [], NegGradPlus.losses

    def watched(self, batch):
        modes.append(all(module.training for module in self.backbone.modules()))
        return losses(self, batch)

    monkeypatch.setattr(NegGradPlus, "losses", watched)
    run = fit("NegGradPlus", "s", FORGET, ORIGINAL)
    assert len(modes) == 12 and all(modes)
    assert not torch.equal(weights(run)["bn1.running_mean"], weights(t)["bn1.running_mean"])


def test_losses_are_weighted_against_each_other():
    losses, forget = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([False, True, False])
    assert against(losses, forget, 0.75).tolist() == [0.75, -0.5, 3.0]
    assert torch.equal(against(losses, forget & False, 1), losses)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "half"])
def test_weights_out_of_range_are_refused(value):
    with pytest.raises(InputError, match=f"retain_weight={value!r}: give a share from 0 to 1"):
        NegGradPlus(4, original="t", retain_weight=value)
