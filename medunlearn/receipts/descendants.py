"""Finds other runs that were made from the old model, and so still contain the forgotten images' influence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.receipts.schema import Descendant
from medunlearn.runs import RunDir

DATA = ("training_sha256", "data_sha256")


def descendants(folder: Path, own: RunDir, metrics: Mapping[str, Any]) -> list[Descendant]:
    """Return the runs below a folder that started from a run's original, or from one that did.

    Args:
        folder: Where to look, at any depth.
        own: The run, which is not one of them.
        metrics: Content of its `metrics.json`.

    Raises:
        InputError: If there is no such folder, or a run in it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"runs={folder}: is no directory; name the one that holds your runs")
    own_place = own.path.resolve()
    places = [file.parent for file in sorted(folder.rglob("metrics.json")) if file.parent.name != "logs"]
    runs = [RunDir(place) for place in places if place.resolve() != own_place]
    found = [(run, run.weights_sha256(), run.read_metrics("runs").get("original_sha256")) for run in runs]
    old, kept = {metrics.get("original_sha256")} - {None}, list[tuple[RunDir, str | None, Any]]()
    while more := [each for each in found if each[2] in old and each not in kept]:
        kept += more
        old |= {sha256 for _, sha256, _ in more if sha256}
    removed = own.read_split("receipt")
    return [_descendant(run, sha256, removed) for run, sha256, _ in kept]


def _descendant(run: RunDir, sha256: str | None, removed: Mapping[str, Any]) -> Descendant:
    """Return a run in the form of a receipt; a run without test images, such as a trial, has another data hash."""
    split = run.read_split("runs") if run.split.is_file() else {}
    same_data = any(split.get(name) is not None and split.get(name) == removed.get(name) for name in DATA)
    too = same_data and {*removed["indices"]} <= {*split.get("indices", ())}
    return Descendant(method=str(run.read_metrics("runs").get("method")), model_sha256=sha256, removed_too=too)
