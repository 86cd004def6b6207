"""Warnings of Lightning that the command line hides."""

import logging
import warnings
from contextlib import contextmanager

import pytest

from medunlearn.training.warning_filters import hide_lightning_warnings

LOGGERS = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.pytorch.utilities.distributed",
    "lightning.pytorch.trainer.connectors.checkpoint_connector",
)
FABRIC = ("lightning.fabric.utilities.rank_zero", "lightning.fabric.utilities.seed")
HIDDEN = (
    "Found 3 module(s) in eval mode at the start of training. This may lead to unexpected behavior during training.",
    "The 'train_dataloader' does not have many workers which may be a bottleneck. Consider increasing",
    "LightningCLI's args parameter is intended to run from within Python like if it were from the command line.",
    "`Trainer` was configured with the deprecated strategy",
    "Precision bf16-mixed is not supported by the model summary.  Estimated model size in MB will not be accurate.",
    "Checkpoint directory /runs/train/checkpoints exists and is not empty.",
    "The number of training batches (2) is smaller than the logging interval Trainer(log_every_n_steps=10).",
    "`isinstance(treespec, LeafSpec)` is deprecated, use `isinstance(treespec, TreeSpec)`",
)
SHOWN = ("The dataloader is empty", "Checkpoint directory /runs/train/checkpoints is a link", "`Trainer` has stopped")


@pytest.fixture
def hidden():
    """Hide them for one test."""
    before = {name: list(logging.getLogger(name).filters) for name in (*LOGGERS, *FABRIC)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("always")
        hide_lightning_warnings()
        yield caught
    for name, filters in before.items():
        logging.getLogger(name).filters[:] = filters


def test_hidden_warnings_are_lightnings_known_ones_and_no_other(hidden):
    for message in (*HIDDEN, *SHOWN):
        warnings.warn(message, stacklevel=1)
    assert [str(warning.message) for warning in hidden] == list(SHOWN)


@contextmanager
def shown_by(name):
    """Yield a logger and the messages that it lets through."""
    records, logger = [], logging.getLogger(name)
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger.addHandler(handler)
    try:
        yield logger, records
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("name", LOGGERS)
def test_hidden_log_messages_are_advertisements_and_the_note_on_writing(hidden, name):
    with shown_by(name) as (logger, records):
        logger.warning("Tip: try %s, which is new", "litlogger")
        logger.warning("`weights_only` was not set, defaulting to `False`.")
        logger.warning("The dataloader is %s", "empty")
    assert records == ["The dataloader is empty"]


@pytest.mark.parametrize("name", [LOGGERS[0], *FABRIC])
def test_hidden_log_messages_are_those_of_which_one_line_is_printed_instead(hidden, name):
    with shown_by(name) as (logger, records):
        logger.warning("GPU available: %s", False)
        logger.warning("Seed set to 0")
        logger.warning("`Trainer.fit` stopped: `max_epochs=3` reached.")
        logger.warning("`Trainer.fit` is slow")
    assert records == ["`Trainer.fit` is slow"]


def test_hidden_names_are_loggers_that_lightning_has():
    import lightning.pytorch.trainer.connectors.checkpoint_connector as connector
    import lightning.pytorch.utilities.rank_zero as rank_zero

    assert {connector.__name__, rank_zero.__name__} <= set(LOGGERS)


def test_hidden_advertisements_are_those_of_a_bare_trainer_with_a_run_record(logged, tmp_path):
    from lightning.pytorch import Trainer

    from medunlearn import RunRecord

    Trainer(callbacks=[RunRecord(tmp_path / "r")], accelerator="cpu", logger=True, default_root_dir=tmp_path)
    assert "litlogger" not in logged.getvalue().lower()
    assert "litmodels" not in logged.getvalue().lower()
