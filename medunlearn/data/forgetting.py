"""The forget set: which training images are to be forgotten, by rate, class or index."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medunlearn.data.classes import class_numbers
from medunlearn.errors import DataError, InputError
from medunlearn.files import UNOPENED, check_no_pipe, read_bytes, read_json, read_npy, unreadable
from medunlearn.runs.class_names import named


@dataclass(frozen=True)
class ForgetSpec:
    """How the forget set is chosen: by exactly one of rate, classes and indices, or not at all.

    Args:
        rate: Share of the training set to forget, in (0, 1): floor(rate x N) images, drawn uniformly.
        classes: Every training image of these classes, by number or by name.
        indices: A file of indices into the training set, one a line (.txt), in the column `index` (.csv), as an
            integer array (.npy), or as a list (.json; a run's `split.json` will do).
        seed: Seed of the draw by rate.
        stratified: Draw each class in proportion to its size rather than uniformly over all images.

    Raises:
        InputError: If the values contradict each other or are out of range.
    """

    rate: float | None = None
    classes: list[int | str] | None = None
    indices: Path | None = None
    seed: int = 0
    stratified: bool = False

    def __post_init__(self) -> None:
        given = [name for name in ("rate", "classes", "indices") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(
                f"forget: {' and '.join(given)} are both set; keep one and clear the other, "
                f"as in `--data.forget.{given[0]} null`",
                part="data",
            )
        if self.rate is not None and not 0 < self.rate < 1:
            raise InputError(f"rate={self.rate}: give a share between 0 and 1, such as 0.1", part="data.forget")
        unread = [each for each in self.classes or () if isinstance(each, str) and each[:1] == "[" and each[-1] == "]"]
        if unread:  # jsonargparse's reading of a list of something else
            raise InputError(
                f"classes={unread[0]}: give numbers and names of classes, such as [4] or [basophil], in quotes where a "
                "name looks like something else",
                part="data.forget",
            )
        if self.seed < 0:
            raise InputError(f"seed={self.seed}: give a whole number of 0 or more", part="data.forget")
        if self.stratified and self.rate is None:
            raise InputError(
                "stratified=true: only a draw by rate can be stratified; set data.forget.rate", part="data.forget"
            )

    @property
    def given(self) -> bool:
        """Whether there is a forget set at all."""
        return not (self.rate is None and self.classes is None and self.indices is None)

    def numbered(self, num_classes: int, class_names: Sequence[str] | None) -> "ForgetSpec":
        """Return the same with classes as numbers, by which runs know them."""
        if self.classes is None:
            return self
        return replace(self, classes=[*class_numbers(self.classes, num_classes, class_names)])

    def describe(self) -> dict[str, object]:
        """Return how the forget set was chosen, as `split.json` keeps it."""
        if self.rate is not None:
            return {"rate": self.rate, "stratified": self.stratified}
        if self.classes is not None:
            numbers, names = [[each for each in self.classes if isinstance(each, kind)] for kind in (int, str)]
            return {"classes": [*sorted(numbers), *sorted(names)]}
        return {"indices": str(self.indices)} if self.indices is not None else {}


def choose_forget_set(
    labels: np.ndarray, num_classes: int, spec: ForgetSpec, class_names: Sequence[str] | None = None
) -> np.ndarray:
    """Return the forget set as sorted indices into the training set.

    Args:
        labels: Labels of the training set, shape (N,).
        num_classes: Number of classes C.
        spec: How to choose.
        class_names: A name for each class; None where they have none.

    Returns:
        Sorted int64 indices, shape (F,) with 0 < F < N, or (0,) where `spec` asks for none.

    Raises:
        InputError: If the forget set or what is retained would be empty, or an index or class is invalid.
    """
    if not spec.given:
        return np.empty(0, dtype=np.int64)
    if spec.rate is not None:
        draw = _draw_stratified if spec.stratified else _draw_uniform
        chosen, argument = draw(labels, spec.rate, spec.seed), f"rate={spec.rate}"
    elif spec.classes is not None:
        numbers = class_numbers(spec.classes, num_classes, class_names)
        chosen = np.flatnonzero(np.isin(labels, numbers))
        argument = f"classes=[{named(numbers, class_names or ())}]"
    else:
        assert spec.indices is not None
        chosen, argument = read_indices(spec.indices, len(labels)), f"indices={spec.indices}"
    if len(chosen) == 0:
        problem = f"the forget set is empty with {len(labels)} training images; choose more"
        if spec.classes:
            problem = "no training image is of these classes; choose others"
        if spec.indices is not None:
            problem = "names no image; list those to forget"
        raise DataError(f"{argument}: {problem}", part="data.forget")
    if len(chosen) == len(labels):
        raise DataError(
            f"{argument}: nothing is left to retain of {len(labels)} training images; choose fewer", part="data.forget"
        )
    return np.sort(chosen)


def read_indices(path: Path, count: int | None) -> np.ndarray:
    """Return the indices in a file, in its order, shape (F,).

    Args:
        path: A .txt, .csv, .npy or .json file, see `ForgetSpec`.
        count: Number of training images that the indices must lie below; None where it is not known.

    Raises:
        InputError: If the file is missing or of another form, or an index is repeated or out of range.
    """
    argument = f"indices={path}"
    readers = {".txt": _read_txt, ".csv": _read_csv, ".npy": read_npy, ".json": _read_json}
    kind = path.suffix.lower()
    if path.is_dir():
        raise DataError(f"{argument}: is a directory; give an index file, or split.json of a run", part="data.forget")
    if kind not in readers:
        raise DataError(
            f"{argument}: unknown kind of file; give one that ends in {', '.join(readers)}", part="data.forget"
        )
    try:
        found = readers[kind](path)
    except FileNotFoundError:
        raise DataError(f"{argument}: no such file; give the path of an index file", part="data.forget") from None
    except _NotAnIndex as error:
        raise DataError(f"{argument}: {error}: {_FORMS[kind]}", part="data.forget") from None
    except UNOPENED as error:
        raise DataError(f"{argument}: {unreadable(error, 'mend the path')}", part="data.forget") from None
    except UnicodeDecodeError:
        raise DataError(f"{argument}: is no text in UTF-8; save it as UTF-8", part="data.forget") from None
    except Exception:  # a file of another kind fails in many ways
        raise DataError(f"{argument}: {_FORMS[kind]}", part="data.forget") from None
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise DataError(f"{argument}: {_FORMS[kind]}", part="data.forget")
    _check_range(found, count, argument)
    values, times = np.unique(found, return_counts=True)
    if (times > 1).any():
        raise DataError(
            f"{argument}: index {values[times > 1][0]} occurs more than once; list each image once", part="data.forget"
        )
    return found.astype(np.int64)


def _check_range(found: np.ndarray, count: int | None, argument: str) -> None:
    wrong = found[(found < 0) | (found >= count)] if count is not None else found[found < 0]
    if len(wrong):
        known = "the first image is 0" if count is None else f"there are {count} training images, 0 to {count - 1}"
        raise DataError(f"{argument}: index {wrong[0]} is out of range; {known}", part="data.forget")


_FORMS = {
    ".txt": "not readable as a list of indices; write one whole number a line",
    ".csv": "not readable as a list of indices; write a column `index` of whole numbers",
    ".npy": "not readable as a list of indices; save a one-dimensional integer array",
    ".json": "not readable as a list of indices; write a list of whole numbers, or give a run's split.json",
}


class _NotAnIndex(ValueError):
    """An entry of an index file is no whole number; the message says where it stands."""


def _read_txt(path: Path) -> np.ndarray:
    lines = read_bytes(path).decode("utf-8-sig").split("\n")
    return _integers((f"line {number}", line) for number, line in enumerate(lines, 1) if line.strip())


def _read_csv(path: Path) -> np.ndarray:
    check_no_pipe(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        if "index" not in (rows.fieldnames or ()):
            raise _NotAnIndex("line 1 names no column `index`")
        return _integers((f"line {rows.line_num}", row["index"]) for row in rows)


def _read_json(path: Path) -> np.ndarray:
    content = read_json(path)
    values = content["indices"] if isinstance(content, dict) else content
    if not isinstance(values, list):
        raise ValueError("not a list")
    for number, value in enumerate(values, 1):
        if type(value) is not int:
            raise _NotAnIndex(f"entry {number} is {_shortened(json.dumps(value))}")
    return _integers((f"entry {number}", value) for number, value in enumerate(values, 1))


def _integers(entries: Iterable[tuple[str, str | int | None]]) -> np.ndarray:
    """Return the whole numbers of entries, each with the place where it stands."""
    numbers = []
    for place, value in entries:
        try:
            numbers.append(np.int64(int(value or "")) if isinstance(value, str | None) else np.int64(value))
        except (ValueError, OverflowError):
            raise _NotAnIndex(f"{place} is {_shortened(str(value or '').strip()) or 'empty'}") from None
    return np.array(numbers, dtype=np.int64)


def _shortened(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:40]}..."


def _share(rate: float, count: int) -> int:
    """Return floor(rate x count) of the decimal number that was meant: 0.29 of 100 is 29, not 28."""
    return int(rate * count + 1e-9)


def _draw_uniform(labels: np.ndarray, rate: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(len(labels), size=_share(rate, len(labels)), replace=False)


def _draw_stratified(labels: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Draw from each class its share of floor(rate x N), rounded by the largest remainder."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    total = _share(rate, len(labels))
    quotas = total * sizes / len(labels)
    counts = np.floor(quotas + 1e-9).astype(int)
    counts[np.argsort(counts - quotas, kind="stable")[: total - counts.sum()]] += 1
    drawn = [
        rng.choice(np.flatnonzero(labels == label), size=count, replace=False)
        for label, count in zip(classes, counts, strict=True)
    ]
    return np.concatenate(drawn)
