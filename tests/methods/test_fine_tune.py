"""Fine-tuning on the retain set."""

import json

import numpy as np
import pytest
import torch.nn.functional as F
from helpers.bare import Steps, train, untrained
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, watch
from helpers.one_step import check_same, gradients, network
from helpers.runs import same, weights, write_npz
from lightning.pytorch import Callback

from medunlearn.methods import Classifier
from medunlearn.models import load_weights

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


def test_fine_tuning_never_meets_a_forgotten_image(fit, monkeypatch):
    fit.original("t", epochs=1)
    met, flagged = [], []
    step = Classifier.training_step

    def watched(self, batch, number):
        met.extend(batch.rows.tolist())
        flagged.append(bool(batch.forget.any()))
        return step(self, batch, number)

    monkeypatch.setattr(Classifier, "training_step", watched)
    run = fit("FineTune", "s", *OPTIONS, epochs=3)
    forget = json.loads((run / "split.json").read_text())["indices"]
    assert sorted(met) == sorted(np.tile(np.setdiff1d(np.arange(32), forget), 3))
    assert not any(flagged)


@pytest.mark.parametrize("touched", ["forget", "retain"])
def test_fine_tuning_depends_on_retained_images_alone(fit, npz, tmp_path, touched):
    """The original's weights are the same; only what is trained on afterwards differs."""
    fit.original("t", epochs=1)
    run = fit("FineTune", "s", *OPTIONS)
    rows = np.array(json.loads((run / "split.json").read_text())["indices"])
    rows = rows if touched == "forget" else np.setdiff1d(np.arange(32), rows)[:1]
    with np.load(npz) as arrays:
        images = arrays["train_images"].copy()
    images[rows] = 255 - images[rows]
    other = write_npz(tmp_path / "other.npz", train_images=images)
    with np.load(other) as arrays:
        assert not np.array_equal(arrays["train_images"], np.load(npz)["train_images"])
    fit("Train", "t2", file=other, epochs=0)
    content = (run.parent / "t" / "checkpoints" / "model.ckpt").read_bytes()
    (run.parent / "t2" / "checkpoints" / "model.ckpt").write_bytes(content)
    written = json.loads((run.parent / "t2" / "metrics.json").read_text())
    written["files"]["checkpoints/model.ckpt"] = json.loads((run.parent / "t" / "metrics.json").read_text())["files"][
        "checkpoints/model.ckpt"
    ]
    (run.parent / "t2" / "metrics.json").write_text(json.dumps(written))
    again = fit("FineTune", "s2", OPTIONS[0], "--model.init_args.original=t2", file=other)
    assert same(weights(run), weights(again)) == (touched == "forget")


def test_fine_tuning_steps_are_those_of_numpy(fit, npz, monkeypatch):
    """And of `Retrain`, which takes the same from weights of its own."""
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    run = fit("FineTune", "s", *OPTIONS, *PLAIN, UNEVEN, "--model.init_args.lr=0.05", backbone=LINEAR)
    model = Softmax(t, npz)
    for rows, forget in met:
        assert not forget.any()
        model.step(rows, model.onehot(rows), np.full(len(rows), 1 / len(rows)), 0.05)
    model.check(run, t)
    fine_tuned, met[:] = list(met), []
    fit("Retrain", "r", OPTIONS[0], *PLAIN, UNEVEN, backbone=LINEAR)
    assert [rows.tolist() for rows, _ in met] == [rows.tolist() for rows, _ in fine_tuned]


class StartFrom(Callback):
    """Lets any method start from given weights."""

    def __init__(self, original):
        self.original = original

    def on_fit_start(self, trainer, pl_module):
        load_weights(pl_module.backbone, self.original)


def test_fine_tuning_takes_every_step_that_retraining_takes_from_the_originals_weights(npz, tmp_path):
    original, found, expected = untrained(tmp_path / "model.ckpt"), Steps(), Steps()
    train("FineTune", original, npz, 2, batch_size=10, callbacks=(found,))
    same_recipe = {"lr": 0.1, "lr_schedule": "cosine"}
    train("Retrain", None, npz, 2, batch_size=10, callbacks=(StartFrom(original), expected), **same_recipe)
    assert len(found.weights) == len(expected.weights) == 7
    assert all(same(*each) for each in zip(found.weights, expected.weights, strict=True))
    assert not same(found.weights[0], found.weights[-1])


def test_steps_of_fine_tuning_are_those_of_cross_entropy_in_training_mode(npz, tmp_path):
    """The notebooks' evaluation mode would take BatchNorm's running statistics instead of the batch's."""
    original, steps = untrained(tmp_path / "model.ckpt"), Steps()
    plain = {"lr": 0.1, "lr_schedule": "constant", "momentum": 0, "weight_decay": 0}
    train("FineTune", original, npz, 1, batch_size=8, callbacks=(steps,), **plain)
    for batch, before, moved in steps.moves(0.1):
        model = network(before).train()
        check_same(moved, gradients(model, F.cross_entropy(model(batch.images), batch.labels)))
