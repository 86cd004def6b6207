"""Several processes do what one does (gloo on the CPU)."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TinyNet
from helpers.runs import same, weights
from helpers.stages import WORLDS, prepare, stages, start_all

from medunlearn.metrics import Predictions, unlearning_metrics
from medunlearn.metrics.predictions import Part
from medunlearn.models import load_model

FIGURES = ("UA", "RA", "TA", "MIA")
NOISE = 4e-6  # of weights after eight to ten steps; they move by several hundred times that

pytestmark = pytest.mark.timeout(1800)  # the first test waits for all stages


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """Run the stages on one, two and three processes."""
    folder = tmp_path_factory.mktemp("processes")
    prepare(folder)
    for world in (1, *WORLDS):
        start_all(folder, f"stages_{world}", stages(world))
    return folder


def read(run, name):
    return json.loads((run / name).read_text())


def difference(a, b):
    """Return the largest difference between two runs' weights, but for coordinates that only one of them may move."""
    ours, theirs = (torch.load(run / "checkpoints/model.ckpt", weights_only=True) for run in (a, b))
    largest = 0.0
    for name, weight in ours["state_dict"].items():
        gap = (weight.double() - theirs["state_dict"][name].double()).abs()
        masks = [content.get("saliency_mask", {}).get(name) for content in (ours, theirs)]
        if all(mask is not None for mask in masks):
            gap[masks[0] != masks[1]] = 0
        largest = max(largest, float(gap.max()))
    return largest


def recomputed(folder, run):
    """Return what one process makes of the saved model: everything in one batch, in the order of the images."""
    model = load_model(run, TinyNet)
    forget = np.array(read(run, "split.json")["indices"], dtype=int)
    rows = {"forget": forget, "retain": np.setdiff1d(np.arange(32), forget)}
    parts = {}
    with np.load(folder / "nine.npz") as arrays, torch.inference_mode():
        for part, split in (("forget", "train"), ("retain", "train"), ("test", "test"), ("val", "val")):
            index = rows.get(part, np.arange(len(arrays[f"{split}_labels"])))
            images = torch.from_numpy(arrays[f"{split}_images"][index]).permute(0, 3, 1, 2).float() / 255
            probs = model(images).softmax(1).numpy()
            parts[part] = Part(probs, arrays[f"{split}_labels"][index, 0], index)
    return Predictions(**parts)


ALL_RUNS = [
    f"{name}_{world}" for world in WORLDS for name in ("train", "retrain", "mixed", "sequential", "plain", "blind")
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", ["train", "retrain", "mixed", "sequential"])
def test_forget_set_and_data_are_the_single_processs(chains, name, world):
    assert read(chains / f"{name}_{world}", "split.json") == read(chains / f"{name}_1", "split.json")
    assert read(chains / f"{name}_{world}", "metrics.json")["processes"] == world


@pytest.mark.parametrize("run", ALL_RUNS)
def test_predictions_and_figures_are_those_of_the_saved_model(chains, run):
    """Each image once, in order; with BatchNorm's statistics, of which each process had its own, as saved."""
    alone = recomputed(chains, chains / run)
    with np.load(chains / run / "predictions.npz") as found:
        for name, expected in alone.to_arrays().items():
            if name.endswith("_probs"):
                np.testing.assert_allclose(found[name], expected, atol=2e-6)
            else:
                assert np.array_equal(found[name], expected), name
    metrics = read(chains / run, "metrics.json")
    assert {key: metrics[key] for key in FIGURES} == unlearning_metrics(alone)


@pytest.mark.parametrize("run", ALL_RUNS)
def test_every_process_ends_with_the_saved_model(chains, run):
    saved = weights(chains / run)
    for rank in range(int(run[-1])):
        held = torch.load(chains / f"{run}.{rank}", weights_only=True)
        assert [name for name in saved if not torch.equal(saved[name], held[name])] == []


@pytest.mark.parametrize("world", WORLDS)
def test_validation_is_of_the_saved_model_also_where_a_process_has_no_share(chains, world):
    """Two validation images: the third process has none."""
    run = chains / f"plain_{world}"
    with np.load(run / "predictions.npz") as arrays:
        probs = arrays["val_probs"][np.arange(2), arrays["val_labels"]]
    header, *lines = [line.split(",") for line in (run / "logs/version_0/metrics.csv").read_text().splitlines()]
    losses = [float(line[header.index("val/loss")]) for line in lines if line[header.index("val/loss")]]
    assert len(losses) == 2
    assert losses[-1] == pytest.approx(-np.log(probs).mean(), rel=1e-5)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", ["train", "retrain", "mixed", "sequential"])
def test_training_differs_by_the_order_of_sums_only(chains, name, world):
    found = difference(chains / f"{name}_{world}", chains / f"{name}_1")
    moved = difference(chains / f"{name}_1", chains / "train_1") if name != "train" else 1
    print(f"{name} on {world} processes: largest difference {found:.1e}; moved {moved:.1e}")
    assert found < NOISE < moved / 100


@pytest.mark.parametrize("world", WORLDS)
def test_a_mean_of_the_processes_means_would_be_noticed(chains, world):
    assert difference(chains / f"mean_{world}", chains / "train_1") > 10 * NOISE


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", ["mixed", "sequential", "plain", "blind"])
def test_the_mask_is_the_single_processs_and_what_it_freezes_stays(chains, name, world):
    alone, several = (
        torch.load(chains / run / "checkpoints/model.ckpt", weights_only=True) for run in ("mixed_1", f"{name}_{world}")
    )
    masks = [torch.cat([part.flatten() for part in content["saliency_mask"].values()]) for content in (alone, several)]
    assert masks[0].sum() == masks[1].sum() == int(0.3 * len(masks[0]))
    differing = int((masks[0] != masks[1]).sum())
    print(f"{name} on {world} processes: {differing} of {len(masks[0])} coordinates of the mask differ")
    assert differing < 1e-5 * len(masks[0])  # two that tie at the threshold may change places
    before, after = weights(chains / "train_1"), several["state_dict"]
    for part, free in several["saliency_mask"].items():
        assert torch.equal(before[part][~free].view(torch.int32), after[part][~free].view(torch.int32))


def test_a_resumed_run_gives_what_the_uninterrupted_one_gives(chains):
    assert same(weights(chains / "parts_2"), weights(chains / "mixed_2"))


@pytest.mark.parametrize("run", ALL_RUNS)
def test_files_are_written_once(chains, run):
    found = {str(path.relative_to(chains / run)) for path in (chains / run).rglob("*") if path.is_file()}
    expected = {"config.yaml", "split.json", "predictions.npz", "metrics.json"}
    expected |= {"checkpoints/last.ckpt", "checkpoints/last.ckpt.sha256", "checkpoints/model.ckpt"}
    if run.startswith("train"):
        expected.add("notes.txt")  # lay there before; `--overwrite true` deletes a run's files and no other
    if run.startswith("plain"):
        expected |= {"logs/wandb_id", "logs/version_0/metrics.csv", "logs/version_0/hparams.yaml"}
        steps = (chains / run / "logs/version_0/metrics.csv").read_text().count("\n")
        assert steps < 30, "ten steps, and a few lines for each of two epochs"
    assert found == expected
    assert not (chains / "dry_2").exists()
