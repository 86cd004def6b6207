"""The images of a deletion request: how many, of whom, and which copies stay."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import counted


class Asked(NamedTuple):
    """What a request names."""

    train: int
    """Training images to forget, those of earlier requests included."""
    of: int
    """Training images in all."""
    val: int
    test: int
    requests: int
    """Requests that are answered together: this one and those before it."""
    exact: int
    """Forgotten images with an exact copy among the retained."""
    near: int
    batch_size: int

    @property
    def share(self) -> float:
        """Share of the training images."""
        return self.train / self.of

    @property
    def steps(self) -> int:
        """Steps of an epoch over the retained images."""
        return -(-(self.of - self.train) // self.batch_size)

    def lines(self) -> list[str]:
        """Return what is asked for, a sentence a line."""
        number = f"{counted(self.train, 'training image')} of {self.of:,} ({100 * self.share:.2g} %)"
        before = f", {counted(self.requests - 1, 'earlier request')} included" if self.requests > 1 else ""
        found = [f"To forget: {number}{before}; left out of every figure: {self.val} validation and {self.test} test"]
        if self.exact or self.near:
            found.append(
                f"Copies: of {counted(self.exact + self.near, 'forgotten image')} another one is among the retained "
                f"({self.exact} exact, {self.near} near); what it teaches is not forgotten unless it is named too"
            )
        return found


def asked(data: Mapping[str, Any]) -> Asked:
    """Return what a request names.

    Args:
        data: Settings below `data`.

    Raises:
        InputError: If the images cannot be had, or no such forget set can be chosen.
    """
    module = MedMNISTDataModule(**data)
    module.require_forget_set()
    module.prepare_data()
    chosen, copies = module.forget_set, module.duplicates
    val, test = (len(chosen.dropped.get(split, ())) for split in ("val", "test"))
    sizes = (len(chosen.indices), len(module.data.train), val, test, max(1, len(chosen.requests)))
    return Asked(*sizes, len(copies.exact), len(copies.near), module.batch_size)
