"""Warnings of Lightning that the command line hides."""

import logging
import warnings

WARNINGS = (
    ".*does not have many workers.*",
    ".*LightningCLI's args parameter.*",
    ".*`Trainer` was configured.*",
    ".*is not supported by the model summary.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    r".*isinstance\(treespec, LeafSpec\).*",
)
LOG_MESSAGES = (
    "litlogger",  # an advertisement
    "litmodels",  # another, of `validate`, `test` and `predict`
    "`weights_only` was not set",  # of writing a checkpoint whole, not of reading one
)


def hide_lightning_warnings() -> None:
    """Show neither `WARNINGS` nor `LOG_MESSAGES` from now on."""
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message)
    hide_advertisements()


def hide_advertisements() -> None:
    """Show none of `LOG_MESSAGES` from now on."""
    for name in ("rank_zero", "distributed"):
        logging.getLogger(f"lightning.pytorch.utilities.{name}").addFilter(_is_for_users)
    logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector").addFilter(_is_for_users)


def _is_for_users(record: logging.LogRecord) -> bool:
    return not any(message in record.getMessage() for message in LOG_MESSAGES)
