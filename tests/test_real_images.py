"""Real images through the shipped configs, where they lie beside the checkout."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import QUIET, SHARED

from medunlearn.__main__ import main

BLOOD = SHARED / "data" / "unpack_pbc_blood.py"
BREAST = SHARED / "data" / "breastmnist.npz"


@pytest.mark.skipif(not BLOOD.is_file(), reason="the PBC blood cells are not beside this checkout")
def test_pbc_blood_cells_go_through_the_blood_configs(tiny_resnet18):
    unpack = [sys.executable, str(BLOOD), "blood.npz", "--size", "28", "--limit", "40"]
    subprocess.run(unpack, check=True, capture_output=True)
    options = ["--data.file=blood.npz", "--data.batch_size=32", "--trainer.max_epochs=1", *QUIET]
    for config in ("train_blood", "retrain_blood_10", "salun_blood_10"):
        assert main(["fit", f"--config=configs/{config}.yaml", *options]) == 0
    found = json.loads(Path("runs/salun_blood_10/metrics.json").read_text())
    assert found["n"] == {"forget": 4, "retain": 36, "test": 8, "val": 8}
    assert found["num_classes"] == 8
    assert found["AG"] is not None
    assert np.isfinite([found[key] for key in ("UA", "RA", "TA", "MIA", "AG", "RTE")]).all()


@pytest.mark.skipif(not BREAST.is_file(), reason="BreastMNIST is not beside this checkout")
@pytest.mark.parametrize("as_rgb", ["true", "false"])
def test_breastmnist_images_go_through_a_run_gray_and_as_rgb(tiny_resnet18, as_rgb):
    options = [f"--data.file={BREAST}", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", *QUIET]
    more = [f"--data.as_rgb={as_rgb}", "--model.init_args.stem=imagenet", "--data.forget.classes=[1]"]
    assert main(["fit", "--model=Retrain", "--run_dir=r", *options, *more]) == 0
    found = json.loads(Path("r/metrics.json").read_text())
    with np.load(BREAST) as arrays:
        assert found["n"]["forget"] == int((arrays["train_labels"] == 1).sum())
    assert found["num_classes"] == 2
