"""The subject of an export: the model of a finished run, and facts on it without paths or names of persons."""

import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medunlearn.errors import RunError
from medunlearn.files import exists
from medunlearn.models import Backbone, load_model
from medunlearn.models.images import ImageFormat
from medunlearn.runs import RunDir
from medunlearn.runs.class_names import listed
from medunlearn.runs.commands import check_finished
from medunlearn.runs.record import role_of


class Classify(nn.Module):
    """The exported network; its input is called `images`, its output `logits`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, channels, H, W), float32 in [0, 1]."""
        return torch.as_tensor(self.network(images))


@dataclass(frozen=True)
class Subject:
    """The model of a finished run, and what its files state about it."""

    run: RunDir
    network: Backbone
    """In evaluation mode, in float32 on the CPU."""
    images: ImageFormat
    size: int
    """Height and width of its images in pixels."""
    labels: tuple[str, ...]
    """The names of its classes, in order; numbers if they have none."""
    metrics: dict[str, Any]
    hashes: dict[str, str]
    """SHA-256 of the run's files, and of its receipt if there is one."""

    @property
    def architecture(self) -> str:
        """The network's name."""
        return str(self.network.architecture.get("backbone", "resnet18"))

    @property
    def data(self) -> str:
        """The data's name, without a folder."""
        return str(self.metrics.get("data") or "data")

    @property
    def role(self) -> str:
        """The role of the model: original, retrained or unlearned."""
        return role_of(self.metrics)

    @property
    def dataset(self) -> str | None:
        """The name of the data set, such as a MedMNIST set; None for a data file."""
        settings = self.run.read_config("run").get("data") or {}
        return None if settings.get("file") else settings.get("dataset")

    @property
    def listed(self) -> str:
        """The classes in one line: their numbers, each with its name where they have any."""
        named = self.network.class_names is not None
        return listed(self.labels) if named else ", ".join(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return self.images.channels, self.size, self.size

    def facts(self) -> dict[str, str]:
        """Return the model's facts for formats with metadata as text."""
        architecture = self.network.architecture
        described = {key: value for key, value in architecture.items() if key not in ("mean", "std")}
        return {
            "architecture": json.dumps(described),
            "labels": json.dumps(dict(enumerate(self.labels))),
            "image_size": str(self.size),
            "channels": str(self.images.channels),
            "input": "images (N, channels, H, W), float32 in [0, 1]; normalised inside by mean and std",
            "mean": json.dumps(architecture["mean"]),
            "std": json.dumps(architecture["std"]),
            "role": self.role,
            "method": str(self.metrics.get("method")),
            "data": self.data,
            "medunlearn": importlib.metadata.version("medunlearn"),
            **self.hashes,
        }


def read_subject(path: str | Path, backbone: str | None = None) -> Subject:
    """Return the model of a finished run, after checking that its files are unaltered.

    Args:
        path: The run directory.
        backbone: The import path of its network, if that is one of the user's own; see `load_model`.

    Raises:
        InputError: If there is no such run, a file of it has changed, or the size of its images is not known.
    """
    run = RunDir.given(path, "run")
    check_finished(run, "run")
    network, metrics = load_model(run.path, backbone), run.read_metrics("run")
    assert network.image_format is not None
    if network.image_format.size is None:
        raise RunError(f"run={run}: its weights do not say the size of their images; run that stage again")
    network._forward_pre_hooks.clear()  # the check of images: a traced graph cannot depend on values
    network._forward_pre_hooks_with_kwargs.clear()
    names = network.class_names or tuple(map(str, range(network.image_format.num_classes)))
    size, images = network.image_format.size, network.image_format
    return Subject(run, network.requires_grad_(False), images, size, names, metrics, _hashes(run, metrics))


def _hashes(run: RunDir, metrics: dict[str, Any]) -> dict[str, str]:
    """Return the hashes that identify files, data and receipt."""
    found = {
        "model_sha256": run.weights_sha256(),
        "metrics_sha256": _sha256(run.metrics),
        "split_sha256": metrics.get("split_sha256"),
        "data_sha256": metrics.get("data_sha256"),
        "receipt_sha256": _sha256(run.path / "receipt.json"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _sha256(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if exists(file) else None
