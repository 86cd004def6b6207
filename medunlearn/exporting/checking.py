"""Compares exported files with the model itself, on the run's own images if they are available."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from medunlearn.data.loading import evaluation_batch
from medunlearn.data.of_run import images_of
from medunlearn.errors import InputError, RunError, counted
from medunlearn.exporting.subject import Subject
from medunlearn.runs.split import dropped_of

MOST = 1000
"""Images that are compared."""
CLOSE = 1e-4
"""Largest allowed difference of logits."""
LARGE = 100.0
"""Above this, float32 has too few digits for `CLOSE`: the largest allowed relative difference is `CLOSE / LARGE`."""


class Examples(NamedTuple):
    """Images to compare models on."""

    images: Tensor
    """(N, channels, H, W), float32 in [0, 1]."""
    what: str
    """Description of the images, as in "1,000 test images"."""
    logits: Tensor
    """(N, C): the logits of the model itself."""


def examples(subject: Subject, file: Path | None = None) -> Examples:
    """Return test images of the run's data, else validation images; random ones if the data are not available.

    Args:
        subject: What is exported.
        file: The data file, where it has moved since the run was made.

    Raises:
        InputError: If a file is given that is not the run's data.
    """
    found = _own_images(subject, file)
    if found is None:
        rng = torch.Generator().manual_seed(0)
        images, what = torch.rand(MOST // 10, *subject.shape, generator=rng), "random image"
    else:
        images, what = found
    with torch.inference_mode():
        logits = torch.cat([subject.network(each) for each in _batches(images)])
    return Examples(images, counted(len(images), what), logits)


def compared(answers: Callable[[Tensor], Any], to: Examples, name: str) -> dict[str, Any]:
    """Return how far the exported file's outputs are from the model's.

    Args:
        answers: Returns logits (n, C) of images (n, channels, H, W).
        to: The images and the model's own logits.
        name: What was exported, for the error.

    Raises:
        InputError: If a class differs, or logits differ by `CLOSE` or more; above `LARGE`, by a millionth of the
            largest or more.
    """
    found = np.concatenate([np.asarray(answers(each)) for each in (*_batches(to.images), to.images[:1])])
    own = torch.cat([to.logits, to.logits[:1]]).numpy()  # also in a batch of one image
    furthest = float(np.abs(found - own).max())
    other = int((found.argmax(axis=1) != own.argmax(axis=1)).sum())
    allowed = CLOSE * max(1.0, float(np.abs(own).max()) / LARGE)
    if other or not furthest < allowed:
        raise RunError(
            f"format={name}: what was exported is not the model: on {to.what}, {counted(other, 'class')} differ and "
            f"logits are up to {furthest:.1e} apart ({allowed:.1e} is allowed); choose another format"
        )
    return {"images": to.what, "largest_difference": furthest}


def _batches(images: Tensor) -> tuple[Tensor, ...]:
    return torch.split(images, evaluation_batch(images.shape[-1]))


def _own_images(subject: Subject, file: Path | None) -> tuple[Tensor, str] | None:
    """Return images of the run's data and their description; None if the data are not available."""
    try:
        data = images_of(subject.run, "run", file, **({} if file else {"download": False}))
    except (InputError, OSError):
        if file is not None:
            raise
        return None
    if data.sha256 != subject.metrics.get("data_sha256"):
        if file is not None:
            raise InputError(f"file={file}: its images are not the run's; give its data file, or none")
        return None
    name = "test" if len(data.test) else "val"
    split, what = getattr(data, name), "test image" if name == "test" else "validation image"
    left_out = dropped_of(subject.run.read_split("run")).get(name, np.empty(0, np.int64))
    kept = np.setdiff1d(np.arange(len(split)), left_out)[:MOST]  # without images of patients who withdrew
    rows = torch.from_numpy(np.array(split.images[kept]))
    rows = rows.permute(0, 3, 1, 2) if rows.ndim == 4 else rows.unsqueeze(1)
    return rows.float().div(255).expand(-1, subject.images.channels, -1, -1).contiguous(), what
