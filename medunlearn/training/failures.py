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
                raise  # else a setting that Lightning finds wrong while training, such as a monitor nobody logs
            raise InputError(f"trainer: {error}; {_listing()}") from error
        if not isinstance(error, OSError) or error.errno not in DISK_ERRORS:
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


def _listing() -> str:
    """Return where the arguments of a Trainer are listed."""
    if on_command_line():
        return "`medunlearn fit --help` lists its options"
    return "`help(lightning.Trainer)` lists its arguments"


def go_on(run: RunDir) -> str:
    """Return the hint how to go on with a run that has ended early."""
    return f"go on with `{remedy_for(run.path)}`"


def end_of_worker(error: BaseException) -> str | None:
    """Return how a process that fetches batches has ended, where that is what an error is about.

    PyTorch says it, unless the process ends while a batch is on its way: then the connection to it breaks.
    """
    if isinstance(error, RuntimeError) and (match := WORKER.match(str(error))):
        return f"was killed ({match['signal']})" if match["signal"] else "has ended without a message"
    broken = isinstance(error, (ConnectionError, EOFError, FileNotFoundError))
    if broken and ("torch.utils.data.dataloader", "_try_get_data") in _path(error):
        return "has ended without a message"
    return None


def _path(error: BaseException) -> list[tuple[str, str]]:
    """Return module and name of the functions that an error has passed through, the one that raised it last."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [(str(frame.f_globals.get("__name__")), frame.f_code.co_name) for frame in frames]
