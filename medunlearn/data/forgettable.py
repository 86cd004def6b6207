"""Images with a forget set, independent of their use."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.data.duplicates import Duplicates, find_duplicates
from medunlearn.data.forgetting import RULES, ForgetSpec
from medunlearn.data.groups import Groups
from medunlearn.data.npz import ImageData
from medunlearn.data.requests import ForgetSet, forget_set, split_record
from medunlearn.data.source import ImageSource
from medunlearn.errors import DataError
from medunlearn.timing import Stopwatch


class Forgettable:
    """Images with a forget set, read on first access."""

    source: ImageSource
    forget: ForgetSpec
    file: Path | None
    size: int
    as_rgb: bool
    stopwatch: Stopwatch

    @cached_property
    def data(self) -> ImageData:
        """The images and labels."""
        with self.stopwatch.measure("reading"):
            return self.source.read()

    @cached_property
    def groups(self) -> Groups | None:
        """The group (patient) of each image; None without a table."""
        return self.source.read_groups(self.data, self.forget.group_by)

    @property
    def data_name(self) -> str:
        """The display name of the data."""
        return self.data.name

    @property
    def num_classes(self) -> int:
        """Number of classes C; known for a MedMNIST set before it is downloaded."""
        return (self.source.official and self.source.known_classes) or self.data.num_classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """A name for each class, in the order of the labels; None where they have none."""
        return None if self.data.class_names is None else tuple(self.data.class_names)

    @property
    def in_channels(self) -> int:
        """Channels of the images that a model sees."""
        return 3 if self.as_rgb else self.data.channels

    @property
    def image_size(self) -> int:
        """Height and width of the images; those of a MedMNIST set are known before it is downloaded."""
        return self.data.size if self.file is not None else self.size

    @property
    def forget_indices(self) -> np.ndarray:
        """The forget set as sorted indices into the training set, shape (F,)."""
        return self.forget_set.indices

    @cached_property
    def forget_set(self) -> ForgetSet:
        """The forget set, and what else is left out for withdrawn patients."""
        return forget_set(self.data, self.num_classes, self.forget, self.groups)

    @cached_property
    def duplicates(self) -> Duplicates:
        """Copies of forgotten images among the retained."""
        return find_duplicates(self.data.train.images, self.forget_indices, self.retain_indices)

    @property
    def retain_indices(self) -> np.ndarray:
        """The rest of the training set, sorted, shape (R,)."""
        return np.setdiff1d(np.arange(len(self.data.train)), self.forget_indices)

    def split_record(self) -> dict[str, Any]:
        """Return the content of `split.json`: the forget set, its rule, and the hashes that comparable runs share."""
        return split_record(self.data, self.forget.numbered(self.num_classes, self.class_names), self.forget_set)

    def require_forget_set(self) -> None:
        """Raise `InputError` if there is no forget set."""
        if not self.forget.given:
            remedy = f"set one of {', '.join(f'data.forget.{each}' for each in RULES)}"
            raise DataError(f"forget: this method needs a forget set and none is named; {remedy}", part="data")
