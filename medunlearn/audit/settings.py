"""What an audit may choose: non-members, bootstrap, seed, and who an image belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from medunlearn.errors import InputError, check_least

MOST_DRAWS = 100_000


@dataclass(frozen=True)
class Settings:
    """Settings of an audit.

    Args:
        nonmembers: Where images come from that no model has been trained on: `test` or `val`.
        draws: Draws of the bootstrap.
        seed: Seed of the bootstrap and of samples.
        groups: By split (`train`, `val`, `test`), the patient of each image by its place in the split; intervals are
            then drawn by patient.

    Raises:
        InputError: If a value is out of range.

    Example:
        >>> Settings(draws=200).nonmembers
        'test'
    """

    nonmembers: Literal["test", "val"] = "test"
    draws: int = 1000
    seed: int = 0
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.nonmembers not in ("test", "val"):
            raise InputError(f"nonmembers={self.nonmembers}: choose one of test, val")
        if not 1 <= self.draws <= MOST_DRAWS:
            raise InputError(f"draws={self.draws}: give a number from 1 to {MOST_DRAWS}")
        check_least("seed", self.seed)

    def groups_of(self, split: str, rows: np.ndarray) -> np.ndarray | None:
        """Return the patient of each of some images of a split; None where patients are not known."""
        known = self.groups.get(split)
        return None if known is None else known[rows]
