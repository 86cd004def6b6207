"""`medunlearn.fit`: one call from Python that makes a run as `medunlearn fit` does."""

import difflib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks import session
from medunlearn.callbacks.before_fit import take_up_seed
from medunlearn.callbacks.configuration import configuration
from medunlearn.callbacks.run_record import RunRecord
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError, owned_by
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished
from medunlearn.runs.starting import check_run_dir
from medunlearn.training.interruption import restarted_by_slurm
from medunlearn.training.settings import check_strategy
from medunlearn.training.warning_filters import hide_lightning_warnings


def fit(
    method: LightningModule,
    data: LightningDataModule,
    run_dir: str | Path,
    reference: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    evaluation: UnlearningMetrics | None = None,
    **trainer: Any,
) -> dict[str, Any]:
    """Train, retrain or unlearn, measure the model, and write a run directory.

    `medunlearn fit --config RUN_DIR/config.yaml` repeats the run, to the same weights bit for bit in deterministic mode
    on the same hardware, if `seed_everything` was called right before the data and the method were built, and the
    command line can build both. Otherwise `config.yaml` says why at its top. A run that starts from an
    `original` takes its initial weights from there, so that only the seed of the data matters.

    Args:
        method: What is trained, such as `medunlearn.SalUn(...)`.
        data: The images, such as `medunlearn.MedMNISTDataModule(...)`.
        run_dir: The run directory. Nothing is written anywhere else.
        reference: Run directory of the retrained model that AG is computed against.
        resume: Go on with the unfinished run in `run_dir`, whose settings must be the same.
        overwrite: Delete the run in `run_dir` and start again.
        evaluation: What is measured; by default `UnlearningMetrics()`.
        trainer: Arguments of Lightning's Trainer, with the command line's defaults: the method's number of epochs,
            bf16-mixed where the hardware has it, logs below `run_dir/logs`.

    Returns:
        The content of `metrics.json`: UA, RA, TA, MIA and AG in %, RTE in minutes, and what they were computed from;
        empty with `fast_dev_run`, which writes nothing.

    Raises:
        InputError: If something given is wrong, in one line and before anything is trained or written.
        Interrupted: If Ctrl-C or a signal has ended the run; it has left a checkpoint to go on from.

    Example:
        >>> import medunlearn
        >>> from lightning import seed_everything
        >>> _ = seed_everything(0)                                       # doctest: +SKIP
        >>> data = medunlearn.MedMNISTDataModule("bloodmnist")           # doctest: +SKIP
        >>> method = medunlearn.Train(num_classes=data.num_classes)      # doctest: +SKIP
        >>> medunlearn.fit(method, data, "runs/train_blood")["TA"]       # doctest: +SKIP
    """
    hide_lightning_warnings()
    with _with_python_names():
        return _fit(method, data, RunDir.given(run_dir, "run_dir"), reference, resume, overwrite, evaluation, trainer)


def _fit(
    method: LightningModule,
    data: LightningDataModule,
    run: RunDir,
    reference: str | Path | None,
    resume: bool,
    overwrite: bool,
    evaluation: UnlearningMetrics | None,
    given: dict[str, Any],
) -> dict[str, Any]:
    _check_names(given)
    _check_kinds(method, data)
    if isinstance(strategy := given.get("strategy"), str):  # the Trainer keeps only the object built from it
        check_strategy(strategy)
    if run.started and restarted_by_slurm():
        resume, overwrite = True, False
    rank_zero_only(check_run_dir)(run, resume, overwrite)
    _check_original(method, data)
    arguments = {**session.trainer_defaults(), **given}
    session.fill_arguments(arguments, type(method))
    evaluation = UnlearningMetrics() if evaluation is None else evaluation
    record = RunRecord(run.path, reference, resume=resume)
    settings = _configure(record, method, data, evaluation, arguments)
    trainer = _trainer(record, evaluation, arguments)
    session.prepare(trainer, method, data, record, settings, overwrite)
    session.train(trainer, record, model=method, datamodule=data)
    return {} if given.get("fast_dev_run") else run.read_metrics("run_dir")


def _configure(
    record: RunRecord,
    method: LightningModule,
    data: LightningDataModule,
    evaluation: UnlearningMetrics,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """Resolve the settings with the command line's parser before anything else; return the result."""
    parts = cast(UnlearningModule, method), cast(UnlearningData, data)
    if record.resume:
        take_up_seed(record.run, parts[1])
    found = configuration(*parts, evaluation, record.run, record.reference, arguments, record.resume)
    record.config = found.text
    return found.settings


def _trainer(record: RunRecord, evaluation: UnlearningMetrics, arguments: Mapping[str, Any]) -> Trainer:
    parts = session.trainer_parts(record.run, arguments)
    callbacks = [*parts["callbacks"], evaluation, record]
    changes = {"callbacks": callbacks, "plugins": parts["plugins"], **session.summary(arguments)}
    if session.has_default_logger(arguments.get("logger")):
        changes["logger"] = False  # started once everything has been checked
    try:
        return Trainer(**{**arguments, **changes})
    except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
        raise InputError(f"trainer: {error}; `help(lightning.Trainer)` lists its arguments") from error


def _check_original(method: LightningModule, data: LightningDataModule) -> None:
    if (original := cast(UnlearningModule, method).original) is not None:
        with owned_by("model.init_args", "original"):
            check_finished(RunDir(original), "original", getattr(data, "file", None))


def _check_kinds(method: Any, data: Any) -> None:
    """Reject arguments that are not a method and a data module, such as names, or the two swapped."""
    if not (isinstance(method, LightningModule) and hasattr(method, "role")):
        raise InputError(f"method={_kind(method)}: give a method, such as medunlearn.Train(...)")
    if not (isinstance(data, LightningDataModule) and hasattr(data, "train_on")):
        raise InputError(f"data={_kind(data)}: give medunlearn.MedMNISTDataModule(...)")


def _kind(value: Any) -> str:
    return repr(value) if isinstance(value, (str, Path)) else type(value).__name__


def _check_names(given: Mapping[str, Any]) -> None:
    known = inspect.signature(Trainer.__init__).parameters
    for name in given:
        if name not in known:
            likeness = {each: difflib.SequenceMatcher(None, name, each).ratio() for each in known}
            close = max(known, key=likeness.__getitem__)  # of equally close names the first: `max_epochs` for `epochs`
            found = f"did you mean {close}?" if likeness[close] >= 0.6 else ""
            remedy = found or "`help(lightning.Trainer)` lists its arguments"
            raise InputError(
                f"{name}={given[name]!r}: neither medunlearn.fit nor Lightning's Trainer takes it; {remedy}"
            )


@contextmanager
def _with_python_names() -> Iterator[None]:
    """Rewrite options in error messages as Python arguments: `overwrite=True` for `--overwrite true`."""
    try:
        yield
    except InputError as error:
        raise type(error)(_python_names(str(error)), error.part) from None


def _python_names(message: str) -> str:
    """Return a message with Python arguments for options; whole commands in it are not changed."""
    parts = message.split("`")
    return "`".join(part if part.startswith("medunlearn") else _python_name(part) for part in parts)


def _python_name(text: str) -> str:
    for option in ("resume", "overwrite"):
        text = text.replace(f"--{option} true", f"{option}=True").replace(f"{option}=true", f"{option}=True")
    return text.replace("--trainer.", "")
