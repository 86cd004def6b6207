"""Run the commands of a deletion request on a folder of images, one after another, timed.

    python benchmarks/requests/run.py generated --out clinic
    python benchmarks/requests/run.py breast --file breastmnist.npz --out breast

Makes the folder (clinic.py), imports it, trains, answers two requests in a row, writes and verifies receipts, exports,
trains the Retrain of the union, takes the second request's gap to it, and checks both requests (check.py). Each command
is printed with its time; what it printed is kept in `commands.md` of the folder. Called again, it starts again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
QUIET = ["--trainer.logger", "false", "--trainer.enable_progress_bar", "false"]
CERTAIN = ["--trainer.enable_model_summary", "false"]


def commands(kind: str, epochs: int, trials: int) -> list[list[str]]:
    """Return the commands in order."""
    skip = ["--skip_bad", "true"] if kind == "generated" else []
    quiet = [*QUIET, *CERTAIN]
    train = ["--data.file", "clinic.npz", "--trainer.max_epochs", str(epochs), *quiet]
    verify = ["--data.file", "clinic.npz", "--public_key", "clinic.pub"]
    small = ["--trials", str(trials), *quiet]
    again = ["--config", "runs/request_2/config.yaml", "--reference", "runs/retrain", "--run_dir", "runs/compared"]
    groups = ["--data.groups", "clinic.csv", "--data.forget.groups", "[P0017,P0002]"]
    return [
        ["import", "scans", "--labels", "labels.csv", "--size", "28", "--out", "clinic.npz", "--yes", *skip],
        ["fit", "--config", "configs/train_own.yaml", "--run_dir", "runs/clinic", *train],
        ["forget", "--from", "runs/clinic", "--groups", "P0017", "--run_dir", "runs/request_1", *small],
        ["receipt", "--new_key", "clinic.pem"],
        ["receipt", "runs/request_1", "--key", "clinic.pem"],
        ["receipt", "--verify", "runs/request_1/receipt.json", *verify],
        ["export", "runs/request_1", "--format", "onnx"],
        ["forget", "--from", "runs/request_1", "--groups", "P0002", "--run_dir", "runs/request_2", *small],
        ["receipt", "runs/request_2", "--key", "clinic.pem"],
        ["receipt", "--verify", "runs/request_2/receipt.json", *verify],
        ["fit", "--config", "configs/train_own.yaml", "--model.class_path", "Retrain", "--run_dir", "runs/retrain",
         *groups, *train],
        ["fit", *again, *quiet],
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("generated", "breast"))
    parser.add_argument("--file", type=Path, default=Path("breastmnist.npz"))
    parser.add_argument("--out", type=Path, default=Path("clinic"))
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--trials", type=int, default=6)
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    make = [sys.executable, str(HERE / "clinic.py"), given.kind, str(given.out / "scans"), "--file", str(given.file)]
    subprocess.run(make, check=True)
    kept = []
    for argv in commands(given.kind, given.epochs, given.trials):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "medunlearn", *argv],
            cwd=given.out, env=os.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        print(f"{seconds:7.1f} s  medunlearn {' '.join(argv)}", flush=True)
        kept.append(f"## medunlearn {' '.join(argv)}\n\n{seconds:.1f} s\n\n```text\n{done.stdout}{done.stderr}```\n")
        (given.out / "commands.md").write_text("\n".join(kept))
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
            return 1
    check = [sys.executable, str(HERE.resolve() / "check.py"), "clinic.npz", "clinic.csv", "runs/request_1",
             "runs/compared", "runs/retrain"]  # fmt: skip
    return subprocess.run(check, cwd=given.out, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
