"""A MONAI bundle's description of the model: `configs/metadata.json`, with the weights and the data's licence."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from medunlearn.exporting.checking import Examples
from medunlearn.exporting.licences import data_licence
from medunlearn.exporting.subject import Subject

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
MONAI = "1.4.0"
"""The MONAI release that the schema belongs to; MONAI itself is not needed."""
PURPOSE = "Research. Not for clinical use: no diagnosis or treatment may be based on it."


def write_monai(subject: Subject, folder: Path, to: Examples) -> dict[str, Any]:
    """Write `configs/metadata.json`, `models/model.pt` and `docs/data_license.txt` of a bundle.

    Args:
        subject: What is exported.
        folder: Folder of the bundle.
        to: Not used: weights are compared bit for bit.
    """
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir()
    state = {name: value.detach().contiguous() for name, value in subject.network.state_dict().items()}
    torch.save(state, folder / "models" / "model.pt")
    (folder / "configs" / "metadata.json").write_text(f"{json.dumps(metadata(subject), indent=4)}\n", encoding="utf-8")
    (folder / "docs" / "data_license.txt").write_text(f"{data_licence(subject.dataset)}\n", encoding="utf-8")
    return {"schema": SCHEMA.rpartition("/")[2]}


def metadata(subject: Subject) -> dict[str, Any]:
    """Return the content of `configs/metadata.json`."""
    versions: Mapping[str, Any] = subject.metrics.get("versions") or {}
    labels, own = subject.listed, subject.facts()
    return {
        "schema": SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported by medunlearn {own['medunlearn']}"},
        "monai_version": MONAI,
        "pytorch_version": str(versions.get("torch") or torch.__version__).partition("+")[0],
        "numpy_version": str(versions.get("numpy") or ""),
        "required_packages_version": {"torchvision": str(versions.get("torchvision") or "").partition("+")[0]},
        "supported_apps": {},
        "name": f"{subject.architecture} on {subject.data}",
        "task": f"Classification of 2D images into {len(subject.labels)} classes",
        "description": f"{subject.architecture}, {subject.role} ({own['method']}), on {subject.data}",
        "authors": "not stated",
        "copyright": "not stated",
        "data_source": subject.data,
        "data_type": "png",
        "image_classes": f"{subject.images.channels} channel(s), values in [0, 1]; normalised inside the network",
        "label_classes": labels,
        "pred_classes": labels,
        "eval_metrics": {
            name: subject.metrics[name] for name in ("TA", "UA", "RA", "MIA") if subject.metrics.get(name) is not None
        },
        "intended_use": PURPOSE,
        "references": [],
        "network_data_format": _formats(subject),
        "medunlearn": {name: value for name, value in own.items() if name.endswith("sha256")},
    }


def _formats(subject: Subject) -> dict[str, Any]:
    channels = {str(number): "image" for number in range(subject.images.channels)}
    image = {
        "type": "image",
        "format": "magnitude",
        "num_channels": subject.images.channels,
        "spatial_shape": [subject.size, subject.size],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": channels,
    }
    logits = {
        "type": "probabilities",
        "format": "classes",
        "num_channels": len(subject.labels),
        "spatial_shape": [1],
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": False,
        "channel_def": {str(number): name for number, name in enumerate(subject.labels)},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": logits}}
