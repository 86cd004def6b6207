"""The exported folder: written whole or not at all, with `export.json`, which lists its content."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.errors import InputError
from medunlearn.exporting.card import card
from medunlearn.exporting.checking import Examples, examples
from medunlearn.exporting.graphs import write_onnx, write_torch_export
from medunlearn.exporting.monai import write_monai
from medunlearn.exporting.subject import Subject, read_subject
from medunlearn.exporting.weights import write_safetensors
from medunlearn.files import output_folder, read_json, writing_to

MANIFEST = "export.json"


class Format(NamedTuple):
    """One format: the function that writes and checks it, and the packages that it needs."""

    write: Callable[[Subject, Path, Examples], dict[str, Any]]
    needs: tuple[str, ...] = ()
    extra: str = ""


FORMATS = {
    "safetensors": Format(write_safetensors, ("safetensors",), "export"),
    "onnx": Format(write_onnx, ("onnx", "onnxscript", "onnxruntime"), "onnx"),
    "torch_export": Format(write_torch_export),
    "monai": Format(write_monai),
}


def export(
    run: str | Path,
    formats: Sequence[str] = ("safetensors",),
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    file: Path | None = None,
    backbone: str | None = None,
) -> dict[str, Any]:
    """Write the model of a finished run in formats that other programs read, with labels and a model card.

    Each file is read back and compared with the model. The folder holds no path, no pixel and no name of a patient.

    Args:
        run: The run directory.
        formats: Any of `safetensors`, `onnx`, `torch_export` and `monai`.
        out: The folder; by default `export` in the run directory.
        overwrite: Replace an earlier export there.
        file: The data file, where it has moved since the run was made; its images are used only for the comparison.
        backbone: The import path of the network, if it is one of the user's own.

    Returns:
        The content of `export.json`: what was written, its SHA-256, and how it was checked.

    Raises:
        InputError: If the run is not finished or has been altered, a format is unknown or needs a missing package, the
            folder holds something else, or an exported file differs from the model.

    Example:
        >>> import medunlearn
        >>> medunlearn.export("runs/salun_blood_10", ["onnx"])["checks"]["onnx"]["opset"]  # doctest: +SKIP
        18
    """
    chosen = _chosen(formats)
    subject = read_subject(run, backbone)
    folder = output_folder(Path(out) if out is not None else subject.run.path / "export")
    _check_free(folder, overwrite)
    to = examples(subject, file)
    with writing_to(folder.parent), _whole(folder) as part:
        checks = {name: FORMATS[name].write(subject, part, to) for name in chosen}
        _write_json(part / "labels.json", {str(number): name for number, name in enumerate(subject.labels)})
        (part / "README.md").write_text(card(subject, sorted(_files(part))), encoding="utf-8")
        content = {"formats": chosen, "model": subject.facts(), "checks": checks, "files": _hashes(part)}
        _write_json(part / MANIFEST, content)
    return content


def _chosen(formats: Sequence[str]) -> list[str]:
    """Return the formats, each once; reject unknown ones, and those whose packages are not installed."""
    listed = [formats] if isinstance(formats, str) else list(dict.fromkeys(formats))
    for name in listed:
        if name not in FORMATS:
            raise InputError(f"format={name}: no such format; choose from {', '.join(FORMATS)}")
        for module in FORMATS[name].needs:
            if find_spec(module) is None:
                extra = FORMATS[name].extra
                raise InputError(
                    f"format={name}: needs {module}; `pip install 'medunlearn[{extra}]'`, or choose another format"
                )
    if not listed:
        raise InputError(f"format: none is given; choose from {', '.join(FORMATS)}")
    return listed


def _check_free(folder: Path, overwrite: bool) -> None:
    """Reject a folder that is not empty, except for an earlier export if `overwrite` is set."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        known = read_json(folder / MANIFEST)["files"].keys() | {MANIFEST}
    except Exception:  # no manifest, or not one of an export
        raise InputError(f"out={folder}: does not hold an export; name another folder") from None
    if other := sorted(_files(folder) - known):
        raise InputError(f"out={folder}: holds {other[0]}, which no export wrote; move it, or name another folder")
    if not overwrite:
        raise InputError(f"out={folder}: holds an export already; `--overwrite true` replaces it, another out keeps it")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its place once everything is written."""
    part = folder.with_name(f"{folder.name}.part{os.getpid()}")
    part.mkdir()
    try:
        yield part
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(_files(folder))}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
