"""Versions and hardware that a result depends on, for metrics.json."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = (
    "medunlearn",
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "medmnist",
    "scikit-learn",
    "numpy",
    "wandb",
    "jsonargparse",
)


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}


def hardware(device: torch.device) -> dict[str, str | int]:
    """Return device, processor or GPU of the run."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "name": name,
        "cpu": _processor(),
        "cpu_cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
    }


@cache  # each look-up takes milliseconds
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
