"""The stages that the tests run on several processes, and how they are started.

The images are 9x9, so that a share of one image still has something for BatchNorm to average over. 32 training images
in batches of 7 and a forget set of 8 leave last batches of four, three and one image: fewer than processes.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from helpers import forked
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET, write_npz

WORLDS = [2, 3]
PATIENCE = 600  # seconds for a whole chain of stages on one slow core

# What the processes run. `Watched` leaves what each process holds in the end; `Still` keeps BatchNorm out of training,
# whose statistics are each process's own, so that only the order of sums is left to differ.
METHODS = '''
    import os
    import torch
    import torch.nn.functional as F
    from medunlearn import InputError, Retrain, SalUn, Train

    class Watched:
        def on_fit_end(self):
            run = os.environ["HELD"]
            torch.save(self.backbone.state_dict(), f"{run}.{self.trainer.global_rank}")

    class Still(Watched):
        def on_train_batch_start(self, batch, number):
            for layer in self.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.eval()

    class StillTrain(Still, Train): pass
    class StillRetrain(Still, Retrain): pass
    class StillSalUn(Still, SalUn): pass
    class PlainSalUn(Watched, SalUn): pass

    class ShareMean(StillTrain):
        """The usual mistake: each process's mean counts the same, however few images it has."""
        def training_step(self, batch, number):
            return F.cross_entropy(self(batch.images), batch.labels)

    class Asked(Still, Train):
        """Asks itself to end, once, in the process and by the signal that ASKED names."""
        def training_step(self, batch, number):
            rank, asked = map(int, os.environ.get("ASKED", "-1 0").split())
            if self.trainer.global_rank == rank and number == 2:
                os.kill(os.getpid(), asked)
            return super().training_step(batch, number)

    class AskedOutside(Train):
        """Asks the process that ASKED names to end, in the evaluation."""
        def predict_step(self, batch, number):
            rank, asked = map(int, os.environ["ASKED"].split())
            if self.trainer.global_rank == rank:
                os.kill(os.getpid(), asked)
            return super().predict_step(batch, number)

    class KilledIn(Train):
        """Kills the process that KILLED names, by the signal that it names, in the hook that it names."""
        def kill(self, place):
            rank, number, hook = os.environ.get("KILLED", "-1 0 none").split()
            if self.trainer.global_rank == int(rank) and hook == place:
                os.kill(os.getpid(), int(number))

        def on_train_batch_start(self, batch, number):
            if self.trainer.current_epoch == 1:
                self.kill("training")

        def predict_step(self, batch, number):
            self.kill("measuring")
            return super().predict_step(batch, number)

        def on_fit_start(self):
            self.kill("start")

    class RankOneBreaks(Train):
        def training_step(self, batch, number):
            if self.trainer.global_rank == 1 and number == 2:
                raise RuntimeError("rank one is broken")
            return super().training_step(batch, number)

    class RankOneRefuses(Train):
        def training_step(self, batch, number):
            if self.trainer.global_rank == 1 and number == 2:
                raise InputError("data.file=x: rank one cannot read it; give another")
            return super().training_step(batch, number)

    class RankZeroBreaks(Train):
        def predict_step(self, batch, number):
            if self.trainer.global_rank == 0:
                raise OSError("no space left for rank zero")
            return super().predict_step(batch, number)
'''

# Runs several commands in turn, in the same processes: to start them takes longest.
STAGES = """
    import json, os, sys
    from pathlib import Path
    from medunlearn.__main__ import main

    for run, argv in json.loads(Path(sys.argv[1]).read_text()):
        os.environ["HELD"] = run
        if "--resume=true" in argv and os.environ.get("LOCAL_RANK", "0") == "0":
            Path(run, "metrics.json").unlink(missing_ok=True)  # as if it had been killed before its end
        assert main(argv) == 0
"""


def stage(world, run, method, *options):
    """Return the run directory of one stage and the arguments that make it."""
    several = ["--trainer.strategy=ddp", f"--trainer.devices={world}"] if world > 1 else []
    return f"{run}_{world}", [
        "fit",
        f"--model={method}",
        WITH_TINY,
        f"--run_dir={run}_{world}",
        "--data.file=nine.npz",
        "--data.batch_size=7",
        "--trainer.max_epochs=2",
        "--trainer.precision=32-true",
        "--model.init_args.lr=0.001",
        *QUIET,
        *several,
        *options,
    ]


def stages(world):
    """Return Train, Retrain and SalUn in both schedules, all from the single process's original."""
    forget = "--data.forget.rate=0.25"
    salun = (forget, "--model.init_args.original=train_1", "--reference=retrain_1", "--model.init_args.mask_ratio=0.3")
    yield stage(world, "train", "methods.StillTrain", "--overwrite=true")
    yield stage(world, "retrain", "methods.StillRetrain", forget)
    yield stage(world, "mixed", "methods.StillSalUn", *salun)
    yield stage(world, "sequential", "methods.StillSalUn", *salun, "--model.init_args.schedule=sequential")
    if world > 1:
        logs = ("--evaluation.every_n_epochs=1", "--trainer.logger=true", "--trainer.log_every_n_steps=1")
        yield stage(world, "plain", "methods.PlainSalUn", *salun, *logs)
        # Validation would hand out the first process's BatchNorm statistics; without it they are each one's own.
        yield stage(world, "blind", "methods.PlainSalUn", *salun, "--trainer.limit_val_batches=0")
        yield stage(world, "mean", "methods.ShareMean")
    if world == 2:
        yield stage(world, "parts", "methods.StillSalUn", *salun, "--trainer.max_epochs=1")
        yield stage(world, "parts", "methods.StillSalUn", *salun, "--resume=true")
        yield stage(world, "dry", "methods.StillTrain", "--trainer.fast_dev_run=true")


def start(folder, *command, seconds=PATIENCE):
    """Run `python COMMAND` in `folder` to its end, and return it with what it printed."""
    return forked.run(folder, command, _environment(folder), seconds)


def start_anew(folder, *command, seconds=PATIENCE):
    """Do what `start` does, in processes that nothing was imported into, as a user's are."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, error = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and the processes that it has started
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, error)


def _environment(folder):
    found = os.pathsep.join(map(str, (folder, *Path(__file__).parents[1:3])))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return kept | {"PYTHONPATH": found, "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled", "HOME": str(folder)}


def start_all(folder, name, plan):
    """Run stages in turn, in the same processes, each given by its run directory and its command."""
    (folder / f"{name}.json").write_text(json.dumps(list(plan)))
    ended = start(folder, "stages.py", f"{name}.json")
    assert ended.returncode == 0, ended.stderr[-3000:]


def prepare(folder):
    """Write nine.npz, the methods above, and what is left of a run that is to be overwritten."""
    write_npz(folder / "nine.npz", size=9, counts={"train": 32, "val": 2, "test": 13})
    for name, text in (("methods.py", METHODS), ("stages.py", STAGES)):
        (folder / name).write_text(textwrap.dedent(text))
    for world in WORLDS:
        (folder / f"train_{world}").mkdir()
        (folder / f"train_{world}" / "metrics.json").write_text("{}")
        (folder / f"train_{world}" / "notes.txt").write_text("not a file of the run")
