"""A model that was trained elsewhere as an original: what its run holds, and what starts from it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.runs import FORGET, QUIET, same, weights

from medunlearn import InputError, Pretrained, load_model
from medunlearn.__main__ import main
from medunlearn.runs import RunDir

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORMALISED = (f"--model.init_args.mean={MEAN}", f"--model.init_args.std={STD}")
FILE = "--model.init_args.weights=folder/w.pt"


@pytest.fixture
def network():
    """Return a network that was trained elsewhere, its weights in `folder/w.pt`."""
    torch.manual_seed(3)
    found = TinyNet(4)
    Path("folder").mkdir()
    torch.save({"state_dict": {f"module.{name}": value for name, value in found.state_dict().items()}}, "folder/w.pt")
    return found.eval()


def files(run):
    return sorted(str(path.relative_to(run)) for path in Path(run).rglob("*") if path.is_file())


def test_run_is_an_original_like_any_other_and_unlearning_starts_from_it(network, fit, npz):
    """One run answers for files, predictions, facts, the model, an unlearned run and a later test."""
    run = fit("Pretrained", "p", FILE, *NORMALISED, FORGET, "--trainer.max_epochs=null", epochs=0)
    trained = fit("Train", "t", epochs=1)
    assert files(run) == files(trained)
    metrics = RunDir(run).read_metrics("run")
    facts = metrics["facts"]
    assert (metrics["role"], metrics["epochs"], metrics["trained_on"]) == ("original", 0, "elsewhere")
    assert (facts["trained"], facts["weights"]) == ("elsewhere", "w.pt")
    assert "folder" not in json.dumps(metrics) and len(facts["weights_sha256"]) == 64
    assert facts["seen"] == "cannot tell" and facts["seen_auc_low"] <= facts["seen_auc"] <= facts["seen_auc_high"]
    assert (
        sum(note.startswith("trained elsewhere: whether it has seen the forget set") for note in metrics["notes"]) == 1
    )
    assert same(weights(run), network.state_dict())

    images = torch.from_numpy(np.load(npz)["test_images"]).permute(0, 3, 1, 2).float() / 255
    normal = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        expected = network(normal).numpy()
        model = load_model(run, TINY)
        np.testing.assert_allclose(model(images).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(RunDir(run).read_predictions("run")["test_logits"], expected, rtol=1e-5, atol=1e-6)
    assert (model.architecture["mean"], model.architecture["std"]) == (MEAN, STD)

    unlearned = fit("FineTune", "u", FORGET, f"--model.init_args.original={run}", epochs=1)
    assert load_model(unlearned, TINY).architecture == model.architecture, "normalisation goes with the weights"
    found = RunDir(unlearned).read_metrics("run")
    assert found["facts"]["trained"] == "elsewhere" and found["role"] == "unlearned"
    Path("folder/w.pt").unlink()
    assert main(["test", "--run_dir", str(run), *QUIET]) == 0, "a finished run needs the file no more"


def test_run_that_was_ended_before_it_was_measured_is_resumed(network, fit):
    run = fit("Pretrained", "p", FILE, epochs=0)
    assert "seen" not in RunDir(run).read_metrics("run")["facts"], "without a forget set nothing is asked"
    (run / "metrics.json").unlink()
    assert same(weights(fit("Pretrained", "p", FILE, "--resume=true", epochs=0)), network.state_dict())


def test_one_number_stands_for_equal_ones_and_gray_models_take_one_channel():
    model = Pretrained(4, in_channels=1, backbone=TINY, weights=Path("w.pt"), mean=[0.4], std=0.2)
    assert (model.backbone.architecture["mean"], model.backbone.architecture["std"]) == (0.4, 0.2)
    equal = Pretrained(4, backbone=TINY, weights=Path("w.pt"), mean=[0.5, 0.5, 0.5])
    assert equal.backbone.architecture == Pretrained(4, backbone=TINY, weights=Path("w.pt")).backbone.architecture


@pytest.mark.parametrize("values", [{"mean": [0.1, 0.2]}, {"mean": 123.7}, {"std": 0.0}, {"std": [1.0, 0.0, 1.0]}])
def test_normalisation_that_is_none_is_refused(values):
    with pytest.raises(InputError, match=f"^{next(iter(values))}=.*; give"):
        Pretrained(4, backbone=TINY, weights=Path("w.pt"), **values)
