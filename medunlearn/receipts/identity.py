"""Identity of a receipt and its tool: a UUID of version 7, the time, and the version of this package."""

import secrets
import subprocess
import time
import uuid
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from medunlearn.receipts.schema import Identity, Previous

TOOL = "medunlearn"


def new_identity(previous: Previous | None) -> Identity:
    """Return the identity of a receipt that is made now."""
    milliseconds = time.time_ns() // 1_000_000
    return Identity(
        id=str(uuid7(milliseconds)),
        created=rfc3339(milliseconds),
        tool=TOOL,
        version=tool_version(),
        git_commit=_git_commit(),
        previous=previous,
    )


def uuid7(milliseconds: int) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): the time and 74 random bits.

    Args:
        milliseconds: Since 1970, UTC.

    Example:
        >>> uuid7(0x017F22E279B0).hex[:13]
        '017f22e279b07'
    """
    value = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return uuid.UUID(int=value)


def time_of(identifier: str) -> str | None:
    """Return when a UUID of version 7 was made, as RFC 3339 has it; None for any other text.

    Example:
        >>> time_of("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        '2022-02-22T19:22:22.000Z'
    """
    try:
        found = uuid.UUID(identifier)
    except ValueError:
        return None
    return rfc3339(found.int >> 80) if found.version == 7 and str(found) == identifier else None


def rfc3339(milliseconds: int) -> str:
    """Return a time in UTC with milliseconds; `unknown` for one after the year 9999."""
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return "unknown"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


@cache  # to look it up takes milliseconds
def tool_version() -> str:
    """Return the version of this package."""
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "unknown"


def _git_commit() -> str | None:
    """Return the commit of the clone that this package runs from; None outside a clone or without git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--match=nothing"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
