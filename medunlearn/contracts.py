"""Interfaces between data, methods and evaluation, so that none of them imports another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, Self

import numpy as np

from medunlearn.signatures import check_names

if TYPE_CHECKING:  # modules that read runs need `Role`, but not torch, which takes seconds to import
    from lightning.pytorch import Trainer
    from torch import Tensor, nn

    from medunlearn.timing import Stopwatch

Preset = Literal["NoAug", "Default", "Default+RandAugment"]
"""Augmentation: none; random crop and horizontal flip; the same and RandAugment(2, 9)."""

Role = Literal["original", "retrained", "unlearned"]
"""What a model is: it saw every image, it never saw the forget set, or it started from an original."""

Draw = Literal["all", "retain", "forget", "forget_then_retain", "paired", "paired_by_forget"]
"""Which images an epoch goes through: every image, the retain set alone, the forget set alone, first the forget set and
then the retain set, or both side by side: each step holds a retain batch and a forget batch, the shorter set cycled;
`paired_by_forget` is the same, but ends with one pass over the forget set, however long the retain set is."""

Part = Literal["retain", "forget", "val"]
"""Parts that a method may read besides its training batches; not the test set, which must not affect a model."""


class Batch(NamedTuple):
    """One process's share, b images, of a global batch of B images.

    Everything random about a batch is drawn with it, from the seed, the epoch and the number of the batch, for the
    whole global batch. So it does not depend on the device, the processes or the workers, and a resumed run draws what
    the uninterrupted run would have drawn.
    """

    images: Tensor
    """(b, channels, H, W): uint8 as fetched, float in [0, 1] once on the device."""
    labels: Tensor
    """(b,) int64: the true classes."""
    rows: Tensor
    """(b,) int64: index of each image in its split."""
    forget: Tensor
    """(b,) bool: whether the image is in the forget set."""
    weight: Tensor
    """(b,): weight of each image's loss, `world_size / B`: summing in each process and averaging over processes gives
    the mean over the global batch; with the draws `paired` and `paired_by_forget`, the mean over its retained images
    plus the mean over its forgotten ones. 0 for an image that only fills an empty share."""
    uniform: Tensor
    """(b,) in [0, 1): one random number per image, for methods such as random labels."""
    draws: Any
    """The parameters of the augmentation; None for no augmentation."""
    second: Any = None
    """(b, channels, H, W): a second augmented view of the same images, once on the device, where a method asks for two
    (`views`); as fetched, the parameters of its augmentation."""


class KeepsArguments:
    """Records the arguments of its constructor, so that a run started from Python can save them.

    Attributes may differ from the arguments in name, form or value; `__new__` is given the same arguments as
    `__init__`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record the arguments before `__init__` gets them, and reject unknown ones."""
        check_names(cls, kwargs)
        built = super().__new__(cls)
        vars(built).update(_args=args, _kwargs=kwargs, _undrawn_seed=undrawn_seed())
        return built

    def arguments(self) -> dict[str, Any]:
        """Return every argument by name, defaults included."""
        signature = inspect.signature(type(self).__init__)
        bound = signature.bind(self, *vars(self)["_args"], **vars(self)["_kwargs"])
        bound.apply_defaults()
        found: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                found |= value
            elif signature.parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL:
                found[name] = value
        return found

    @property
    def built_from_seed(self) -> int | None:
        """The seed, if no random number had been drawn before construction; otherwise None."""
        seed: int | None = vars(self)["_undrawn_seed"]
        return seed


NOT_PLAIN = object()
"""Returned by `plain` for a value that YAML and JSON cannot hold."""


def plain(value: Any) -> Any:
    """Return a value in a form that YAML and JSON can hold, or `NOT_PLAIN`.

    Paths become text, tuples become lists, and dataclasses become mappings; one part that cannot be held makes the
    whole `NOT_PLAIN`.

    Example:
        >>> plain({"milestones": (1, 2), "folder": Path("a")})
        {'milestones': [1, 2], 'folder': 'a'}
        >>> plain([1, object()]) is NOT_PLAIN
        True
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        items = {str(key): plain(item) for key, item in value.items()}
        return NOT_PLAIN if NOT_PLAIN in items.values() else items
    if isinstance(value, (list, tuple)):
        listed = [plain(item) for item in value]
        return NOT_PLAIN if NOT_PLAIN in listed else listed
    if isinstance(value, Path):
        return str(value)
    return value if value is None or type(value) in (bool, int, float, str) else NOT_PLAIN


def undrawn_seed() -> int | None:
    """Return the seed of PyTorch's generator if nothing has been drawn from it yet, else None."""
    import torch

    seed = torch.initial_seed()
    fresh = torch.Generator().manual_seed(seed).get_state()
    return seed if torch.equal(fresh, torch.get_rng_state()) else None


class UnlearningData(Protocol):
    """Interface of the data module for methods and callbacks."""

    seed: int
    batch_size: int
    stopwatch: Stopwatch

    @property
    def data_name(self) -> str:
        """The display name of the data."""

    @property
    def num_classes(self) -> int:
        """Number of classes C."""

    @property
    def forget_indices(self) -> np.ndarray:
        """The forget set as sorted indices into the training set, shape (F,)."""

    @property
    def retain_indices(self) -> np.ndarray:
        """The retain set as sorted indices into the training set, shape (N - F,)."""

    @property
    def in_channels(self) -> int:
        """Channels of the images that a model sees."""

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""

    def split_record(self) -> dict[str, Any]:
        """Return the content of `split.json`."""

    def train_on(self, images: Callable[[int], Draw], epochs: int, views: int = 1) -> None:
        """Set which images each training epoch goes through, and how many augmented views of each a batch holds."""

    def steps(self, epoch: int) -> int:
        """Return how many global batches an epoch has."""

    def smallest_batch(self) -> int:
        """Return how many images the smallest training batch holds, over all processes."""

    def require_forget_set(self) -> None:
        """Reject data without a forget set."""

    def part_dataloader(self, part: Part, augmentation: Preset = "NoAug", at: Tensor | None = None) -> Iterable[Batch]:
        """Return a part of the data in order, or its images at the positions `at`, each once over all processes."""

    def statistics_dataloader(self) -> Iterable[Batch]:
        """Return the retain set in whole batches, different ones in each process."""

    def evaluation_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Return every image once, by part, without augmentation."""


class UnlearningModule(Protocol):
    """Interface of a method for callbacks."""

    role: Role
    trainer_arguments: ClassVar[dict[str, Any]]
    reads_validation: ClassVar[bool]
    trained_elsewhere: ClassVar[bool]
    diverged: ClassVar[tuple[str, str]]
    backbone: nn.Module
    original: Path | None
    num_classes: int
    stopwatch: Stopwatch
    mask: dict[str, Tensor] | None
    views: int

    @property
    def datamodule(self) -> UnlearningData:
        """The data of the run."""

    def images(self, epoch: int) -> Draw:
        """Return which images an epoch goes through."""

    def checked_images(self, epoch: int) -> Draw:
        """Return the same after checking it against the method's role."""

    def check_run(self, trainer: Trainer) -> None:
        """Reject settings that the method cannot run with, before anything is written."""

    def finish(self) -> None:
        """Bring the model into the state that is measured and saved."""

    def facts(self) -> dict[str, float | str]:
        """Return the method's own entries for `metrics.json`."""

    def departures(self) -> dict[str, Any]:
        """Return the arguments that differ from the method's defaults."""
