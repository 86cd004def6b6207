"""Rewinding to the epoch with the least proxy gap, against a recomputation from the weights of each epoch.

(That two processes decide as one, and that every method takes it or refuses it, is in `test_all_methods.py`.)
"""

import json
import math
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.backbones import DROPPING
from helpers.bare import state, train
from helpers.runs import FORGET, QUIET, same, weights, write_npz
from lightning.pytorch import Callback
from sklearn.svm import SVC
from torch import nn

from medunlearn.__main__ import main
from medunlearn.callbacks import UnlearningMetrics
from medunlearn.methods import Classifier
from medunlearn.methods.rewind import NearestEpoch
from medunlearn.models import build_backbone
from medunlearn.runs import RunDir
from medunlearn.timing import OVERHEAD

EPOCHS = 4
OPTIONS = {"lr": 0.05, "batch_size": 16, "backbone": DROPPING}
SEED = 7


class Epochs(Callback):
    """Keeps the weights of each epoch."""

    def __init__(self):
        self.weights = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.weights.append(state(pl_module))


class Gaps(UnlearningMetrics):
    """Keeps the gap of each epoch."""

    def __init__(self):
        super().__init__(seed=SEED)
        self.gaps = []

    def epoch_gap(self, trainer, pl_module):
        self.gaps.append(super().epoch_gap(trainer, pl_module))
        return self.gaps[-1]


class Diverge(Callback):
    """Lets a model diverge after its first epoch."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch:
            next(pl_module.backbone.parameters()).data.fill_(math.nan)


def write(path, **changes):
    """Write images enough for the gap of one epoch to differ from that of another."""
    return write_npz(path, counts={"train": 96, "val": 40, "test": 20}, **changes)


def fit(method, run, file, epochs, *options):
    words = ["fit", f"--model={method}", f"--run_dir={run}", f"--data.file={file}", "--data.batch_size=16"]
    words += [f"--model.init_args.backbone={DROPPING}", f"--trainer.max_epochs={epochs}", *QUIET, *options]
    words += ["--trainer.precision=32-true", "--trainer.deterministic=true"]
    return main(words)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the images, an original, and a run with rewind beside one without."""
    folder = tmp_path_factory.mktemp("rewind")
    file = write(folder / "images.npz")
    assert fit("Train", folder / "t", file, 12) == 0

    def run(method="RandomLabels", file=file, rewind=True, others=(), **options):
        epochs, evaluation = Epochs(), Gaps()
        given = {**OPTIONS, "rewind": rewind, "callbacks": (evaluation, epochs, *others), **options}
        found = train(method, folder / "t", file, EPOCHS, **given)
        return SimpleNamespace(
            method=found,
            epochs=epochs.weights,
            weights=state(found),
            facts=found.rewound,
            gaps=evaluation.gaps,
            metrics=evaluation.metrics,
            predictions=evaluation.predictions,
        )

    return SimpleNamespace(folder=folder, file=file, run=run, rewound=run(), plain=run(rewind=False))


# The definition, computed again


def outputs(file, split, values, rows=slice(None)):
    """Return probabilities and labels of a model of these weights on some images of a split."""
    network = build_backbone(DROPPING, 4, 3)
    network.load_state_dict(values)
    with np.load(file) as arrays, torch.no_grad():
        images, labels = arrays[f"{split}_images"][rows], arrays[f"{split}_labels"][rows, 0].astype(int)
        images = torch.from_numpy(images).float().permute(0, 3, 1, 2) / 255
        return network.eval()(images).softmax(1).numpy(), labels


def wrong(found):
    return 100 * (found[0].argmax(1) != found[1])


def sure(found, rows=slice(None)):
    return found[0][np.arange(len(found[1])), found[1]][rows].reshape(-1, 1)


def attacked(now, seed):
    """Return the shares of the forget set and of half of the validation set that are called non-members, in %."""
    order = np.random.default_rng(seed).permutation(40)
    learned, shown = order[:20], order[20:]
    members = np.sort(np.random.default_rng(seed).choice(40, size=20, replace=False))
    samples = np.concatenate([sure(now["retain"], members), sure(now["val"], learned)])
    attack = SVC(C=3, gamma="auto").fit(samples, np.repeat([1, 0], 20))
    return [100 * (attack.predict(each) == 0).mean() for each in (sure(now["forget"]), sure(now["val"], shown))]


def recomputed(place, values, forget):
    """Return the proxy gap from its definition, on the forget set, the validation set and as many retained images."""
    retain = np.setdiff1d(np.arange(96), forget)
    sample = np.sort(retain[np.random.default_rng(SEED).permutation(len(retain))[:40]])
    now, before = (
        {
            "forget": outputs(place.file, "train", each, forget),
            "retain": outputs(place.file, "train", each, sample),
            "val": outputs(place.file, "val", each),
        }
        for each in (values, weights(place.folder / "t"))
    )
    of_class = {number: wrong(before["val"])[before["val"][1] == number].mean() for number in range(4)}
    shares = np.median([attacked(now, seed) for seed in range(SEED, SEED + 7)], axis=0)
    predicted = np.mean([of_class[number] for number in now["forget"][1]])
    distances = [abs(wrong(now[part]).mean() - wrong(before[part]).mean()) for part in ("retain", "val")]
    return np.mean([abs(wrong(now["forget"]).mean() - predicted), *distances, abs(shares[0] - shares[1])])


def test_kept_epoch_has_the_least_proxy_gap_of_all(place):
    run = place.rewound
    gaps = [recomputed(place, each, run.method.datamodule.forget_indices) for each in run.epochs]
    nearest = int(np.argmin(gaps))
    assert run.gaps == pytest.approx(gaps)
    assert len(set(gaps)) == EPOCHS
    assert nearest < EPOCHS - 1
    assert same(run.weights, run.epochs[nearest])
    assert run.facts == {"rewind_epoch": nearest + 1, "rewind_epochs": EPOCHS, "rewind_gap": pytest.approx(min(gaps))}


def test_evaluation_leaves_training_as_it_is(place):
    """The network draws for dropout in each step, and every loader draws from the same generator as it begins."""
    assert [same(*pair) for pair in zip(place.rewound.epochs, place.plain.epochs, strict=True)] == [True] * EPOCHS
    assert same(place.plain.weights, place.plain.epochs[-1])
    assert not place.plain.facts


def test_other_test_images_change_nothing_but_what_is_measured_on_them(place):
    with np.load(place.file) as arrays:
        others = 255 - arrays["test_images"]
    other = place.run(file=write(place.folder / "others.npz", test_images=others))
    assert same(other.weights, place.rewound.weights)
    assert other.facts == place.rewound.facts
    assert not np.array_equal(other.predictions.test.probs, place.rewound.predictions.test.probs)
    assert all(other.metrics[key] == place.rewound.metrics[key] for key in ("UA", "RA"))


def test_frozen_weights_stay_and_statistics_are_refreshed_of_the_epoch_that_is_kept(place):
    run = place.run(mask_ratio=0.3, refresh_statistics=True)
    kept, mask, before = run.epochs[int(run.facts["rewind_epoch"]) - 1], run.method.mask, weights(place.folder / "t")
    assert run.facts["rewind_epoch"] < EPOCHS
    assert all(torch.equal(run.weights[name], kept[name]) for name in mask)
    assert all(torch.equal(run.weights[name][~mask[name]], before[name][~mask[name]]) for name in mask)
    statistics = [name for name in kept if "running" in name]
    assert not any(torch.equal(run.weights[name], kept[name]) for name in statistics)


def test_an_epoch_that_diverged_is_never_kept(place):
    run = place.run(others=(Diverge(),))
    assert (run.facts["rewind_epoch"], run.facts["rewind_epochs"]) == (1, EPOCHS)
    assert same(run.weights, run.epochs[0])


# Runs


@pytest.fixture(scope="module")
def runs(place):
    """Return a function that makes a run of the command line, and the uninterrupted one."""

    def run(name, *options, status=0):
        given = [FORGET, f"--model.init_args.original={place.folder / 't'}", "--model.init_args.rewind=true"]
        given += [f"--model.init_args.lr={OPTIONS['lr']}", f"--evaluation.seed={SEED}"]
        given += ["--trainer.callbacks+=helpers.methods.AskToEnd", *options]
        assert fit("RandomLabels", place.folder / name, place.file, EPOCHS, *given) == status
        return place.folder / name

    return SimpleNamespace(run=run, whole=run("whole"))


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def agrees(run, whole):
    keys = ("UA", "RA", "TA", "MIA", "facts", "epochs", "parameters")
    return same(weights(run), weights(whole)) and all(metrics(run)[key] == metrics(whole)[key] for key in keys)


def test_run_that_was_interrupted_goes_on_with_the_nearest_of_its_epochs(runs, monkeypatch, capsys):
    """Once after the nearest epoch, in the middle of a later one; once when all are done and nothing is measured."""
    monkeypatch.setenv("ASKED", f"0 {EPOCHS - 1} 1")
    part = runs.run("part", status=128 + signal.SIGTERM)
    monkeypatch.delenv("ASKED")
    capsys.readouterr()
    runs.run("part", "--resume=true")
    kept, of, gap = metrics(part)["facts"].values()
    assert kept < of == EPOCHS
    assert f"rewind: epoch {kept} of {of} is kept, with a proxy gap of {gap:.2f} points" in capsys.readouterr().err
    assert agrees(part, runs.whole)
    (part / "metrics.json").unlink()
    runs.run("part", "--resume=true")
    assert agrees(part, runs.whole)


def test_answers_of_the_original_are_read_once_before_the_first_step(runs, monkeypatch):
    events, read, step = [], RunDir.read_predictions, Classifier.training_step
    monkeypatch.setattr(RunDir, "read_predictions", lambda self, *given: events.append("read") or read(self, *given))
    monkeypatch.setattr(Classifier, "training_step", lambda *given: events.append("step") or step(*given))
    runs.run("read")
    measured = len(events) - events[::-1].index("step")
    assert events[:measured].count("read") == 1
    assert events[0] == "read"


def test_run_time_counts_the_evaluation_of_the_epochs(runs):
    found = metrics(runs.whole)
    assert found["runtime"]["rewind"] > 0
    assert found["RTE"] * 60 == pytest.approx(sum(v for k, v in found["runtime"].items() if k not in OVERHEAD))
    assert found["departures"]["rewind"] is True


# What is kept


def test_first_of_equally_near_epochs_is_kept_and_put_back_once():
    network, nearest = nn.BatchNorm1d(1), NearestEpoch()
    for epoch, gap in enumerate((3.0, 2.0, 2.0, math.inf), 1):
        network.weight.data.fill_(epoch)
        network.running_mean.fill_(epoch)
        nearest.offer(epoch, gap, network)
    assert nearest.facts() == {"rewind_epoch": 2, "rewind_epochs": 4, "rewind_gap": 2.0}
    taken_up = NearestEpoch()
    taken_up.load_state_dict(nearest.state_dict())
    for each in (nearest, taken_up):
        network.weight.data.fill_(9)
        assert each.restore(network)
        assert network.weight.item() == network.running_mean.item() == 2
        network.running_mean.fill_(5)  # as refreshed statistics are
        assert not each.restore(network)
        assert network.running_mean.item() == 5


def test_without_an_epoch_nothing_is_kept_nor_said():
    nearest = NearestEpoch()
    nearest.offer(1, math.inf, nn.Linear(1, 1))
    assert not nearest.facts()
    assert not nearest.restore(nn.Linear(1, 1))
