"""The data of a run: images, forget set, and batches for training and evaluation."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from medunlearn.contracts import Batch, Draw, KeepsArguments, Part, Preset
from medunlearn.data.forgettable import Forgettable
from medunlearn.data.forgetting import ForgetSpec, as_spec
from medunlearn.data.loading import ImageDataset, augmented, check_loading, check_views, evaluation_batch, make_loader
from medunlearn.data.npz import Split
from medunlearn.data.sampling import PAIRED, DistributedBatchSampler, check_draw, draw_groups
from medunlearn.data.source import ImageSource
from medunlearn.errors import InputError
from medunlearn.files import expanded
from medunlearn.timing import Stopwatch


class MedMNISTDataModule(KeepsArguments, Forgettable, LightningDataModule):
    """A MedMNIST data set, or a file in its format, with its training set split into forget set and retain set.

    Args:
        dataset: Name of a single-label 2-D MedMNIST set, such as `bloodmnist`, or another that `medunlearn list` has.
        size: Height and width of its images in pixels: 28, 64, 128 or 224.
        root: Directory of the downloaded files.
        download: Download what `root` lacks.
        file: A .npz file in MedMNIST's format, used instead of `dataset` and `size`.
        num_classes: Number of classes of `file` only; by default one more than its largest training label.
        class_names: A name for each class, in the order of the labels; by default those of the data, from MedMNIST's
            list or an array `class_names` in `file`.
        as_rgb: Repeat gray images to three channels.
        augmentation: NoAug, Default (random crop with padding 4, horizontal flip) or Default+RandAugment (also
            RandAugment(2, 9)). For training only; evaluation does not augment.
        batch_size: Global batch size, shared out over the processes.
        num_workers: Worker processes that fetch batches; 0 is quickest, since the images lie in memory.
        forget: The forget set.
        test: Read the test images. Without them TA is null, as is MIA unless `nonmembers` is val; `file` may lack them.
        groups: A .csv with the patient of each image, for `forget.groups` and figures by patient: the one that
            `medunlearn import` wrote, or MedMNIST's own; see `medunlearn.data.groups.read_groups`.

    Raises:
        InputError: If the data are not available, or arguments contradict each other.
    """

    def __init__(
        self,
        dataset: str | None = None,
        size: int = 64,
        root: Path = Path("data"),
        download: bool = True,
        file: Path | None = None,
        num_classes: int | None = None,
        class_names: list[str] | None = None,
        as_rgb: bool = True,
        augmentation: Preset = "Default",
        batch_size: int = 256,
        num_workers: int = 0,
        forget: ForgetSpec = ForgetSpec(),  # noqa: B008  frozen, so it may be shared
        test: bool = True,
        groups: Path | None = None,
    ) -> None:
        super().__init__()
        path, root = None if file is None else expanded(file, "file", "data"), expanded(root, "root", "data")
        table = None if groups is None else expanded(groups, "groups", "data")
        self.source = ImageSource(dataset, size, root, download, path, num_classes, class_names, test, table)
        check_loading(augmentation, batch_size, num_workers)
        self.file, self.size, self.as_rgb, self.augmentation = path, size, as_rgb, augmentation
        self.batch_size, self.num_workers = batch_size, num_workers
        self.forget = as_spec(forget)
        self.seed = torch.initial_seed() % 2**32  # that of seed_everything; PyTorch's own has 64 bits
        self.stopwatch = Stopwatch()
        self._images: Callable[[int], Draw] = lambda epoch: "all"
        self._draws: list[Draw] = ["all"]
        self._views = 1

    def prepare_data(self) -> None:
        """Download missing files, once per machine."""
        if self.source.official:
            with self.stopwatch.measure("download"):
                self.source.fetch()

    def setup(self, stage: str | None = None) -> None:
        """Read the images and choose the forget set. Does nothing the second time."""
        _ = self.forget_set

    def train_on(self, images: Callable[[int], Draw], epochs: int = 1, views: int = 1) -> None:
        """Set which images each training epoch goes through.

        Args:
            images: Returns the draw of an epoch.
            epochs: Number of epochs whose draws are checked now; later ones are checked when they begin.
            views: How many augmented views of each image a training batch holds: 1 or 2.

        Raises:
            InputError: If a draw is unknown, or impossible with these data.
        """
        self._views = check_views(views, self.augmentation)
        self._images, self._draws = images, list(dict.fromkeys(map(images, range(max(1, epochs)))))
        for draw in self._draws:
            check_draw(draw, self.batch_size)
            if draw != "all":
                self.require_forget_set()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the augmented training batches of the next epoch."""
        # If a run is resumed after a complete epoch, `trainer.current_epoch` is still the number of that epoch.
        epoch = cast(Any, self.trainer).fit_loop.epoch_progress.current.processed if self.trainer else 0
        sampler = self._epoch_sampler(epoch)
        return self._loader(self.data.train, sampler, self.augmentation, self.num_workers, self._views)

    def steps(self, epoch: int) -> int:
        """Return how many global batches an epoch has."""
        return len(self._epoch_sampler(epoch))

    def smallest_batch(self) -> int:
        """Return how many images the smallest training batch holds, over all processes."""
        return min(self._draw_sampler(draw).smallest_batch() for draw in self._draws)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation images in order."""
        return self._in_order(self.data.val, self._kept("val"))

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test images in order."""
        return self._in_order(self.data.test, self._kept("test"))

    predict_dataloader = test_dataloader

    def part_dataloader(self, part: Part, augmentation: Preset = "NoAug", at: Tensor | None = None) -> Iterable[Batch]:
        """Return a part of the data in order, or its images at the positions `at` (n,), augmented only on request."""
        if part not in get_args(Part):
            raise InputError(f"part={part!r}: unknown; choose one of {', '.join(get_args(Part))}")
        split = self.data.val if part == "val" else self.data.train
        rows = self._kept("val") if part == "val" else torch.from_numpy(getattr(self, f"{part}_indices"))
        return self._in_order(split, rows if at is None else rows[at], augmentation)

    def evaluation_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Return every image once, without augmentation, by the part it belongs to."""
        parts: dict[str, Iterable[Batch]] = {part: self.part_dataloader(part) for part in ("forget", "retain")}
        return parts | {"test": self.test_dataloader(), "val": self.val_dataloader()}

    def statistics_dataloader(self) -> DataLoader[Batch]:
        """Return the retain set, augmented as in training, in whole batches of similar size, others in each process."""
        retain = torch.from_numpy(self.retain_indices)
        batches = torch.tensor_split(retain, -(-len(retain) // self.batch_size))
        return self._loader(self.data.train, self._sampler(batches, self.batch_size, whole=True), self.augmentation)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        """Augment a batch that carries draws, and make its images float in [0, 1]; runs on the device."""
        second = None if batch.second is None else augmented(batch.images, batch.second, self.as_rgb)
        return batch._replace(images=augmented(batch.images, batch.draws, self.as_rgb), draws=None, second=second)

    def _epoch_sampler(self, epoch: int) -> DistributedBatchSampler:
        return self._draw_sampler(self._images(epoch))

    def _draw_sampler(self, draw: Draw) -> DistributedBatchSampler:
        check_draw(draw, self.batch_size)
        groups = draw_groups(draw, self.retain_indices, self.forget_indices)
        pairing = {"paired": draw in PAIRED, "by_last": draw == "paired_by_forget"}
        return self._sampler(groups, self.batch_size, seed=self.seed, fill=True, **pairing)

    def _sampler(self, groups: Sequence[Tensor], batch_size: int, **settings: Any) -> DistributedBatchSampler:
        if self.trainer:
            settings |= {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size}
        return DistributedBatchSampler(groups, batch_size, **settings)

    def _kept(self, name: str) -> Tensor:
        """Return the indices of a split's images that count in metrics."""
        return torch.from_numpy(self.forget_set.kept(name, len(getattr(self.data, name))))

    def _in_order(self, split: Split, rows: Tensor, augmentation: Preset = "NoAug") -> DataLoader[Batch]:
        batch_size = evaluation_batch(self.image_size) * (self.trainer.world_size if self.trainer else 1)
        return self._loader(split, self._sampler([rows], batch_size), augmentation)

    def _loader(
        self, split: Split, sampler: DistributedBatchSampler, preset: Preset = "NoAug", workers: int = 0, views: int = 1
    ) -> DataLoader[Batch]:
        forget = np.isin(np.arange(len(split)), self.forget_indices) if split is self.data.train else None
        return make_loader(ImageDataset(split.images, split.labels, forget, preset, views), sampler, workers)
