"""A package of somebody else's, installed as pip leaves it: a module, and metadata that names its entry points."""

from pathlib import Path

MODULE = '''
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import medunlearn


class Softened(medunlearn.Unlearner):
    """Training towards the original's flattened answers on the forget set (Nobody, Journal of Examples 2026).

    Args:
        temperature: Divides the teacher's logits.
    """

    trainer_arguments = {"max_epochs": 3}
    uses = ("retain", "forget")
    cost = (1.67, 0.0)

    def __init__(self, *args, temperature: float = 2.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.temperature = temperature

    def images(self, epoch):
        return "all"

    def losses(self, batch):
        logits = self(batch.images).float()
        with torch.no_grad():
            soft = (self.teacher()(batch.images).float() / self.temperature).softmax(1)
        forget = F.cross_entropy(logits, soft, reduction="none")
        return torch.where(batch.forget, forget, F.cross_entropy(logits, batch.labels, reduction="none"))


def tiny_net(num_classes: int, in_channels: int = 3) -> nn.Module:
    """One convolution and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, num_classes),
    )


def surprise(predictions: medunlearn.Predictions) -> dict[str, float]:
    """Mean negative log-likelihood of each part (Shannon, 1948)."""
    return {
        name: -np.log(part.probs[np.arange(len(part.labels)), part.labels]).mean()
        for name in ("forget", "test")
        for part in [getattr(predictions, name)]
    }


def fails(predictions):
    """Never returns."""
    raise RuntimeError("no\\nluck")


def squares(size: int) -> medunlearn.ImageData:
    """Dark and bright squares."""
    def split(count):
        labels = np.arange(count) % 2
        return medunlearn.Split((labels[:, None, None] * np.full((size, size), 200)).astype(np.uint8), labels)

    return medunlearn.ImageData(split(32), split(8), split(12), num_classes=2, name="squares")


def greet(options):
    """Greet."""
    print("hello", *options)
    return 3
'''

ENTRY_POINTS = {
    "methods": {"softened": "plugged:Softened"},
    "backbones": {"tiny_net": "plugged:tiny_net"},
    "metrics": {"surprise": "plugged:surprise", "fails": "plugged:fails"},
    "datasets": {"squares": "plugged:squares"},
    "commands": {"greet": "plugged:greet"},
}


def install(
    folder: Path, entry_points: dict[str, dict[str, str]] = ENTRY_POINTS, module: str = MODULE, name: str = "plugged"
) -> Path:
    """Install a package into a folder of modules, which has to be on `sys.path`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(module)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = (
        f"[medunlearn.{group}]\n" + "".join(f"{key} = {value}\n" for key, value in found.items())
        for group, found in entry_points.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder
