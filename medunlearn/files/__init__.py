"""Reads untrusted files without running code or allocating more than they can hold; writes files atomically."""

from medunlearn.files.arrays import Header, open_archive, read_archive, read_array, read_header, read_npy
from medunlearn.files.checkpoints import check_checkpoint
from medunlearn.files.paths import expanded
from medunlearn.files.texts import (
    UNOPENED,
    check_no_pipe,
    exists,
    own_yaml,
    read_bytes,
    read_json,
    read_yaml,
    unreadable,
)
from medunlearn.files.writing import (
    access_remedy,
    output_folder,
    writable_folder,
    write_whole,
    writing_remedy,
    writing_to,
)

__all__ = [
    "UNOPENED",
    "Header",
    "access_remedy",
    "check_checkpoint",
    "check_no_pipe",
    "exists",
    "expanded",
    "open_archive",
    "output_folder",
    "own_yaml",
    "read_archive",
    "read_array",
    "read_bytes",
    "read_header",
    "read_json",
    "read_npy",
    "read_yaml",
    "unreadable",
    "writable_folder",
    "write_whole",
    "writing_remedy",
    "writing_to",
]
