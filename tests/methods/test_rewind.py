"""Rewinding to the epoch with the least proxy gap, against a recomputation from the weights of each epoch.

(That two processes decide as one, and that every method takes it or refuses it, is in `test_all_methods.py`.)
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.backbones import DROPPING
from helpers.bare import state, train
from helpers.runs import QUIET, same, weights
from lightning.pytorch import Callback
from sklearn.svm import SVC

from medunlearn.__main__ import main
from medunlearn.callbacks import UnlearningMetrics
from medunlearn.data.synthetic import synthetic_data
from medunlearn.models import build_backbone

EPOCHS = 4
OPTIONS = {"lr": 0.1, "batch_size": 16, "backbone": DROPPING}
SEED = 7


class Epochs(Callback):
    """Keeps the weights of each epoch, and those in which frozen weights, modes or a draw differ at its end."""

    def __init__(self):
        self.weights = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.weights.append(state(pl_module))


class Diverge(Callback):
    """Lets a model diverge after its first epoch."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch:
            next(pl_module.backbone.parameters()).data.fill_(math.nan)


def write(path, **changes):
    """Write images enough for the gap of one epoch to differ from that of another."""
    data = synthetic_data(size=8, counts={"train": 96, "val": 40, "test": 20})
    arrays = {}
    for name in ("train", "val", "test"):
        split = getattr(data, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(path, **(arrays | changes))
    return path


def fit(method, run, file, epochs, *options):
    words = ["fit", f"--model={method}", f"--run_dir={run}", f"--data.file={file}", "--data.batch_size=16"]
    words += [f"--model.init_args.backbone={DROPPING}", f"--trainer.max_epochs={epochs}", *QUIET, *options]
    return main(words)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the images, an original, and a run with rewind beside one without."""
    folder = tmp_path_factory.mktemp("rewind")
    file = write(folder / "images.npz")
    assert fit("Train", folder / "t", file, 12) == 0

    def run(method="RandomLabels", file=file, rewind=True, others=(), **options):
        epochs, evaluation = Epochs(), UnlearningMetrics(seed=SEED)
        given = {**OPTIONS, "rewind": rewind, "callbacks": (evaluation, epochs, *others), **options}
        found = train(method, folder / "t", file, EPOCHS, **given)
        return SimpleNamespace(
            method=found, epochs=epochs.weights, weights=state(found), metrics=evaluation.metrics, facts=found.rewound
        )

    return SimpleNamespace(folder=folder, file=file, run=run, rewound=run(), plain=run(rewind=False))


# The definition, computed anew


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
    order = np.random.default_rng(SEED).permutation(40)
    learned, shown = order[:20], order[20:]
    members = np.sort(np.random.default_rng(SEED).choice(40, size=20, replace=False))
    samples = np.concatenate([sure(now["retain"], members), sure(now["val"], learned)])
    attack = SVC(C=3, gamma="auto").fit(samples, np.repeat([1, 0], 20))
    shares = [100 * (attack.predict(each) == 0).mean() for each in (sure(now["forget"]), sure(now["val"], shown))]
    foretold = np.mean([of_class[number] for number in now["forget"][1]])
    distances = [abs(wrong(now[part]).mean() - wrong(before[part]).mean()) for part in ("retain", "val")]
    return np.mean([abs(wrong(now["forget"]).mean() - foretold), *distances, abs(shares[0] - shares[1])])


def test_kept_epoch_has_the_least_proxy_gap_of_all(place):
    run = place.rewound
    gaps = [recomputed(place, each, run.method.datamodule.forget_indices) for each in run.epochs]
    print(gaps, run.facts)
    nearest = int(np.argmin(gaps))
    assert len(set(gaps)) == EPOCHS
    assert nearest < EPOCHS - 1
    assert same(run.weights, run.epochs[nearest])
    assert run.facts == {"rewind_epoch": nearest + 1, "rewind_epochs": EPOCHS, "rewind_gap": pytest.approx(min(gaps))}
