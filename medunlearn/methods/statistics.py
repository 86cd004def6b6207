"""Running statistics of BatchNorm: freezes them during training, or recalibrates them for fixed weights."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from medunlearn.errors import InputError

Reduce = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Tensor], summed: Reduce = dict) -> None:
    """Replace the running statistics by their plain average over batches.

    Each batch has equal weight. Only BatchNorm is in training mode, so dropout is inactive.

    Args:
        model: The model; its modes are restored afterwards.
        batches: Images (b, channels, H, W).
        summed: Returns the sum over all processes of tensors by name, where each process has batches of its own.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm) and layer.running_mean is not None]
    modes = [(module, module.training) for module in model.modules()]
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # selects PyTorch's cumulative average
        layer.train()
    for images in batches:
        model(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        _average(layer, summed)
    for module, training in modes:
        module.training = training


def hold_statistics(model: nn.Module) -> None:
    """Put every layer with running statistics into evaluation mode: it uses them and does not update them.

    Args:
        model: The model; the other layers keep their mode.
    """
    for layer in model.modules():
        if isinstance(layer, _NormBase) and layer.running_mean is not None:
            layer.training = False


def check_choice(freeze: object, refresh: object) -> None:
    """Reject settings that both freeze and refresh the statistics."""
    if freeze and refresh:
        raise InputError(
            "freeze_statistics=true: contradicts refresh_statistics=true; keep one of them", part="model.init_args"
        )


def check_layers(model: nn.Module, processes: int, sync_batchnorm: bool = False) -> None:
    """Reject synchronised BatchNorm with several processes: ranks have different numbers of batches and would deadlock.

    Args:
        model: The model.
        processes: Number of processes.
        sync_batchnorm: Whether the Trainer will convert BatchNorm to synchronised BatchNorm.
    """
    waits = sync_batchnorm or any(isinstance(module, nn.SyncBatchNorm) for module in model.modules())
    if processes > 1 and waits:
        raise InputError(
            "refresh_statistics=true: does not work with trainer.sync_batchnorm on several processes; "
            "leave one of them out",
            part="model.init_args",
        )


def _average(layer: _BatchNorm, summed: Reduce) -> None:
    """Average the statistics of all processes, each weighted by its number of batches."""
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert layer.num_batches_tracked is not None
    count = layer.num_batches_tracked.double()
    found = summed({"mean": layer.running_mean * count, "var": layer.running_var * count, "count": count})
    if found["count"] > 0:
        layer.running_mean.copy_(found["mean"] / found["count"])
        layer.running_var.copy_(found["var"] / found["count"])
    layer.num_batches_tracked.copy_(found["count"])
