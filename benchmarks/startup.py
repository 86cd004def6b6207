"""How long until something happens?"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import fit_command, made_up, options, report

# Says when the data have been read and when the first training step is done.
TIMED = """
import json, sys, time
from medunlearn.data.source import ImageSource
from medunlearn.methods import Classifier
from medunlearn.__main__ import main
marks = {"imported": time.time()}
def marked(owner, name, mark):
    call = getattr(owner, name)
    def wrapper(*args):
        value = call(*args)
        marks.setdefault(mark, time.time())
        return value
    setattr(owner, name, wrapper)
marked(ImageSource, "read", "read")
marked(Classifier, "on_before_zero_grad", "stepped")
marked(Classifier, "training_step", "loss")
marked(Classifier, "on_train_batch_end", "step done")
main(sys.argv[2:])
json.dump(marks, open(sys.argv[1], "w"))
"""


def command_seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "medunlearn", *arguments], capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    args = options(__doc__)
    count, size, batch = (16, 16, 8) if args.short else (512, 64, 256)
    commands = [("--help",)] if args.short else [("--help",), ("report", "--help"), ("fit", "--help")]
    rows = [{"what": shlex.join(["medunlearn", *each]), "s": command_seconds(*each)} for each in commands]
    with tempfile.TemporaryDirectory() as folder:
        file = made_up(Path(folder) / "images.npz", count, size)
        marks = Path(folder) / "marks.json"
        arguments = ["--trainer.fast_dev_run=1", f"--data.batch_size={batch}", "--trainer.logger=true"]
        fit = fit_command("Train", Path(folder) / "run", file, *arguments)[3:]
        start = time.time()
        subprocess.run([sys.executable, "-c", TIMED, str(marks), *fit], capture_output=True, check=True)
        at = json.loads(marks.read_text())
    rows.append({"what": "medunlearn fit: imports", "s": at["imported"] - start})
    rows.append({"what": "medunlearn fit: from data in memory to the first loss", "s": at["loss"] - at["read"]})
    rows.append({"what": "medunlearn fit: to the end of the first step", "s": at["step done"] - at["read"]})
    report(args, rows, size=size, batch=batch)


if __name__ == "__main__":
    main()
