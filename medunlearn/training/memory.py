"""Memory allocation settings that make training on CPUs faster."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next allocation rather than hand it back to the system.

    The activations of a training step on the CPU exceed the blocks that malloc keeps, so the system would allocate and
    clear the same gigabytes of pages in every step, a third of its time (benchmarks/README.md). The cost is that the
    process keeps its peak memory.

    Returns:
        Whether it was done: on Linux with glibc; elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
    except (AttributeError, OSError):  # another C library, such as musl
        return False
