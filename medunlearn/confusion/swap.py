"""Training images of two classes whose labels are swapped, and the folder of a study that keeps them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medunlearn.data.npz import ImageData
from medunlearn.data.writing import in_format
from medunlearn.errors import Fault, FileError, InputError, check_least
from medunlearn.files import exists, read_archive, unreadable, write_whole, writing_to
from medunlearn.runs import RunDir


@dataclass(frozen=True)
class Swap:
    """Which labels are swapped.

    Args:
        classes: The numbers of the two classes.
        share: Share of the training images of each that get the label of the other.
        seed: Seed of the draw.

    Raises:
        InputError: If a value is out of range.
    """

    classes: tuple[int, int]
    share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        one, other = self.classes
        if one == other:
            raise InputError(f"classes={one} {other}: name two classes")
        if not 0 < self.share < 1:
            raise InputError(f"share={self.share:g}: give a share between 0 and 1; some images must keep their labels")
        check_least("seed", self.seed)

    def drawn(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        """Return the rows whose labels are swapped, sorted, (n,): equally many of both classes.

        Args:
            labels: Of the training images, (N,).
            num_classes: Number of classes.

        Raises:
            InputError: If a class does not exist, or there are too few images to draw one.
        """
        rows = []
        for number in self.classes:
            if not 0 <= number < num_classes:
                raise InputError(f"classes={number}: the classes are 0 to {num_classes - 1}")
            rows.append(np.flatnonzero(labels == number))
        count = round(self.share * min(map(len, rows)))
        if not count:
            raise InputError(f"share={self.share:g}: of so few images none is drawn; give a larger share")
        rng = np.random.default_rng(self.seed)
        return np.sort(np.concatenate([rng.choice(own, count, replace=False) for own in rows]))

    def applied(self, data: ImageData, rows: np.ndarray) -> ImageData:
        """Return data in which the labels at `rows` are those of the other class."""
        labels = data.train.labels.copy()
        labels[rows] = sum(self.classes) - labels[rows]
        return replace(data, train=replace(data.train, labels=labels))


@dataclass(frozen=True)
class Folder:
    """The folder of a study: the data with swapped labels, the rows, and a run directory for each stage.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def data(self) -> Path:
        """The data in MedMNIST's format."""
        return self.path / "confused.npz"

    @property
    def rows(self) -> Path:
        """The forget set: the rows whose labels are swapped, one a line."""
        return self.path / "confused.txt"

    @property
    def table(self) -> Path:
        """What the study has found."""
        return self.path / "confusion.md"

    def make(self, data: ImageData, swap: Swap) -> np.ndarray:
        """Write the data and the rows unless they exist; return the rows whose labels are swapped.

        Args:
            data: The unchanged data.
            swap: Which labels are swapped.

        Raises:
            InputError: If the folder holds another study.
        """
        rows = swap.drawn(data.train.labels, data.num_classes)
        arrays, text = in_format(swap.applied(data, rows)), "".join(f"{row}\n" for row in rows).encode()
        if exists(self.data):
            self._check_same(arrays)
        with writing_to(self.path):
            if not exists(self.data):
                RunDir(self.path).write_arrays(self.data, arrays)
            write_whole(self.rows, text)
        return rows

    def _check_same(self, arrays: dict[str, np.ndarray]) -> None:
        """Reject data of another study, and unreadable data."""
        try:
            kept = read_archive(self.data)
        except (Fault, OSError) as error:
            problem = unreadable(error, "delete the folder, and the same command makes it again")
            raise FileError(f"out={self.path}: {self.data} {problem}") from None
        if set(kept) != set(arrays) or not all(np.array_equal(kept[name], arrays[name]) for name in arrays):
            raise InputError(
                f"out={self.path}: holds a study of other labels; give its settings, or name another folder by `--out`"
            )
