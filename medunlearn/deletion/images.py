"""The images of a deletion request: their number, their patients, and copies of them in the retain set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import counted

LISTED = 12
"""So many images are named one by one."""


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
    names: tuple[str, ...]
    """The images by split and row, as `train:12`."""

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
        more = len(self.names) - LISTED
        found.append(f"Images: {', '.join(self.names[:LISTED])}{f' and {more:,} more' if more > 0 else ''}")
        if self.exact or self.near:
            found.append(
                f"Copies: of {counted(self.exact + self.near, 'forgotten image')} another one is among the retained "
                f"({self.exact} exact, {self.near} near); what it teaches is not forgotten unless it is named too"
            )
        else:
            found.append("Copies: no retained image is a copy of a forgotten one, exact or near")
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
    rows = {"train": chosen.indices, **{split: chosen.dropped.get(split, ()) for split in ("val", "test")}}
    names = tuple(f"{split}:{row}" for split, found in rows.items() for row in found)
    train, val, test = (len(found) for found in rows.values())
    sizes = (train, len(module.data.train), val, test, max(1, len(chosen.requests)))
    return Asked(*sizes, len(copies.exact), len(copies.near), module.batch_size, names)
