"""Expands `~` and environment variables in paths, for options, config files and calls from Python alike."""

import os
import re
from pathlib import Path

from medunlearn.errors import InputError

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def expanded(path: str | Path, argument: str, part: str = "") -> Path:
    """Return a path with `~`, `~NAME`, `$NAME` and `${NAME}` replaced, as a shell does outside quotes.

    A path that exists as written is not changed, whatever its name. So expanding a path twice changes nothing, unless
    the value of a variable contains another variable.

    Args:
        path: The path.
        argument: The argument's name, for errors.
        part: The option path of the part that has the argument, as of `InputError`.

    Raises:
        InputError: If a variable is not set.

    Example:
        >>> os.environ["DATA"] = "/mnt/data"
        >>> expanded("${DATA}/blood.npz", "file").as_posix()
        '/mnt/data/blood.npz'
    """
    written = str(path)
    if not ("$" in written or written.startswith("~")) or _exists(written):
        return Path(path)

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise InputError(
                f"{argument}={path}: the environment variable {name} is not set; set it, or write the path out", part
            )
        return os.environ[name]

    found = Path(_VARIABLE.sub(value, written))
    try:
        return found.expanduser()
    except RuntimeError:  # no such user: a name that begins with `~`
        return found


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):  # a path that no file can have
        return False
