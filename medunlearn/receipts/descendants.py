"""Which other runs were made from the old model, and so hold what was to be forgotten."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.receipts.schema import Descendant
from medunlearn.runs import RunDir


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
    runs = [RunDir(file.parent) for file in sorted(folder.rglob("metrics.json")) if file.parent.resolve() != own_place]
    found = [(run.weights_sha256(), run.read_metrics("runs")) for run in runs if "logs" not in run.path.parts[-2:]]
    old, kept = {metrics.get("original_sha256")} - {None}, list[tuple[str | None, dict[str, Any]]]()
    while more := [each for each in found if each[1].get("original_sha256") in old and each not in kept]:
        kept += more
        old |= {sha256 for sha256, _ in more if sha256}
    return [_descendant(sha256, each, metrics) for sha256, each in kept]


def _descendant(sha256: str | None, found: Mapping[str, Any], own: Mapping[str, Any]) -> Descendant:
    same = found.get("split_sha256") == own.get("split_sha256")
    return Descendant(method=str(found.get("method")), model_sha256=sha256, same_forget_set=same)
