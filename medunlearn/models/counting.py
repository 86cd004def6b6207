"""Counts the values in which two models differ, compared bit for bit."""

from collections.abc import Mapping

import torch
from torch import nn


def count_changed(
    model: nn.Module, weights: Mapping[str, torch.Tensor], mask: Mapping[str, torch.Tensor] | None = None
) -> int:
    """Return the number of parameter values in which a model differs, bit for bit, from other weights.

    Args:
        model: The model.
        weights: The weights that it is compared with, by parameter name.
        mask: Coordinates to count, True; by default all.
    """
    changed = 0
    for name, parameter in model.named_parameters():
        differs = _differs(parameter, weights[name])
        changed += int((differs if mask is None else differs & mask[name].to(differs.device)).sum())
    return changed


def count_statistics(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Return the number of a model's buffer values, and how many of them differ, bit for bit, from others.

    These are BatchNorm's running means and variances, which no mask holds; counters are left out.

    Args:
        model: The model.
        weights: The values that it is compared with, by name.
    """
    kept = {name: value for name, value in model.named_buffers() if name in weights and value.dtype == torch.float32}
    changed = sum(int(_differs(value, weights[name]).sum()) for name, value in kept.items())
    return {"statistics": sum(value.numel() for value in kept.values()), "statistics_changed": changed}


def _differs(value: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    # As bits: a NaN equals itself, and 0 does not equal -0.
    return value.detach().view(torch.int32) != before.to(value.device).view(torch.int32)
