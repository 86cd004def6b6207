"""Fine-tuning on the retain set."""

import json

import numpy as np
import pytest
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, watch
from helpers.runs import same, weights, write_npz

from medunlearn.methods import Classifier

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


def test_fine_tuning_never_meets_a_forgotten_image(fit, monkeypatch):
    fit("Train", "t", epochs=1)
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
    fit("Train", "t", epochs=1)
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
    t = fit("Train", "t", epochs=1, backbone=LINEAR)
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
