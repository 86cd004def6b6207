"""Turns expected failures of a run into one-line errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.exceptions import MisconfigurationException

from medunlearn.errors import InputError, Interrupted
from medunlearn.runs import RunDir
from medunlearn.runs.commands import command_for

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
DISK_ERRORS |= {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


@contextmanager
def explained(run: RunDir) -> Iterator[None]:
    """Say in one line why a run ended within a `with` block, where the user can do something about it.

    Raises:
        InputError: If the run directory cannot be written, or the Trainer's settings do not go together.
        Interrupted: If the run was asked to end.
    """
    try:
        yield
    except Interrupted as end:
        raise Interrupted(end.number, f"go on with `{command_for(run.path)}`") from None
    except MisconfigurationException as error:
        raise InputError(f"trainer: {error}; `medunlearn fit --help` lists its options") from error
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise InputError(
            f"run_dir={run}: cannot be written ({error.strerror}); make room there or name another directory, and go "
            "on with what has been done by `--resume true`"
        ) from error
