"""The images of a deletion request: their number, their patients, and copies of them in the retain set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import counted


class Asked(NamedTuple):
    """The images that a request names."""

    train: int
    """Training images to forget, those of earlier requests included."""
    of: int
    """Training images in all."""
    val: int
    test: int
    requests: int
    """Number of requests: this one and all earlier ones."""
    exact: int
    """Number of forgotten images with an exact copy in the retain set."""
    near: int
    batch_size: int

    @property
    def share(self) -> float:
        """Share of the training images that is to be forgotten, in [0, 1]."""
        return self.train / self.of

    @property
    def steps(self) -> int:
        """Number of steps of an epoch over the retain set."""
        return -(-(self.of - self.train) // self.batch_size)

    def lines(self) -> list[str]:
        """Return a description of the request, one sentence per line."""
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
    """Return the images that a request names.

    Args:
        data: Settings below `data`.

    Raises:
        InputError: If the images are not available, or the forget set is invalid.
    """
    module = MedMNISTDataModule(**data)
    module.require_forget_set()
    module.prepare_data()
    chosen, copies = module.forget_set, module.duplicates
    val, test = (len(chosen.dropped.get(split, ())) for split in ("val", "test"))
    sizes = (len(chosen.indices), len(module.data.train), val, test, max(1, len(chosen.requests)))
    return Asked(*sizes, len(copies.exact), len(copies.near), module.batch_size)
