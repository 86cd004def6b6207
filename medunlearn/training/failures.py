"""Turns expected failures of a run into one-line errors."""

import errno
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException

from medunlearn.errors import InputError, Interrupted, on_command_line
from medunlearn.files import writing_remedy
from medunlearn.runs import RunDir
from medunlearn.runs.commands import remedy_for

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
DISK_ERRORS |= {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}

WORKER = re.compile(
    r"(?:DataLoader worker \(pid.*?\)|Pin memory thread) "
    r"(?:is killed by signal: (?P<signal>[\w ]+)|exited unexpectedly)"
)
"""PyTorch's message about a data-loading worker that has died."""


@contextmanager
def explained(run: RunDir) -> Iterator[None]:
    """Turn failures that the user can remedy, raised within a `with` block, into one-line errors.

    Raises:
        InputError: If the run directory cannot be written, a data-loading worker was killed, or Trainer settings are
            incompatible.
        Interrupted: If a signal has ended the run.
    """
    try:
        yield
    except Interrupted as end:
        raise end.with_hint(go_on(run)) from None
    except MisconfigurationException as error:
        raise InputError(f"trainer: {error}; {_listing()}") from error
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        if how := end_of_worker(error):
            raise InputError(
                f"num_workers: a process that fetches batches {how}; "
                f"{go_on(run)}, with fewer of them where memory runs out",
                part="data",
            ) from None
        if isinstance(error, (RuntimeError, ValueError)):
            if isinstance(error, InputError) or not _path(error)[-1][0].startswith("lightning."):
                raise  # else a setting that Lightning rejects while training, such as an unlogged monitor
            raise InputError(f"trainer: {error}; {_listing()}") from error
        if not isinstance(error, OSError) or error.errno not in DISK_ERRORS:
            raise
        more = ", and go on with what has been done by `--resume true`" if run.started else ""
        raise InputError(f"{_refused(run, error)}{more}") from error


def _refused(run: RunDir, error: OSError) -> str:
    """Return which path the system would not open, and the remedy: the run directory or another file."""
    own = run.path.absolute()
    file = own if not isinstance(error.filename, str) else Path(error.filename).absolute()
    if own == file or own in file.parents or file in own.parents:
        return f"run_dir={run}: cannot be written ({error.strerror}); {writing_remedy(error)}"
    return f"{error.filename}: cannot be opened ({error.strerror}); fix its path or give yourself the right to it"


def _listing() -> str:
    """Return where the arguments of a Trainer are listed."""
    if on_command_line():
        return "`medunlearn fit --help` lists its options"
    return "`help(lightning.Trainer)` lists its arguments"


def go_on(run: RunDir) -> str:
    """Return a hint for resuming a run that has ended early."""
    return f"go on with `{remedy_for(run.path)}`"


def end_of_worker(error: BaseException) -> str | None:
    """Return how a data-loading worker has ended, if that is the cause of an error.

    PyTorch reports it, unless the worker ends while sending a batch: then the connection to it breaks.
    """
    if isinstance(error, RuntimeError) and (match := WORKER.match(str(error))):
        return f"was killed ({match['signal']})" if match["signal"] else "has ended without a message"
    broken = isinstance(error, (ConnectionError, EOFError, FileNotFoundError))
    if broken and ("torch.utils.data.dataloader", "_try_get_data") in _path(error):
        return "has ended without a message"
    return None


def _path(error: BaseException) -> list[tuple[str, str]]:
    """Return module and name of the functions in an error's traceback, outermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [(str(frame.f_globals.get("__name__")), frame.f_code.co_name) for frame in frames]
