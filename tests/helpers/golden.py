"""Trains the four golden runs in a process of its own and prints the SHA-256 of their weights as JSON.

Run as a script, in the environment of `PORTABLE`, so that every x86-64 processor takes the same instructions; float32,
one thread, deterministic. It works on images and labels alone and calls nothing but the command line, so that it stays
the same however the code behind that moves.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
RUNS = {
    "train": ["Train"],
    "retrain": ["Retrain", "--data.forget.rate=0.25"],
    "mixed": ["SalUn", "--data.forget.rate=0.25", "--model.init_args.original=train", "--reference=retrain"],
    "sequential": [
        *("SalUn", "--data.forget.rate=0.25", "--model.init_args.original=train", "--reference=retrain"),
        "--model.init_args.schedule=sequential",
    ],
}


def images() -> dict[str, np.ndarray]:
    """Return 32 training, 8 validation and 12 test images of 9x9 pixels in four classes, from NumPy alone."""
    generator = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 32), ("val", 8), ("test", 12)):
        labels = np.arange(count) % 4
        noise = generator.integers(0, 100, (count, 9, 9, 3))
        noise[np.arange(count), labels * 2] += 120
        arrays |= {f"{name}_images": noise.astype(np.uint8), f"{name}_labels": labels[:, None]}
    return arrays


def digest(state: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names and values of weights, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(state):
        found.update(name.encode())
        found.update(state[name].contiguous().numpy().tobytes())
    return found.hexdigest()


def main() -> None:
    """Make the runs in the working directory."""
    from medunlearn.__main__ import main as command

    torch.backends.mkldnn.enabled = False
    np.savez("golden.npz", **images())
    found = {}
    for run, (method, *options) in RUNS.items():
        argv = ["fit", f"--model={method}", f"--run_dir={run}", "--data.file=golden.npz", "--data.batch_size=7"]
        argv += ["--trainer.max_epochs=2", "--trainer.precision=32-true", "--trainer.deterministic=true"]
        argv += [
            "--trainer.accelerator=cpu",
            "--trainer.logger=false",
            "--trainer.enable_progress_bar=false",
            "--trainer.enable_checkpointing=false",
        ]
        assert command([*argv, *options]) == 0
        content = torch.load(Path(run, "checkpoints", "model.ckpt"), weights_only=True)
        found[run] = {
            "weights": digest(content["state_dict"]),
            "metrics": sorted(json.loads(Path(run, "metrics.json").read_text())),
        }
        if "saliency_mask" in content:
            found[run]["mask"] = digest(content["saliency_mask"])
    print(json.dumps({"torch": torch.__version__.partition("+")[0], "runs": found}), file=sys.__stdout__)


if __name__ == "__main__":
    main()
