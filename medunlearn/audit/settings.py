"""Settings of an audit: non-members, bootstrap and seed."""

from dataclasses import dataclass
from typing import Literal

from medunlearn.errors import InputError, check_least

MOST_DRAWS = 100_000


@dataclass(frozen=True)
class Settings:
    """Settings of an audit.

    Args:
        nonmembers: The split that provides images which no model was trained on: `test` or `val`.
        draws: Draws of the bootstrap.
        seed: Seed of the bootstrap and of samples.

    Raises:
        InputError: If a value is out of range.

    Example:
        >>> Settings(draws=200).nonmembers
        'test'
    """

    nonmembers: Literal["test", "val"] = "test"
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.nonmembers not in ("test", "val"):
            raise InputError(f"nonmembers={self.nonmembers}: choose one of test, val")
        if not 1 <= self.draws <= MOST_DRAWS:
            raise InputError(f"draws={self.draws}: give a number from 1 to {MOST_DRAWS}")
        check_least("seed", self.seed)
