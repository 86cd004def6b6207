"""Refusals of `medunlearn.training`, with inputs that reach them."""

import errno
from types import SimpleNamespace

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping

from medunlearn.runs import RunDir
from medunlearn.training.checkpoints import AtomicCheckpointIO
from medunlearn.training.failures import explained
from medunlearn.training.precision import check_precision
from medunlearn.training.settings import (
    check_epoch,
    check_monitors,
    check_strategy,
    check_sync_batchnorm,
    check_trainer,
)


def setting(**given):
    return lambda at: check_trainer({"overfit_batches": 0, **given})


def epoch(batches, **given):
    usual = {"limit_train_batches": None, "limit_val_batches": None, "check_val_every_n_epoch": 1}
    return lambda at: check_epoch(SimpleNamespace(**usual | given), batches, 1)


def ends(error, started=False):
    def call(at):
        if started:
            at.write("r/config.yaml")
        with explained(RunDir("r")):
            raise error

    return call


def of_lightning(at):
    with explained(RunDir("r")):
        Trainer(accelerator="none", logger=False)


def checkpoint(change):
    def call(at):
        AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(1)}, "last.ckpt")
        change(at)
        return AtomicCheckpointIO().load_checkpoint("last.ckpt")

    return call


def disk(number, words, name=None):
    return OSError(number, words) if name is None else OSError(number, words, name)


ROWS = [
    (
        checkpoint(lambda at: at.write("last.ckpt", "x")),
        "resume=true: last.ckpt is not the checkpoint that the run wrote (its SHA-256 is not the one in "
        "last.ckpt.sha256); start again with `--overwrite true`",
    ),
    (
        checkpoint(lambda at: at.write("last.ckpt.sha256").unlink()),
        "resume=true: last.ckpt has no last.ckpt.sha256 beside it, which says what the run wrote; bring it back, or "
        "start again with `--overwrite true`",
    ),
    (
        ends(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")),
        "data.num_workers: a process that fetches batches was killed (Killed); go on with `medunlearn fit …`, with "
        "fewer of them where memory runs out",
    ),
    (
        checkpoint(lambda at: AtomicCheckpointIO().save_checkpoint({"hyper_parameters": {"f": print}}, "x.ckpt")),
        "hyper_parameters.f: a function cannot be kept in a checkpoint; …",
    ),
    (
        ends(MisconfigurationException("no such profiler")),
        "trainer: no such profiler; `medunlearn fit --help` lists its options",
    ),
    (of_lightning, "trainer: …; `medunlearn fit --help` lists its options"),
    (
        ends(disk(errno.ENOSPC, "No space left on device"), started=True),
        "run_dir=r: cannot be written (No space left on device); make room there or name another directory, and go on "
        "with what has been done by `--resume true`",
    ),
    (
        ends(disk(errno.EACCES, "Permission denied", "r/logs")),
        "run_dir=r: cannot be written (Permission denied); give yourself the right to write there",
    ),
    (
        ends(disk(errno.ENOTDIR, "Not a directory", "r/logs")),
        "run_dir=r: cannot be written (Not a directory); a file stands where a directory of the path should; name "
        "another directory",
    ),
    (
        ends(disk(errno.EACCES, "Permission denied", "/other/file")),
        "/other/file: cannot be opened (Permission denied); fix its path or give yourself the right to it",
    ),
    (
        lambda at: check_precision("64-true"),
        "trainer.precision=64-true: weights must stay in 32 bits, or frozen ones could not stay bit-identical; use …",
    ),
    (
        setting(overfit_batches=1),
        "trainer.overfit_batches=1: batches are shared out by rank and cannot be held; use trainer.limit_train_batches",
    ),
    (setting(accumulate_grad_batches=0), "trainer.accumulate_grad_batches=0: give a whole number of 1 or more"),
    (setting(gradient_clip_val=-1), "trainer.gradient_clip_val=-1: give a number above 0, or null"),
    (
        setting(val_check_interval=0),
        "trainer.val_check_interval=0: give a number of batches, or a share of the epoch …",
    ),
    (
        lambda at: check_strategy("fsdp"),
        "trainer.strategy=fsdp: splits the weights over the processes, but …; use ddp",
    ),
    (
        lambda at: check_strategy("ddp_spawn"),
        "trainer.strategy=ddp_spawn: its processes are copies of this one, …; use ddp, which starts each by the same "
        "command",
    ),
    (
        lambda at: check_sync_batchnorm(True, 2),
        "trainer.sync_batchnorm=true: PyTorch has it for GPUs only; leave it out, or use trainer.accelerator=gpu",
    ),
    (
        epoch(4, val_check_interval=5),
        "trainer.val_check_interval=5: an epoch has 4 batches; give at most 4, a share such as 0.5, or …",
    ),
    (
        epoch(4, limit_train_batches=0.1),
        "trainer.limit_train_batches=0.1: leaves none of 4 batches; give at least 0.25",
    ),
    (
        lambda at: check_monitors([EarlyStopping("loss")], ["val/loss"]),
        "trainer.callbacks: EarlyStopping monitors loss, which is not logged; choose one of val/loss",
    ),
]
