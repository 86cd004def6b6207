import os
from pathlib import Path

import numpy as np
import pytest
import torch

from medunlearn.__main__ import main
from medunlearn.data.synthetic import synthetic_data

SHARED = Path(__file__).parents[2] / "shared"  # real images and reference values, where the checkout has them beside it
FORGET = "--data.forget.rate=0.25"
QUIET = [
    "--trainer.accelerator=cpu",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]


def write_npz(path: Path, **changes: np.ndarray) -> Path:
    """Write 32 training, 8 validation and 12 test images of 8x8 pixels and four classes in MedMNIST's format."""
    data = synthetic_data(size=8, counts={"train": 32, "val": 8, "test": 12})
    arrays = {}
    for name in ("train", "val", "test"):
        split = getattr(data, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(path, **(arrays | changes))
    return path


@pytest.fixture(autouse=True)
def _workplace(tmp_path, tmp_path_factory, monkeypatch):
    """Run every test in an empty folder, without a W&B login, and in the same number of threads."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    yield
    os.environ.pop("WANDB_MODE", None)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def npz(tmp_path):
    return write_npz(tmp_path / "tiny.npz")


@pytest.fixture
def fit(npz):
    """Return a function that runs `medunlearn fit` on tiny images and expects it to succeed."""

    def run(method: str, run_dir: str, *options: str, file: Path = npz, status: int = 0, epochs: int = 2) -> Path:
        words = ["fit", f"--model={method}", f"--run_dir={run_dir}", f"--data.file={file}", "--data.batch_size=8"]
        words += [f"--trainer.max_epochs={epochs}", *QUIET, *options]
        assert main(words) == status
        return Path(run_dir)

    return run


@pytest.fixture
def trio(fit):
    """Return the run directories of a tiny Train, Retrain and SalUn."""
    forget = "--data.forget.rate=0.25"
    train = fit("Train", "runs/train")
    retrain = fit("Retrain", "runs/retrain", forget)
    salun = fit("SalUn", "runs/salun", forget, f"--model.init_args.original={train}", f"--reference={retrain}")
    return train, retrain, salun


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a run saved."""
    return torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)["state_dict"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of weights are bit-identical."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def refused(capsys, *words: str) -> str:
    """Run a command that must end with status 2 and one line; return the line."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert main(list(words)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error: ")]
    assert len(lines) == 1
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before, "something was written"
    return lines[0].removeprefix("medunlearn: error: ")
