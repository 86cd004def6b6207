"""Predictions of a model within a Trainer, on all images or some, and the saved predictions of its original."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from medunlearn.contracts import Batch, UnlearningData, UnlearningModule
from medunlearn.errors import owned_by
from medunlearn.metrics import ARRAYS, LOGITS, Part, Predictions
from medunlearn.runs import RunDir
from medunlearn.runs.split import dropped_of, is_untested
from medunlearn.training.processes import share_buffers
from medunlearn.training.progress import passing


def predict(trainer: Trainer, module: LightningModule) -> Predictions:
    """Return the module's predictions on every image, each exactly once for any number of processes.

    In evaluation mode and, unless the caller has set autocast, in float32, as someone who loads the saved model would
    get them. Every process calls this.
    """
    return Predictions(**predict_parts(trainer, module, _method(module).datamodule.evaluation_dataloaders()))


@torch.inference_mode()
def predict_parts(trainer: Trainer, module: LightningModule, loaders: Mapping[str, Iterable[Batch]]) -> dict[str, Part]:
    """Return predictions on some images, by part, without any effect on the training that continues."""
    share_buffers(_method(module).backbone)
    with _undisturbed(module):
        module.eval()
        return {name: _predict_part(trainer, module, loader, name) for name, loader in loaders.items()}


def original_predictions(method: UnlearningModule, data: UnlearningData) -> Predictions | None:
    """Return the original's saved predictions, divided by this run's split.

    Test predictions are left out if this run has no test images, so that a tuning trial cannot use them.
    """
    if method.original is None:
        return None
    with owned_by("model.init_args", "original"):
        arrays = RunDir(method.original).read_predictions("original", Predictions.names())
    split = data.split_record()
    predictions = Predictions.from_arrays(arrays).split_by(data.forget_indices, dropped_of(split))
    return predictions.without_test() if is_untested(split) else predictions


def all_finite(network: nn.Module, predictions: Predictions) -> bool:
    """Return whether outputs and weights are finite: a network may turn NaN weights into finite outputs."""
    outputs = (array for name, array in predictions.to_arrays().items() if name.endswith(("probs", "logits")))
    weights = (value for value in network.state_dict().values() if value.is_floating_point())
    return all(np.isfinite(each).all() for each in outputs) and all(bool(value.isfinite().all()) for value in weights)


@contextmanager
def _undisturbed(module: LightningModule) -> Iterator[None]:
    """Restore each layer's mode and PyTorch's random state on exit: starting a loader draws a random number."""
    modes = [(layer, layer.training) for layer in module.modules()]
    with torch.random.fork_rng(devices=[module.device] if module.device.type == "cuda" else []):
        yield
    for layer, mode in modes:
        layer.training = mode


def _predict_part(trainer: Trainer, module: LightningModule, loader: Iterable[Batch], name: str) -> Part:
    outputs = [_no_rows(module)]
    for batch in passing(trainer, loader, f"Evaluation: {name}"):
        if len(batch.labels):  # a process may have no share of the last batch
            output = module.predict_step(trainer.strategy.batch_to_device(batch), 0)
            outputs.append(output)  # kept on the device: copying each batch would synchronise the host
    kept = ARRAYS if any(LOGITS not in output for output in outputs) else (*ARRAYS, LOGITS)
    local = {key: torch.cat([output[key] for output in outputs]).cpu().numpy() for key in kept}
    shares = _gather(local)
    order = np.argsort(np.concatenate([share["index"] for share in shares]), kind="stable")
    known = [key for key in (*ARRAYS, LOGITS) if all(key in share for share in shares)]
    arrays = {key: np.concatenate([share[key] for share in shares])[order] for key in known}
    return Part(*(arrays[key] for key in known))


def _no_rows(module: LightningModule) -> dict[str, Tensor]:
    """Return an empty output, so that an empty part has the right shapes."""
    empty = torch.empty(0, dtype=torch.int64, device=module.device)
    probs = torch.empty(0, _method(module).num_classes, device=module.device)
    return {"probs": probs, "labels": empty, "index": empty, LOGITS: probs}


def _gather(local: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [local]
    shares: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(shares, local)
    return shares


def _method(module: LightningModule) -> UnlearningModule:
    return cast(UnlearningModule, module)
