"""Checks files of weights before torch opens them."""

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault
from medunlearn.files.arrays import open_archive

MOST_BYTES = 2**20  # of the pickle that names the tensors; a ResNet-18's has some 20,000
GLOBALS = ("torch._utils _rebuild_tensor_v2", "collections OrderedDict")
FOREIGN = (*GLOBALS, "torch._utils _rebuild_parameter", "torch Size", "torch device")
"""What plain checkpoints of other programs import besides tensors; none of it runs code or takes memory."""
_IMPORTS = ("GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4")


def check_checkpoint(path: Path, known: tuple[str, ...] = GLOBALS, most: int = MOST_BYTES) -> None:
    """Reject a file that holds more than plain tensors, or declares more than it holds.

    `torch.load(weights_only=True)` runs no foreign code, but a few bytes can make it allocate any amount of memory:
    in a compressed archive, or through the harmless classes that it does build.

    Args:
        path: A file written by `torch.save`.
        known: Names that it may import besides tensors.
        most: Largest size in bytes of the pickle that names the tensors.

    Raises:
        Fault: If it is damaged, or possibly malicious.
        FileNotFoundError: If there is no such file.
    """
    path.stat()
    with open_archive(path) as archive:
        packed = [member.filename for member in archive.infolist() if member.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise Fault(f"{packed[0]} is compressed, as torch never writes it; train that run again")
        pickles = [member for member in archive.infolist() if member.filename.endswith(".pkl")]
        if len(pickles) != 1 or pickles[0].file_size > most:
            raise Fault("it is not a file of weights; train that run again")
        with archive.open(pickles[0]) as stream:
            content = stream.read()
        for operation, argument, _ in pickletools.genops(content):
            if operation.name in _IMPORTS and not _is_known(str(argument), known):
                raise Fault(f"it asks for {argument}, which is not a tensor; train that run again")


def _is_known(name: str, known: tuple[str, ...]) -> bool:
    return name in known or (name.startswith("torch ") and name.endswith("Storage") and "Untyped" not in name)


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the `state_dict` of a file of weights, by name, without building the network that it belongs to.

    Args:
        path: A file written by `medunlearn.models.save_weights`.

    Raises:
        Fault: If the file is damaged, or holds anything other than plain tensors.
        FileNotFoundError: If there is no such file.
    """
    import torch

    check_checkpoint(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise Fault(f"{type(error).__name__}; train that run again") from None
    tensors = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and _is_plain(value) for name, value in tensors.items()
    ):
        raise Fault("it holds no weights of medunlearn; train that run again")
    return tensors


def tensor_names(path: Path) -> list[str]:
    """Return the names of the tensors in any file of weights, including a bare `state_dict`; empty for other files.

    Args:
        path: A file written by `torch.save`; no code in it is run.
    """
    import torch

    try:
        check_checkpoint(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds for a damaged file
        return []
    tensors = content.get("state_dict", content) if isinstance(content, dict) else {}
    return [str(name) for name, value in tensors.items() if isinstance(value, torch.Tensor)]


def _is_plain(value: Any) -> bool:
    """Return whether a tensor has memory for each element: with stride 0, one number looks like billions."""
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and value.is_contiguous()
