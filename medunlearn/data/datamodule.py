from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from medunlearn.contracts import Batch, Preset, TrainingPart
from medunlearn.data.augmentation import PRESETS, augment
from medunlearn.data.forgetting import ForgetSpec, choose_forget_set
from medunlearn.data.loading import DealtBatches, ImageDataset, make_loader
from medunlearn.data.medmnist import ImageData, Split, check_dataset, fetch, num_classes_of, read_dataset, read_npz
from medunlearn.data.named import is_named, read_named
from medunlearn.errors import InputError
from medunlearn.runs import split_sha256
from medunlearn.timing import Stopwatch

EVALUATION_PIXELS = 2**19
"""Pixels that a process evaluates at a time: 128 images at 64x64, enough to fill the hardware; in float32 and with
gradients, as the saliency mask needs them, they take the memory that 256 take in bfloat16 training."""

EVALUATION_IMAGES = 1024
"""At most so many images at a time, however small: more only leave the processor's caches."""


class MedMNISTDataModule(LightningDataModule):
    """A MedMNIST data set, or a file in its format, split into what is to be forgotten and what is retained.

    Args:
        dataset: Name of a single-label 2-D MedMNIST set, such as `bloodmnist`, or another that `medunlearn list` has.
        size: Height and width of its images in pixels: 28, 64, 128 or 224.
        root: Directory of the downloaded files.
        download: Download what `root` lacks.
        file: A .npz file in MedMNIST's format, used instead of `dataset` and `size`.
        num_classes: Number of classes of `file` alone; by default one more than its largest training label.
        as_rgb: Repeat gray images to three channels.
        augmentation: NoAug, Default (random crop with padding 4, horizontal flip) or Default+RandAugment (and
            RandAugment(2, 9)). For training only: evaluation sees the images as they are.
        batch_size: Global batch size, shared out over the processes.
        num_workers: Worker processes that fetch batches; 0 is quickest, since the images lie in memory.
        forget: The forget set.

    Raises:
        InputError: If the data cannot be had or do not fit together.
    """

    def __init__(
        self,
        dataset: str | None = None,
        size: int = 64,
        root: Path = Path("data"),
        download: bool = True,
        file: Path | None = None,
        num_classes: int | None = None,
        as_rgb: bool = True,
        augmentation: Preset = "Default",
        batch_size: int = 256,
        num_workers: int = 0,
        forget: ForgetSpec = ForgetSpec(),  # noqa: B008  frozen, so it may be shared
    ) -> None:
        super().__init__()
        if file is None and dataset is None:
            raise InputError("data: no images named; set data.dataset, such as bloodmnist, or data.file")
        if file is None and num_classes is not None:
            raise InputError(f"data.num_classes={num_classes}: goes with data.file alone; {dataset} has its own")
        if augmentation not in PRESETS:
            raise InputError(f"data.augmentation={augmentation}: unknown preset; choose one of {', '.join(PRESETS)}")
        if batch_size < 1:
            raise InputError(f"data.batch_size={batch_size}: give a whole number of 1 or more")
        if num_workers < 0:
            raise InputError(f"data.num_workers={num_workers}: give a whole number of 0 or more")
        self.dataset, self.size, self.root, self.download = dataset, size, Path(root), download
        self.file = None if file is None else Path(file)
        if self._official:
            check_dataset(str(dataset), size)
        self.stated_classes = num_classes
        self.as_rgb, self.augmentation = as_rgb, augmentation
        self.batch_size, self.num_workers = batch_size, num_workers
        self.forget = ForgetSpec(**forget) if isinstance(forget, dict) else forget
        self.seed = torch.initial_seed()  # what seed_everything set: one seed for the whole run
        self.stopwatch = Stopwatch()
        self.training_part: TrainingPart = "all"
        self._data: ImageData | None = None
        self._forget_indices: np.ndarray | None = None

    def prepare_data(self) -> None:
        """Download what is missing; once a machine."""
        if self._official:
            with self.stopwatch.measure("download"):
                fetch(str(self.dataset), self.size, self.root, self.download)

    def setup(self, stage: str | None = None) -> None:
        """Read the images and choose the forget set. Does nothing the second time."""
        if self._forget_indices is None:
            self._forget_indices = choose_forget_set(self.data.train.labels, self.num_classes, self.forget)

    @property
    def data(self) -> ImageData:
        """The images and labels, read when first asked for."""
        if self._data is None:
            with self.stopwatch.measure("reading"):
                self._data = self._read()
        return self._data

    @property
    def data_name(self) -> str:
        """The name of the data, for people."""
        return self.data.name

    @property
    def num_classes(self) -> int:
        """Number of classes C; known for a MedMNIST set before it is downloaded."""
        return num_classes_of(str(self.dataset)) if self._official else self.data.num_classes

    @property
    def in_channels(self) -> int:
        """Channels of the images that a model sees."""
        return 3 if self.as_rgb else self.data.channels

    @property
    def image_size(self) -> int:
        """Height and width of the images; those of a MedMNIST set are known before it is downloaded."""
        return self.data.size if self.file is not None else self.size

    @property
    def _official(self) -> bool:
        return self.file is None and not is_named(self.dataset)

    @property
    def forget_indices(self) -> np.ndarray:
        """The forget set as sorted indices into the training set, shape (F,)."""
        self.setup()
        assert self._forget_indices is not None
        return self._forget_indices

    @property
    def retain_indices(self) -> np.ndarray:
        """The rest of the training set, sorted, shape (R,)."""
        return np.flatnonzero(~self._forget_mask())

    def split_record(self) -> dict[str, Any]:
        """Return what `split.json` keeps: the forget set, how it was chosen, and the hashes that tie runs together."""
        return {
            "indices": self.forget_indices.tolist(),
            "how": self.forget.describe(),
            "seed": self.forget.seed,
            "train_size": len(self.data.train),
            "data_sha256": self.data.sha256,
            "sha256": split_sha256(self.data.sha256, self.forget_indices),
        }

    def train_on(self, part: TrainingPart) -> None:
        """Let a method say which images its training epochs go through.

        Raises:
            InputError: If it needs a forget set and there is none.
        """
        if part not in get_args(TrainingPart):
            raise ValueError(f"Expected argument `part` to be one of {get_args(TrainingPart)}, but got {part!r}")
        if part != "all":
            self.require_forget_set()
        self.training_part = part

    def require_forget_set(self) -> None:
        """Raise `InputError` where there is no forget set."""
        if not self.forget.given:
            raise InputError(
                "data.forget: this method needs a forget set and none is named; "
                "set one of data.forget.rate, data.forget.classes, data.forget.indices"
            )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the augmented training batches of the part that the method trains on."""
        return self._loader(self.data.train, self._training_groups(), augmentation=self.augmentation, training=True)

    def smallest_batch(self) -> int:
        """Return how many images the smallest training batch holds, over all processes."""
        lengths = [len(group) for group in self._training_groups() if len(group)]
        return min(min(length, self.batch_size, length % self.batch_size or self.batch_size) for length in lengths)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation images in order."""
        return self._loader(self.data.val)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test images in order."""
        return self._loader(self.data.test)

    predict_dataloader = test_dataloader

    def forget_dataloader(self, augmentation: Preset = "NoAug") -> DataLoader[Batch]:
        """Return the forget set in order, augmented only on request."""
        return self._loader(self.data.train, [torch.from_numpy(self.forget_indices)], augmentation=augmentation)

    def retain_dataloader(self, augmentation: Preset = "NoAug") -> DataLoader[Batch]:
        """Return the retain set in order, augmented only on request."""
        return self._loader(self.data.train, [torch.from_numpy(self.retain_indices)], augmentation=augmentation)

    def evaluation_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Return every image once, without augmentation, by the part it belongs to."""
        return {
            "forget": self.forget_dataloader(),
            "retain": self.retain_dataloader(),
            "test": self.test_dataloader(),
            "val": self.val_dataloader(),
        }

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        """Augment a batch that carries draws, and make its images float in [0, 1]; runs on the device."""
        images = augment(batch.images, batch.draws).float().div_(255)
        return batch._replace(images=self._as_model_sees(images), draws=None)

    def _as_model_sees(self, images: Tensor) -> Tensor:
        return images.expand(-1, 3, -1, -1) if self.as_rgb and images.shape[1] == 1 else images

    def _training_groups(self) -> list[Tensor]:
        retain, forget = torch.from_numpy(self.retain_indices), torch.from_numpy(self.forget_indices)
        groups: dict[TrainingPart, list[Tensor]] = {
            "all": [torch.arange(len(self.data.train))],
            "retain": [retain],
            "forget_then_retain": [forget, retain],
        }
        return groups[self.training_part]

    def _loader(
        self,
        split: Split,
        groups: list[Tensor] | None = None,
        augmentation: Preset = "NoAug",
        training: bool = False,
    ) -> DataLoader[Batch]:
        forget = self._forget_mask() if split is self.data.train else None
        processes = self.trainer.world_size if self.trainer else 1
        sampler = DealtBatches(
            [torch.arange(len(split))] if groups is None else groups,
            self.batch_size if training else processes * self._evaluation_batch(),
            seed=self.seed if training else None,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=processes,
            fill=training,
        )
        dataset = ImageDataset(split.images, split.labels, forget, augmentation)
        return make_loader(dataset, sampler, self.num_workers if training else 0)

    def _evaluation_batch(self) -> int:
        """Return how many images a process evaluates at a time, whatever the training's batch size."""
        return min(EVALUATION_IMAGES, max(1, EVALUATION_PIXELS // self.image_size**2))

    def _forget_mask(self) -> np.ndarray:
        mask = np.zeros(len(self.data.train), dtype=bool)
        mask[self.forget_indices] = True
        return mask

    def _read(self) -> ImageData:
        if self.file is not None:
            return read_npz(self.file, self.stated_classes)
        if not self._official:
            return read_named(str(self.dataset), self.size, self.root, self.download)
        return read_dataset(str(self.dataset), self.size, self.root, self.download)
