import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from medunlearn.errors import Fault, InputError
from medunlearn.files import check_checkpoint
from medunlearn.models.resnet import ResNet18
from medunlearn.runs import RunDir


def save_weights(model: ResNet18, path: Path, **extra: Any) -> None:
    """Write the weights of `model` and what is needed to build it again, in one atomic step.

    The file is a dict with `state_dict` (torchvision's parameter names), `architecture` and what `extra` adds; it loads
    with `torch.load(path, weights_only=True)`.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    content = io.BytesIO()
    torch.save({"state_dict": state, "architecture": model.architecture, **extra}, content)
    RunDir.write_bytes(path, content.getbuffer())


def read_weights(source: str | Path, argument: str = "original") -> dict[str, Any]:
    """Return the content of the weights file of a run directory, or of a weights file itself.

    Raises:
        InputError: If there is no such file, or it is not one that `save_weights` wrote.
    """
    path = RunDir(source).weights if Path(source).is_dir() else Path(source)
    try:
        check_checkpoint(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{argument}={source}: no weights at {path}; give the directory of a finished run") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        words = error.problem if isinstance(error, Fault) else type(error).__name__
        raise InputError(
            f"{argument}={source}: {path} cannot be read as weights ({words}); train that run again"
        ) from None
    parts = [content.get(key) for key in ("state_dict", "architecture")] if isinstance(content, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise InputError(f"{argument}={source}: {path} holds no weights of medunlearn; give a finished run's directory")
    _check_fits(content, f"{argument}={source}")
    return cast(dict[str, Any], content)


def load_weights(model: ResNet18, source: str | Path, argument: str = "original") -> None:
    """Load the weights of a run directory or a weights file into `model`.

    Raises:
        InputError: If they are missing, damaged, or of another architecture.
    """
    content = read_weights(source, argument)
    if content["architecture"] != model.architecture:
        raise InputError(
            f"{argument}={source}: its model is {_words(content['architecture'])}, this run's is "
            f"{_words(model.architecture)}; give a run of the same model and data"
        )
    model.load_state_dict(content["state_dict"])


def load_model(source: str | Path) -> ResNet18:
    """Return the model of a finished run, in evaluation mode; it takes images (N, channels, H, W) in [0, 1].

    Args:
        source: A run directory, or its `checkpoints/model.ckpt`.

    Raises:
        InputError: If there are no weights, or they are damaged.
    """
    model = ResNet18(**read_weights(source, "source")["architecture"])
    load_weights(model, source, "source")
    model.eval()
    return model


def count_changed(
    model: torch.nn.Module, weights: Mapping[str, torch.Tensor], mask: Mapping[str, torch.Tensor] | None = None
) -> int:
    """Return in how many coordinates of its parameters a model differs, bit for bit, from other weights.

    Args:
        model: The model.
        weights: The weights that it is compared with, by parameter name.
        mask: Coordinates to count, True; by default all.
    """
    changed = 0
    for name, parameter in model.named_parameters():
        before = weights[name].to(parameter.device)
        differs = parameter.detach().view(torch.int32) != before.view(torch.int32)  # a NaN equals itself, 0 not -0
        changed += int((differs if mask is None else differs & mask[name].to(differs.device)).sum())
    return changed


def _check_fits(content: dict[str, Any], source: str) -> None:
    """Refuse weights that are not those of the network that they name, before that takes any memory."""
    architecture, found = content["architecture"], content["state_dict"]
    try:
        if not all(type(value) in (int, float, str) for value in architecture.values()):
            raise TypeError("not numbers and words")
        with torch.device("meta"):
            expected = ResNet18(**architecture).state_dict()
    except (RuntimeError, TypeError, ValueError, OverflowError):
        raise InputError(f"{source}: names no ResNet-18 that can be built; train that run again") from None
    if found.keys() != expected.keys() or not all(_alike(found[name], value) for name, value in expected.items()):
        raise InputError(f"{source}: its weights do not fit a ResNet-18; train that run again")


def _alike(found: Any, expected: torch.Tensor) -> bool:
    """Return whether a tensor has another's form, and memory for every element: one number can pose as billions."""
    return (
        isinstance(found, torch.Tensor)
        and (found.shape, found.dtype, found.device.type) == (expected.shape, expected.dtype, "cpu")
        and found.layout == torch.strided
        and found.is_contiguous()
    )


def _words(architecture: dict[str, Any]) -> str:
    usual = {"mean": 0.5, "std": 0.5}  # as they nearly always are, they would only hide what differs
    return ", ".join(f"{key} {value}" for key, value in sorted(architecture.items()) if usual.get(key) != value)
