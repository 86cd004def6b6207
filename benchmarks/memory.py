"""How much host memory does training on data of PathMNIST's size take, and do several processes share the data?

Memory is the proportional set size over all processes of the run (a page that two processes map counts half in each),
at its peak, from /proc. Training stops after three steps: its memory does not grow any more.
"""

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from common import DEVICE, fit_command, options, report

SIZES = {"train": 89_996, "val": 10_004, "test": 7_180}  # PathMNIST


def data(path: Path, sizes: dict[str, int], size: int) -> int:
    """Write blank images (what they show does not matter) and return how many bytes they take."""
    arrays = {}
    for split, count in sizes.items():
        arrays[f"{split}_images"] = np.zeros((count, size, size, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 9).astype(np.uint8)
    np.savez_compressed(path, **arrays)
    return sum(value.nbytes for name, value in arrays.items() if name.endswith("images"))


def peak(command: list[str]) -> dict[str, float]:
    """Run a command and return the peak of its memory by kind, in GB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = {"Pss": 0, "Pss_Anon": 0, "Pss_Shmem": 0}
    while process.poll() is None:
        family = [_memory(pid) for pid in _family(process.pid)]
        now = {kind: sum(member.get(kind, 0) for member in family) for kind in found}
        found = max(found, now, key=lambda memory: memory["Pss"])
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(process.stderr.read()[-2000:])
    return {kind: kilobytes * 1024 / 1e9 for kind, kilobytes in found.items()}


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _memory(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def main() -> None:
    args = options(__doc__)
    sizes, size = (dict.fromkeys(SIZES, 40), 8) if args.short else (SIZES, 64)
    cases = [(1, 8)] if args.short else [(1, 256), (1, 32), (2, 32)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "path_like.npz"
        taken = data(file, sizes, size)
        for processes, batch in cases:
            arguments = ["--trainer.fast_dev_run=3", f"--data.batch_size={batch}"]
            if processes > 1:
                arguments += [f"--trainer.devices={processes}", "--trainer.strategy=ddp"]
                arguments += ["--trainer.accelerator=cpu"] if DEVICE.type == "cpu" else []
            found = peak(fit_command("Train", Path(folder) / "run", file, *arguments))
            rows.append(
                {
                    "processes": processes,
                    "batch": batch,
                    "images, GB": taken / 1e9,
                    "peak, GB": found["Pss"],
                    "of it shared images, GB": found["Pss_Shmem"],
                    "of it own, GB": found["Pss_Anon"],
                }
            )
    report(args, rows, sizes=sizes, size=size)


if __name__ == "__main__":
    main()
