"""Run directories: the files by which stages exchange results."""

from medunlearn.runs.directory import RunDir
from medunlearn.runs.split import split_sha256

__all__ = ["RunDir", "split_sha256"]
