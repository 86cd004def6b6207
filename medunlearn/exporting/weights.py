"""Writes weights as safetensors, with architecture, labels and normalisation as metadata."""

from pathlib import Path
from typing import Any

import torch

from medunlearn.exporting.checking import Examples
from medunlearn.exporting.subject import Subject

NAME = "model.safetensors"


def write_safetensors(subject: Subject, folder: Path, to: Examples) -> dict[str, Any]:
    """Write the weights under torchvision's or the network's own names, and read them back.

    Args:
        subject: What is exported.
        folder: Folder of the file.
        to: Not used: weights are compared bit for bit.

    Returns:
        The number of tensors, all of them equal to the run's.
    """
    from safetensors.torch import load_file, save

    # The model is channels-last in training and may share memory between tensors: the format has neither.
    state = {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in _state(subject)}
    (folder / NAME).write_bytes(save(state, metadata={"format": "pt", **subject.facts()}))
    found = load_file(folder / NAME)
    if found.keys() != state.keys() or not all(torch.equal(found[name], state[name]) for name in state):
        raise ValueError(f"Expected {NAME} to hold the weights as they are, but it does not")
    return {"tensors": len(state), "equal": "bit for bit"}


def _state(subject: Subject) -> list[tuple[str, torch.Tensor]]:
    return list(subject.network.state_dict().items())
