"""Tiny runs: images, options, weights, refusals."""

from pathlib import Path

import numpy as np
import torch

from medunlearn.__main__ import main
from medunlearn.data.synthetic import synthetic_data

SHARED = Path(__file__).parents[3] / "shared"  # real images and reference values, where the checkout has them beside it
FORGET = "--data.forget.rate=0.25"
QUIET = [
    "--trainer.accelerator=cpu",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]


COUNTS = {"train": 32, "val": 8, "test": 12}


def write_npz(path: Path, size: int = 8, counts: dict[str, int] = COUNTS, **changes: np.ndarray) -> Path:
    """Write 32 training, 8 validation and 12 test images of 8x8 pixels and four classes in MedMNIST's format."""
    data = synthetic_data(size=size, counts=counts)
    arrays = {}
    for name in ("train", "val", "test"):
        split = getattr(data, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(path, **(arrays | changes))
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a run saved."""
    return torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)["state_dict"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of weights are bit-identical."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def refused(capsys, *argv: str) -> str:
    """Run a command that must end with status 2 and one line; return the line."""
    before = _written()
    assert main(list(argv)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error: ")]
    assert len(lines) == 1
    assert _written() == before, "something was written"
    return lines[0].removeprefix("medunlearn: error: ")


def _written() -> dict[Path, int]:
    """Return what lies here, and when each file was written, but for what Python keeps of modules it has compiled."""
    found = (path for path in Path().rglob("*") if "__pycache__" not in path.parts)
    return {path: 0 if path.is_dir() else path.lstat().st_mtime_ns for path in found}
