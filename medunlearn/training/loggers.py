"""The loggers that a run has by default: Weights & Biases and CSV files, neither of which can end the run."""

import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only, rank_zero_warn

from medunlearn.files import write_whole
from medunlearn.runs import RunDir
from medunlearn.runs.commands import shown


def default_loggers(run: RunDir) -> list[Logger]:
    """Return what logs a run by default: Weights & Biases, online where the user is logged in, and CSV files.

    Nobody is asked for a key, and nothing fails without one: the run is then kept offline below `logs`, to be sent
    later. W&B's own environment variables (WANDB_PROJECT, WANDB_ENTITY, WANDB_MODE, ...) hold.

    The configuration is sent to them as to any other logger, when the run starts.

    Args:
        run: The run directory.
    """
    return [*(_wandb_logger(run) or []), ForgivingCSVLogger(run.path, name=run.logs.name)]


class _Forgiving:
    """Makes a logger that fails, for want of room or of its service, cost what it would have logged, not the run."""

    _failed = False

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values; after a failure, nothing."""
        self._try("log_metrics", metrics, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log settings; after a failure, nothing."""
        self._try("log_hyperparams", params, *args, **kwargs)

    def save(self) -> None:
        """Write what has been logged; after a failure, nothing."""
        self._try("save")

    def finalize(self, status: str) -> None:
        """Close; after a failure, do nothing."""
        self._try("finalize", status)

    def _try(self, method: str, *args: Any, **kwargs: Any) -> None:
        if self._failed:
            return
        try:
            getattr(super(), method)(*args, **kwargs)
        except Exception as error:
            self._failed = True
            kind = "Weights & Biases" if isinstance(self, WandbLogger) else "the CSV files"
            rank_zero_warn(f"From here on nothing is logged to {kind}: {' '.join(str(error).split())[:300]}")


class ForgivingCSVLogger(_Forgiving, CSVLogger):  # type: ignore[misc]  # loggers differ in the types of values
    """Lightning's CSVLogger, whose failures end only the logging."""


class ForgivingWandbLogger(_Forgiving, WandbLogger):
    """Lightning's WandbLogger, whose failures end only the logging."""


@rank_zero_only
def _wandb_logger(run: RunDir) -> list[Logger]:
    """Return a started WandbLogger, offline if need be, or nothing where even that fails."""
    _finish_previous()
    for mode in ("online", "offline") if _logged_in() else ("offline",):
        try:
            experiment = _start(run, mode)
        except Exception as error:  # no service, a wrong key, no room: none of them may cost a run
            rank_zero_warn(f"Weights & Biases could not be started {mode}: {error}")
            continue
        _log_location(experiment)
        return [ForgivingWandbLogger(experiment=experiment, save_dir=run.logs, name=run.path.name)]
    return []


def _start(run: RunDir, mode: Literal["online", "offline"]) -> Any:
    import wandb

    run.logs.mkdir(parents=True, exist_ok=True)
    with _no_command_line():
        experiment = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "medunlearn"),
            name=run.path.name,
            dir=str(run.logs),
            id=_identity(run),
            resume="allow",
            reinit="finish_previous",  # one process may run several stages; each is a run of its own
            mode=_mode(mode),
            # Its own console output says the same as ours and more; without a network it must not wait long.
            settings=wandb.Settings(silent=True, console="off", init_timeout=30),
        )
    experiment.define_metric("trainer/global_step")
    experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return experiment


@contextmanager
def _no_command_line() -> Iterator[None]:
    """Keep from W&B the options of this process, which may name patients; it gets the configuration without names."""
    given = sys.argv
    sys.argv = given[:1]
    try:
        yield
    finally:
        sys.argv = given


def _mode(possible: Literal["online", "offline"]) -> Literal["online", "offline", "disabled"]:
    """Return what WANDB_MODE asks for, as far as it is possible."""
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        return "disabled"
    return "offline" if asked in ("offline", "dryrun") else possible


def _identity(run: RunDir) -> str:
    """Return the id of the W&B run, kept in the run directory so that a resumed run goes on with its curves."""
    path = run.logs / "wandb_id"
    if not path.exists():
        # The agent of a sweep has chosen one already.
        swept = os.environ.get("WANDB_RUN_ID") if "WANDB_SWEEP_ID" in os.environ else None
        write_whole(path, (swept or uuid.uuid4().hex[:8]).encode())
    return path.read_text()


def _finish_previous() -> None:
    """Finish the W&B run of an earlier stage, as the next would: while one is open, nobody counts as logged in."""
    import wandb

    try:
        if wandb.run is not None:
            wandb.run.finish()
    except Exception as error:  # no room, no service
        rank_zero_warn(f"The earlier run at Weights & Biases could not be finished: {error}")


def _logged_in() -> bool:
    """Return whether there are credentials for W&B, without asking for any."""
    import wandb

    try:
        return bool(wandb.login(prompt=False))
    except TypeError:  # releases before `prompt` was added
        return bool(wandb.api.api_key)
    except Exception:  # a malformed key counts as none
        return False


def _log_location(experiment: Any) -> None:
    if getattr(experiment, "offline", False):
        rank_zero_info(
            f"Weights & Biases: kept offline; send it with `{shown(['wandb', 'sync', Path(experiment.dir).parent])}`"
        )
    elif getattr(experiment, "url", None):
        rank_zero_info(f"Weights & Biases: {experiment.url}")
