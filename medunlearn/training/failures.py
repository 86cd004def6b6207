"""Turns expected failures of a run into one-line errors."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException

from medunlearn.errors import InputError, Interrupted
from medunlearn.files import writing_remedy
from medunlearn.runs import RunDir
from medunlearn.runs.commands import command_for

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
DISK_ERRORS |= {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}

WORKER = re.compile(r"DataLoader worker \(pid.*?\) (?:is killed by signal: (?P<signal>[\w ]+)|exited unexpectedly)")
"""What PyTorch says of a process that fetches batches and is gone."""


@contextmanager
def explained(run: RunDir) -> Iterator[None]:
    """Say in one line why a run ended within a `with` block, where the user can do something about it.

    Raises:
        InputError: If the run directory cannot be written, a process that fetches batches was killed, or the Trainer's
            settings do not go together.
        Interrupted: If the run was asked to end.
    """
    try:
        yield
    except Interrupted as end:
        raise end.with_hint(go_on(run)) from None
    except MisconfigurationException as error:
        raise InputError(f"trainer: {error}; `medunlearn fit --help` lists its options") from error
    except (RuntimeError, ValueError) as error:
        if match := WORKER.match(str(error)):
            raise InputError(
                f"num_workers: a process that fetches batches {_ended(match['signal'])}; "
                f"{go_on(run)}, with fewer of them where memory runs out",
                part="data",
            ) from None
        if isinstance(error, InputError) or not _raised_by_lightning(error):
            raise
        raise InputError(f"trainer: {error}; `medunlearn fit --help` lists its options") from error
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        more = ", and go on with what has been done by `--resume true`" if run.started else ""
        raise InputError(f"{_refused(run, error)}{more}") from error


def _refused(run: RunDir, error: OSError) -> str:
    """Return what the system did not let be written or read, and the remedy: the run directory or another file."""
    own = run.path.absolute()
    file = own if not isinstance(error.filename, str) else Path(error.filename).absolute()
    if own == file or own in file.parents or file in own.parents:
        return f"run_dir={run}: cannot be written ({error.strerror}); {writing_remedy(error)}"
    return f"{error.filename}: cannot be opened ({error.strerror}); mend its path or give yourself the right to it"


def go_on(run: RunDir) -> str:
    """Return the hint how to go on with a run that has ended early."""
    return f"go on with `{command_for(run.path)}`"


def _ended(description: str | None) -> str:
    return f"was killed ({description})" if description else "has ended without a message"


def _raised_by_lightning(error: BaseException) -> bool:
    """Return whether an error comes out of Lightning's own code: of a setting that it finds wrong while training.

    Such as a metric that a callback monitors and nobody logs.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("lightning.")
