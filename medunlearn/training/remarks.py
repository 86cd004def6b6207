"""What Lightning says to whoever wires a Trainer, and users of the command line need not read."""

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
REMARKS = (
    "litlogger",  # an advertisement
    "`weights_only` was not set",  # of writing a checkpoint whole, not of reading one
)


def leave_out_remarks() -> None:
    """Show neither these warnings nor these remarks from now on."""
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message)
    for name in ("rank_zero", "distributed"):
        logging.getLogger(f"lightning.pytorch.utilities.{name}").addFilter(_for_users)
    logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector").addFilter(_for_users)


def _for_users(record: logging.LogRecord) -> bool:
    return not any(remark in record.getMessage() for remark in REMARKS)
