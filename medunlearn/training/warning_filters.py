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
    ".*is smaller than the logging interval.*",  # the mean of each epoch is logged anyway
    r".*modules? in eval mode at the start of training.*",
    r".*modules?\(s\) in eval mode at the start of training.*",
)
LOG_MESSAGES = (
    "litlogger",  # an advertisement
    "litmodels",  # an advertisement in `validate`, `test` and `predict`
    "`weights_only` was not set",  # on writing a checkpoint, not on reading one
)


ABOUT_THE_RUN = (
    *("GPU available: ", "TPU available: ", "IPU available: ", "HPU available: ", "LOCAL_RANK: "),
    "Automatic Mixed Precision (AMP)",
    "Seed set to ",
    *("Initializing distributed: ", "distributed_backend="),
    "`Trainer.fit` stopped: ",
    *("Restoring states from the checkpoint path", "Restored all states from the checkpoint"),
)
"""Lightning's messages on hardware, seed and end of a run; this project prints one line instead."""


def hide_lightning_warnings() -> None:
    """Hide `WARNINGS`, `LOG_MESSAGES` and `ABOUT_THE_RUN` from now on."""
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message)
    for name in ("pytorch.utilities.rank_zero", "fabric.utilities.rank_zero", "fabric.utilities.seed"):
        logging.getLogger(f"lightning.{name}").addFilter(_is_not_about_the_run)
    hide_advertisements()


def hide_advertisements() -> None:
    """Hide `LOG_MESSAGES` from now on."""
    for name in ("rank_zero", "distributed"):
        logging.getLogger(f"lightning.pytorch.utilities.{name}").addFilter(_is_for_users)
    logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector").addFilter(_is_for_users)


def _is_for_users(record: logging.LogRecord) -> bool:
    return not any(message in record.getMessage() for message in LOG_MESSAGES)


def _is_not_about_the_run(record: logging.LogRecord) -> bool:
    return not any(message in record.getMessage() for message in ABOUT_THE_RUN)
