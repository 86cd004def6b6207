"""What `metrics.json` says of what a run is and rests on, without a run. (In runs: `test_run_record.py`.)"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.backbones import TINY

import medunlearn.callbacks.results as results_module
from medunlearn.callbacks import UnlearningMetrics
from medunlearn.callbacks.results import identity, results
from medunlearn.errors import InputError
from medunlearn.metrics import Part, Predictions, by_class, notes, retained_accuracy
from medunlearn.models import build_backbone
from medunlearn.runs import RunDir

OWN = {"UA": 10.0, "RA": 90.0, "TA": 80.0, "MIA": 30.0}
REFERENCE = {"UA": 12.0, "RA": 90.0, "TA": 77.0, "MIA": 23.0}


def predictions(forget, train=8):
    def part(rows):
        rows = np.array(rows, dtype=np.int64)
        probs = np.eye(2, dtype=np.float32)[(rows % 3 == 0).astype(int)]
        return Part(probs, rows % 2, rows)

    retain = [row for row in range(train) if row not in forget]
    return Predictions(part(forget), part(retain), part(range(5)), part(range(3)))


@pytest.fixture
def module():
    """A stand-in for a method, on a real network."""
    data = SimpleNamespace(
        data_name="Some data",
        num_classes=4,
        seed=7,
        forget_indices=np.array([1, 3]),
        split_record=lambda: {"sha256": "s" * 64, "data_sha256": "d" * 64},
    )
    return SimpleNamespace(
        role="unlearned",
        original=None,
        reads_validation=False,
        mask=None,
        backbone=build_backbone(TINY, 4),
        datamodule=data,
        images=lambda epoch: "all",
        facts=lambda: {"noise": 0.5},
        departures=lambda: {"lr": 1.0},
    )


@pytest.fixture
def evaluation():
    callback = UnlearningMetrics(seed=2)
    callback.predictions, callback.metrics, callback.validation = predictions([1, 3]), dict(OWN), dict(OWN)
    return callback


@pytest.fixture
def measured(module, evaluation, tmp_path):
    """Return a function that gives the content of `metrics.json`."""
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    trainer = SimpleNamespace(current_epoch=3, world_size=2, precision="32-true", strategy=strategy)
    runtime = SimpleNamespace(minutes=lambda _: 1.5, seconds=lambda _: {"training": 90.0})
    run = RunDir(tmp_path / "run")
    run.write_json(run.split, {"indices": [1, 3]})
    return lambda reference=None: results(trainer, module, evaluation, runtime, run, reference)


@pytest.fixture
def original(module, monkeypatch, tmp_path):
    """Give the method an original, whose weights and statistics are those that its network has now."""
    before = {name: value.detach().clone() for name, value in module.backbone.state_dict().items()}
    monkeypatch.setattr(results_module, "weights_for", lambda *_: before)
    module.original = tmp_path / "t"
    RunDir(module.original).write_predictions(predictions([]).to_arrays())
    return {name: before[name] for name, _ in module.backbone.named_parameters()}


def test_results_are_what_was_measured_and_what_it_rests_on(measured):
    found = measured()
    expected = {
        **OWN,
        "AG": None,
        "RTE": 1.5,
        "runtime": {"training": 90.0},
        "n": {"forget": 2, "retain": 6, "test": 5, "val": 3},
        "data": "Some data",
        "num_classes": 4,
        "split_sha256": "s" * 64,
        "data_sha256": "d" * 64,
        "attack": {"feature": "confidence", "nonmembers": "test", "seed": 2},
        "before": None,
        "facts": {"noise": 0.5},
        "departures": {"lr": 1.0},
        "epochs": 3,
        "seed": 7,
        "processes": 2,
        "precision": "32-true",
    }
    assert {key: found[key] for key in expected} == expected
    assert "split.json" in found["files"]
    assert found["hardware"]["device"] == "cpu"
    assert found["versions"]["torch"]


def test_results_have_figures_by_class_and_remarks(measured):
    found = measured()
    assert found["by_class"] == by_class(predictions([1, 3]))
    assert found["TA_retained_classes"] == retained_accuracy(predictions([1, 3]))
    assert found["notes"] == notes(OWN | {"TA_retained_classes": found["TA_retained_classes"]}, found["by_class"]["n"])
    assert "only 2 forgotten images: one image = 50.00 points of UA and MIA" in found["notes"]


def test_results_say_that_no_weight_has_changed(measured, module, original):
    assert measured()["notes"][0] == "no weight has changed: the model is the original"
    with torch.no_grad():
        module.backbone.fc.bias[:2] += 1
    assert not any("no weight" in text for text in measured()["notes"])


def test_results_have_the_gap_to_a_reference(measured):
    found = measured(REFERENCE | {"validation": OWN})
    assert found["AG"] == (2 + 0 + 3 + 7) / 4
    assert found["validation"] == OWN | {"AG": 0}


def test_results_name_extra_metrics_only_where_there_are_some(measured, evaluation):
    assert "extra" not in measured()
    evaluation.extra_metrics = {"own": None}
    assert measured()["extra"] == {"own": None}


def test_before_is_the_original_measured_on_this_runs_forget_set(measured, original, evaluation):
    """The original was measured without a forget set: image 3 is right by its label, image 1 wrong."""
    rows = np.arange(8)
    right = ((rows % 3 == 0) == (rows % 2 == 1))[[1, 3]].mean() * 100
    before = measured()["before"]
    assert before == evaluation.measure(predictions([1, 3]))
    assert before["UA"] == 100 - right


# Parameters


def test_parameters_of_a_model_from_scratch_are_counted(measured, module):
    total = sum(weight.numel() for weight in module.backbone.parameters())
    assert measured()["parameters"] == {"total": total}


def test_parameters_that_moved_are_counted_bit_for_bit(measured, module, original):
    total = sum(weight.numel() for weight in original.values())
    values = 2 * (8 + 16 + 24 + 16)  # a mean and a variance of each channel
    statistics = {"statistics": values, "statistics_changed": 0}
    assert measured()["parameters"] == {"total": total, "free": total, "changed": 0, **statistics}
    with torch.no_grad():
        module.backbone.fc.bias[:2] += 1
        module.backbone.conv1.weight[0, 0, 0, 0] *= 1 + 2**-20
        module.backbone.bn1.running_mean[:3] += 1  # statistics, not parameters
        module.backbone.bn1.num_batches_tracked += 1  # a counter, neither
    statistics["statistics_changed"] = 3
    assert measured()["parameters"] == {"total": total, "free": total, "changed": 3, **statistics}


def test_parameters_under_a_mask_may_move_where_it_is_true(measured, module, original):
    module.mask = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in original.items()}
    module.mask["fc.bias"][1:] = True
    with torch.no_grad():
        module.backbone.fc.bias[2] += 1
    found = measured()["parameters"]
    assert (found["free"], found["changed"]) == (3, 1)


def test_parameters_that_a_mask_had_frozen_and_that_moved_are_refused_by_their_number(measured, module, original):
    module.mask = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in original.items()}
    module.mask["fc.bias"][:] = True
    with torch.no_grad():
        module.backbone.fc.bias += 1
        module.backbone.fc.weight[0, :2] += 1
    with pytest.raises(InputError, match=r"^mask_ratio: 2 frozen weights have moved since the last"):
        measured()


# Identity


def test_identity_names_the_runs_that_it_rests_on_by_place_and_weights(module):
    module.original = Path("runs/t")
    reference = SimpleNamespace(path=Path("runs/r"), weights_sha256="r" * 64)
    assert identity(module, 2, "o" * 64, reference) == {
        "role": "unlearned",
        "trained_on": "all",
        "original": "runs/t",
        "original_sha256": "o" * 64,
        "reference": "runs/r",
        "reference_sha256": "r" * 64,
    }


def test_identity_of_a_run_that_rests_on_none_is_null_there(module):
    found = identity(module, 2, None, None)
    assert [found[f"{name}{end}"] for name in ("original", "reference") for end in ("", "_sha256")] == [None] * 4


@pytest.mark.parametrize(
    ("draws", "epochs", "trained_on"),
    [
        (["all", "all"], 2, "all"),
        (["forget", "retain", "forget", "all"], 4, "forget+retain+all"),
        (["forget", "retain"], 1, "forget"),
        (["retain", "all"], 0, "retain"),
    ],
)
def test_trained_on_is_each_draw_once_in_order(module, draws, epochs, trained_on):
    module.images = lambda epoch: draws[epoch]
    assert identity(module, epochs, None, None)["trained_on"] == trained_on
