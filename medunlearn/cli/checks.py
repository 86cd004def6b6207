"""What the command line refuses before any long work: each check is one line of words when it fails."""

from collections.abc import Iterable
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.plans.options import MOST_SEED


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


def check_predict(path: Path, overwrite: bool, processes: int) -> None:
    """Refuse to write over predictions, or to write a part of them."""
    if path.exists() and not overwrite:
        raise InputError(f"run_dir={path.parent}: {path.name} is there already; say `--overwrite true` to replace it")
    if processes > 1:
        raise InputError(f"trainer.devices={processes}: predict writes one file from one process; use 1")
