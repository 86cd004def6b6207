import subprocess
import sys

import pytest

from medunlearn.training import memory as heap

TOUCHED = """
import resource, sys, torch
from medunlearn.training.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(10):  # until holes between small objects have grown large enough
    torch.zeros(2**26).fill_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    torch.zeros(2**26).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not heap.keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_used_again():
    """Memory that the system gives out again costs a page fault for every 4 KiB (or more, where pages are larger)."""
    faults = {
        how: int(
            subprocess.run([sys.executable, "-c", TOUCHED, how], capture_output=True, text=True, check=True).stdout
        )
        for how in ("returned", "kept")
    }
    assert faults["returned"] > 200
    assert faults["kept"] < 100 + faults["returned"] / 10


def test_memory_of_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not heap.keep_freed_memory()


def test_memory_of_another_system_is_left_alone(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert not heap.keep_freed_memory()
