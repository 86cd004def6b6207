"""Where the images of a run come from: a file, a MedMNIST set, or a data set by name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medunlearn.data.groups import Groups, read_groups
from medunlearn.data.medmnist import check_dataset, class_names_of, fetch, num_classes_of, read_dataset
from medunlearn.data.named import is_named, read_named
from medunlearn.data.npz import SPLITS, ImageData, read_npz
from medunlearn.errors import DataError, Fault, InputError
from medunlearn.runs.class_names import check_class_names


@dataclass(frozen=True)
class ImageSource:
    """Where images come from; the arguments are those of `MedMNISTDataModule`.

    Raises:
        InputError: If nothing is named, or arguments contradict each other.
    """

    dataset: str | None
    size: int
    root: Path
    download: bool
    file: Path | None
    num_classes: int | None
    class_names: Sequence[str] | None
    test: bool = True
    groups: Path | None = None

    def __post_init__(self) -> None:
        if self.file is None and self.dataset is None:
            raise InputError("data: no images named; set data.dataset, such as bloodmnist, or data.file")
        if self.file is None and self.num_classes is not None:
            raise InputError(
                f"num_classes={self.num_classes}: applies to data.file only; {self.dataset} has its own", "data"
            )
        if self.official:
            check_dataset(str(self.dataset), self.size)
        self._check_names(self.known_classes)

    @property
    def official(self) -> bool:
        """Whether they are those of a MedMNIST set, downloaded and checked."""
        return self.file is None and not is_named(self.dataset)

    @property
    def known_classes(self) -> int | None:
        """Number of classes, where it is known before anything is read."""
        return num_classes_of(str(self.dataset)) if self.official else self.num_classes

    @property
    def known_names(self) -> tuple[str, ...] | None:
        """Names of the classes, where they are known before anything is read."""
        if self.class_names is not None:
            return tuple(self.class_names)
        return class_names_of(str(self.dataset)) if self.official else None

    def fetch(self) -> None:
        """Download what is missing of a MedMNIST set."""
        if self.official:
            fetch(str(self.dataset), self.size, self.root, self.download)

    def read(self) -> ImageData:
        """Return the images, labels and names of classes; given names take precedence over those of the data.

        Raises:
            InputError: If they are not available, or there is not one name for each class.
        """
        if self.file is not None:
            return read_npz(self.file, self.num_classes, class_names=self.class_names, test=self.test)
        data = self._named()
        self._check_names(data.num_classes)
        return replace(data, class_names=self.known_names or data.class_names)

    def read_groups(self, data: ImageData, by: str) -> Groups | None:
        """Return the patient of each of these images; None without a table."""
        if self.groups is None:
            return None
        sizes = {split: len(getattr(data, split)) for split in SPLITS}
        sizes = {split: size for split, size in sizes.items() if size}  # no test image where a run does without them
        return read_groups(self.groups, by, sizes, self.dataset if self.official else None)

    def _named(self) -> ImageData:
        if self.official:
            return read_dataset(str(self.dataset), self.size, self.root, self.download, self.test)
        data = read_named(str(self.dataset), self.size, self.root, self.download)
        return data if self.test else data.without_test()

    def _check_names(self, num_classes: int | None) -> None:
        if self.class_names is not None:
            try:
                check_class_names(self.class_names, num_classes)
            except Fault as fault:
                raise DataError(str(fault), part="data") from None
