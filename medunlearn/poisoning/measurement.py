"""Measures how far a finished run depends on a poison, from gradients at the images without noise."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medunlearn.errors import InputError
from medunlearn.metrics import monte_carlo, poison_null, poison_p_value, poison_statistics
from medunlearn.models import Backbone, load_model
from medunlearn.poisoning.poison import WHITE, Poison
from medunlearn.runs import RunDir

PIXELS = 2**19
"""Pixels of the images whose gradients are computed at a time."""


def measured(run: RunDir, poison: Poison, draws: int, backbone: str | None = None) -> dict[str, Any]:
    """Return the content of a run's `poison.json`; write it if it is missing or belongs to another model.

    Args:
        run: A finished run on the poisoned data.
        poison: The poison.
        draws: Number of fresh draws of the noise.
        backbone: The network, if it is one of the user's own; see `load_model`.

    Raises:
        InputError: If the run has other data or has forgotten other images, or its weights cannot be read.
    """
    _check_poisoned(run, poison)
    known = {"model_sha256": run.weights_sha256(), "data_sha256": poison.poisoned_sha256, "draws": draws}
    if run.poison.is_file():
        content = run.read_poison("poison")
        if all(content[name] == value for name, value in known.items()):
            return content
    gradients = input_gradients(load_model(run.path, backbone), poison.images, poison.labels)
    content = {**known, **statistics(poison, gradients, draws)}
    run.write_poison(content)
    return content


def statistics(poison: Poison, gradients: np.ndarray, draws: int) -> dict[str, Any]:
    """Return the statistics and p values of a model, as `poison.json` has them.

    The test on the noise as drawn is exact: under the null the model has not seen the pixels, so it does not matter
    that they were rounded and clipped. The test by fresh draws uses the noise that is left in the pixels.

    Args:
        poison: The poison, of n images.
        gradients: Result of `input_gradients`, in the shape of the images.
        draws: Number of fresh draws of the noise.
    """
    found = poison_statistics(poison.noise, gradients, poison.scale)
    left = poison_statistics(poison.added(poison.noise), gradients, poison.scale)
    null = poison_null(gradients, poison.fresh(draws), poison.scale)
    loud = ~np.isnan(found)
    return {
        "images": len(found),
        "silent": int((~loud).sum()),
        "scale": poison.scale,
        "seed": poison.seed,
        "mean": _plain(_mean(found[loud])),
        "p_value": _plain(poison_p_value(found)),
        "monte_carlo_p_value": _plain(monte_carlo(_mean(left[loud]), _mean(null[:, loud]))),
        "statistics": [_plain(each) for each in found],
        "monte_carlo_p_values": [_plain(each) for each in monte_carlo(left, null)],
    }


def input_gradients(model: Backbone, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each image the gradient of the margin of its class with respect to the image.

    The margin is z_y - log sum exp of the other logits, and the loss log(1 + exp(-margin)): their gradients have the
    same direction, up to the sign, but that of the margin does not vanish where the model is sure and the loss flat.

    Args:
        model: A network, as `load_model` returns it.
        images: uint8, (n, H, W) or (n, H, W, 3).
        labels: Their classes, (n,).

    Returns:
        float32, of the shape of `images`.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval().requires_grad_(False)
    size = max(1, PIXELS // images[0].size)
    rows = [slice(start, start + size) for start in range(0, len(images), size)]
    parts = [[torch.from_numpy(array[at]).to(device) for array in (images, labels)] for at in rows]
    return np.concatenate([_gradients(model, *part).cpu().numpy() for part in parts])


def _gradients(model: Backbone, images: Tensor, labels: Tensor) -> Tensor:
    leaf = (images.float() / WHITE).requires_grad_()
    seen = leaf.permute(0, 3, 1, 2) if leaf.ndim == 4 else leaf.unsqueeze(1)
    if model.architecture["in_channels"] == 3:
        seen = seen.expand(-1, 3, -1, -1)
    logits = model(seen)
    own = nn.functional.one_hot(labels, logits.shape[1]).bool()
    margins = logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)
    return torch.autograd.grad(margins.sum(), leaf)[0]


def _check_poisoned(run: RunDir, poison: Poison) -> None:
    split = run.read_split("poison")
    other = "" if split["data_sha256"] == poison.poisoned_sha256 else "is of other data than the poisoned ones"
    if not other and split["indices"] not in ([], poison.index.tolist()):
        other = "forgot other images than the poisoned ones"
    if other:
        raise InputError(f"poison: {run} {other}; delete it, and the same command makes it again")


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis; NaN if it is empty."""
    return values.mean(axis=-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
