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
    """Return the default loggers: Weights & Biases, online if the user is logged in, and CSV files.

    The user is never prompted for an API key. Without one the run is kept offline below `logs` and can be synchronised
    later. W&B's environment variables (WANDB_PROJECT, WANDB_ENTITY, WANDB_MODE, ...) are respected.

    The configuration is sent to them when the run starts, as to any other logger.

    Args:
        run: The run directory.
    """
    return [*(_wandb_logger(run) or []), ForgivingCSVLogger(run.path, name=run.logs.name)]


class _Forgiving:
    """Keeps failures of a logger, such as a full disk or an unreachable service, from ending the run."""

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
        except Exception as error:  # no service, wrong key, full disk: none may end a run
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
            reinit="finish_previous",  # one process may run several stages, each a separate run
            mode=_mode(mode),
            # W&B's console output would repeat ours; without a network it must time out quickly.
            settings=wandb.Settings(silent=True, console="off", init_timeout=30),
        )
    experiment.define_metric("trainer/global_step")
    experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return experiment


@contextmanager
def _no_command_line() -> Iterator[None]:
    """Hide the command line, which may name patients, from W&B; it gets the configuration without names."""
    given = sys.argv
    sys.argv = given[:1]
    try:
        yield
    finally:
        sys.argv = given


def _mode(possible: Literal["online", "offline"]) -> Literal["online", "offline", "disabled"]:
    """Return the mode that WANDB_MODE requests, if possible."""
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        return "disabled"
    return "offline" if asked in ("offline", "dryrun") else possible


def _identity(run: RunDir) -> str:
    """Return the id of the W&B run, kept in the run directory so that a resumed run goes on with its curves."""
    path = run.logs / "wandb_id"
    if not path.exists():
        # A sweep agent has chosen the id already.
        swept = os.environ.get("WANDB_RUN_ID") if "WANDB_SWEEP_ID" in os.environ else None
        write_whole(path, (swept or uuid.uuid4().hex[:8]).encode())
    return path.read_text()


def _finish_previous() -> None:
    """Finish the W&B run of an earlier stage: while it is open, W&B reports that the user is not logged in."""
    import wandb

    try:
        if wandb.run is not None:
            wandb.run.finish()
    except Exception as error:  # full disk or no service
        rank_zero_warn(f"The earlier run at Weights & Biases could not be finished: {error}")


def _logged_in() -> bool:
    """Return whether there are credentials for W&B, without prompting."""
    import wandb

    try:
        return bool(wandb.login(prompt=False))
    except TypeError:  # releases before `prompt` was added
        return bool(wandb.api.api_key)
    except Exception:  # a malformed key counts as missing
        return False


def _log_location(experiment: Any) -> None:
    if getattr(experiment, "offline", False):
        rank_zero_info(
            f"Weights & Biases: kept offline; send it with `{shown(['wandb', 'sync', Path(experiment.dir).parent])}`"
        )
    elif getattr(experiment, "url", None):
        rank_zero_info(f"Weights & Biases: {experiment.url}")
