"""What every reader owes to a file that is damaged or made to do harm."""

import io
import os
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, event, settings

import medunlearn.methods  # noqa: F401  # importing Lightning is charged to no reader
from medunlearn.errors import InputError

EXAMPLES = int(os.environ.get("TRUST_EXAMPLES", "150"))
SECONDS = 5.0  # of computing, for a file of some kilobytes; tracing of memory included
SPARE = 40 * 2**20

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,  # `judge` has one of its own, of computing time
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def judge(call, argument, content, valid=lambda result: True, spare=SPARE):
    """Call a reader on a file of this content: it must refuse in one line, or return what is valid, soon and in bounds.

    Returns:
        `read` or `refused`.
    """
    before = sorted(Path.cwd().rglob("*"))
    began = time.process_time()
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, outcome = call(), "read"
    except InputError as error:
        result, outcome = str(error), "refused"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS
    assert peak < spare + 40 * len(content) + 4 * held(content), f"{peak} bytes for a file of {len(content)}"
    if outcome == "refused":
        assert len(result.splitlines()) == 1, result
        assert result.isprintable(), result
        assert argument in result, result
        assert len(result) < 2500
    else:
        assert valid(result)
    assert sorted(Path.cwd().rglob("*")) == before, "a file was made"
    event(outcome)
    return outcome


def held(content):
    """How many bytes the members of an archive declare, as far as they can be believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(min(member.file_size, 1032 * member.compress_size) for member in archive.infolist())
    except Exception:
        return 0
