"""What the command line refuses before any long work: each check is one line of words when it fails."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.methods import Classifier
from medunlearn.models import load_weights
from medunlearn.plans.options import MOST_SEED
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record
from medunlearn.runs.requirements import missing_reference, require_original, require_reference

SAME_BY_HASH = ("data.file", "data.root", "data.download", "data.num_workers")
"""Settings that may change on resuming: the hash of the data says whether they are the same."""

DISPLAY = ("trainer.enable_progress_bar", "trainer.enable_model_summary")
"""Settings of what is shown while a run is made; the run is the same."""

MAY_CHANGE = tuple(
    f"trainer.{name}"
    for name in (
        "accelerator",
        "strategy",
        "devices",
        "num_nodes",
        "sync_batchnorm",
        "max_epochs",
        "max_time",
        "logger",
    )
)
"""Settings that a run may be resumed with: where it runs, how long, and what it is logged to."""

SETTINGS = ("data", "model", "seed_everything", "trainer", "evaluation")
"""The groups of settings that make a run what it is."""


def check_words(words: Iterable[str]) -> None:
    """Refuse what the data says: jsonargparse would leave it out without a word."""
    sources = {
        "num_classes": "data.num_classes beside data.file",
        "in_channels": "data.as_rgb",
        "image_size": "data.size",
    }
    for word in words:
        name = word.partition("=")[0].removeprefix("--model.").removeprefix("init_args.")
        if word.startswith("--model.") and name in sources:
            raise InputError(f"model.init_args.{name}: is taken from the data; leave it out, or set {sources[name]}")


def check_run_dir_named(run_dir: Path | None) -> None:
    """Refuse a run without a directory."""
    if run_dir is None:
        raise InputError("run_dir: not set; name the run directory, as in `--run_dir runs/my_run`")


def check_run_dir(run: RunDir, resume: bool, overwrite: bool) -> None:
    """Refuse to write over a run, or to resume what is not there."""
    if resume and overwrite:
        raise InputError("resume=true: contradicts overwrite=true; keep one of them")
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"run_dir={run}: is a file; name a directory")
    if run.finished and not overwrite:
        raise InputError(
            f"run_dir={run}: already holds a finished run; `--overwrite true` starts anew, another run_dir keeps it"
        )
    if run.started and not (resume or overwrite):
        raise InputError(
            f"run_dir={run}: already holds an unfinished run; say `--resume true` to go on with it, "
            "or `--overwrite true` to start anew"
        )
    if resume and not run.started:
        raise InputError(f"run_dir={run}: there is no run to resume; leave out `--resume true`")


def check_strategy(strategy: str | Mapping[str, Any]) -> None:
    """Refuse strategies that cut up the model, and those whose processes are copies of this one.

    Args:
        strategy: A name that Lightning knows, or `class_path` and `init_args`.
    """
    name = start = str(strategy)
    if not isinstance(strategy, str):
        name, start = str(strategy.get("class_path")), str((strategy.get("init_args") or {}).get("start_method"))
    plain = name.rpartition(".")[2].lower().replace("_", "")
    if any(kind in plain for kind in ("fsdp", "deepspeed", "modelparallel")):
        raise InputError(
            f"trainer.strategy={name}: cuts the weights up over the processes, but the saliency mask, frozen weights "
            "and model.ckpt need them whole and in float32 in each; use ddp"
        )
    if any(kind in start for kind in ("spawn", "fork", "notebook")):
        raise InputError(
            f"trainer.strategy={name}: its processes are copies of this one, whose errors come out as long "
            "tracebacks; use ddp, which starts each by the same command"
        )


def check_sync_batchnorm(sync_batchnorm: bool, processes: int) -> None:
    """Refuse BatchNorm over several processes where there is no GPU."""
    if sync_batchnorm and processes > 1:
        raise InputError(
            "trainer.sync_batchnorm=true: PyTorch has it for GPUs only; leave it out, or use trainer.accelerator=gpu"
        )


def check_batches(smallest: int, processes: int, batch_size: int, size: int, last_map: int) -> None:
    """Refuse batches of which BatchNorm would get a single value: one image, its last map one pixel.

    Args:
        smallest: Images in the smallest training batch.
        processes: Processes that share it, each with statistics of its own.
        batch_size: As it was given.
        size: Height and width of the images.
        last_map: Height and width of the model's last maps.
    """
    if last_map == 1 and smallest // processes <= 1:
        raise InputError(
            f"data.batch_size={batch_size}: it leaves {smallest} of the images for the smallest batch, and BatchNorm "
            f"needs two in each process where images of {size}x{size} shrink to one pixel; choose another"
        )


def check_ckpt_path(path: object, command: str) -> None:
    """Refuse a checkpoint: Lightning would merge its settings over the config, and run code from one on the web."""
    if path is None:
        return
    if command == "fit":
        raise InputError(
            f"ckpt_path={path}: fit takes no checkpoint; say `--resume true` to go on with a run, "
            "or name the trained model in `--model.init_args.original`"
        )
    raise InputError(f"ckpt_path={path}: {command} takes the model of `--run_dir`; leave it out")


def check_seed(seed: object) -> None:
    """Refuse a seed that no generator takes."""
    if not isinstance(seed, bool) and isinstance(seed, int) and not 0 <= seed <= MOST_SEED:
        raise InputError(f"seed_everything={seed}: give a whole number from 0 to {MOST_SEED}")


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Refuse settings of the Trainer that would fail later, or measure another thing than was asked for."""
    if trainer["overfit_batches"]:
        raise InputError(
            f"trainer.overfit_batches={trainer['overfit_batches']}: batches are dealt out by rank and cannot be held; "
            "use trainer.limit_train_batches"
        )
    if trainer["accumulate_grad_batches"] < 1:
        raise InputError(
            f"trainer.accumulate_grad_batches={trainer['accumulate_grad_batches']}: give a whole number of 1 or more"
        )


def check_original(model: Classifier, own: Record, split: dict[str, Any]) -> None:
    """Refuse an original of other data, another split or another architecture."""
    if model.original is not None:
        argument = "model.init_args.original"
        require_original(own, RunDir(model.original), argument, split["train_size"])
        load_weights(model.backbone, model.original, argument)


def check_reference(reference: Path | None, own: Record, data_file: Path | None) -> None:
    """Refuse a reference that cannot be compared with; only mention one that is missing."""
    if reference is not None:
        require_reference(own, RunDir(reference))
        if message := missing_reference(RunDir(reference), data_file):
            rank_zero_only(print)(message, file=sys.stderr)


def check_resumable(run: RunDir, settings: dict[str, Any], split: dict[str, Any]) -> None:
    """Refuse to resume a run with other data, method or seed than it was started with."""
    if exists(run.config):
        for key, before, now in _differences(run.read_config("run_dir"), settings, SETTINGS):
            if key not in (*SAME_BY_HASH, *DISPLAY, *MAY_CHANGE):
                raise InputError(f"{key}={now}: the run in {run} was started with {before}; resume it with the same")
    theirs = run.read_split("run_dir") if exists(run.split) else split
    if any(theirs.get(key) != split[key] for key in ("sha256", "data_sha256", "indices")):
        raise InputError(f"run_dir={run}: its data or forget set has changed since it was started; bring it back")


def check_same_run(run: RunDir, settings: dict[str, Any]) -> None:
    """Refuse a run, finished or begun, that was made under other settings than are asked for."""
    state = "finished" if run.finished else "unfinished"
    for key, before, now in _differences(run.read_config("run_dir"), settings, (*SETTINGS, "reference")):
        if key not in DISPLAY:
            raise InputError(
                f"{key}={now}: the {state} run in {run} was made with {before}; "
                "use the same, name another run_dir, or delete that one"
            )


def check_predict(path: Path, overwrite: bool, processes: int) -> None:
    """Refuse to write over predictions, or to write a part of them."""
    if path.exists() and not overwrite:
        raise InputError(f"run_dir={path.parent}: {path.name} is there already; say `--overwrite true` to replace it")
    if processes > 1:
        raise InputError(f"trainer.devices={processes}: predict writes one file from one process; use 1")


def _differences(before: dict[str, Any], now: dict[str, Any], groups: Iterable[str]) -> Iterator[tuple[str, Any, Any]]:
    for group in groups:
        yield from _walk(before.get(group), now.get(group), group)


def _walk(before: Any, now: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            yield from _walk(before.get(name), now.get(name), f"{key}.{name}")
    elif before != now:
        yield key, before, now
