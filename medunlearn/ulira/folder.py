"""The folder of a U-LiRA study: its design, the images of each shadow, and a run directory for each stage."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.data.npz import ImageData, Split
from medunlearn.data.writing import in_format
from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import exists, read_json, unreadable, writing_to
from medunlearn.runs import RunDir
from medunlearn.ulira.design import Design


@dataclass(frozen=True)
class Folder:
    """The folder of a study.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def design(self) -> Path:
        """The settings that the study was begun with."""
        return self.path / "design.json"

    @property
    def table(self) -> Path:
        """The table of results."""
        return self.path / "ulira.md"

    @property
    def figures(self) -> Path:
        """The results with every figure, as JSON."""
        return self.path / "ulira.json"

    def shadow(self, original: int) -> Path:
        """Return the folder of a shadow: its images and runs."""
        return self.path / f"{original:03d}"

    def data(self, original: int) -> Path:
        """Return the data file of a shadow in MedMNIST's format: its half, and unseen targets as test images."""
        return self.shadow(original) / "data.npz"

    def forget(self, original: int, draw: int) -> Path:
        """Return the forget set of a draw, as indices into the shadow's training set."""
        return self.shadow(original) / f"forget_{draw}.npz"

    def check_same(self, design: Design, data: ImageData) -> None:
        """Reject a folder that holds another study, or files of none.

        Args:
            design: The design.
            data: All images.

        Raises:
            InputError: If it does, or its settings cannot be read.
        """
        if not exists(self.design):
            if any(exists(self.data(original)) for original in range(design.originals)):
                raise InputError(f"out={self.path}: holds data of no study; name another folder by `--out`")
            return
        kept, asked = self._read(), _fixed(design, data)
        if other := [name for name in asked if kept.get(name) != asked[name]]:
            name = "data" if other[0] == "data_sha256" else other[0]
            raise InputError(
                f"out={self.path}: holds a study with other {name}; give its settings, or name another "
                "folder by `--out`"
            )

    def make(self, design: Design, data: ImageData) -> None:
        """Write the missing ones of the files that stages read; see `check_same`."""
        writer = RunDir(self.path)
        with writing_to(self.path):
            writer.write_json(self.design, _fixed(design, data))
            for original in range(design.originals):
                for draw in range(design.draws):
                    if not exists(file := self.forget(original, draw)):
                        writer.write_arrays(file, {"index": design.places(original, draw)})
                if not exists(file := self.data(original)):
                    writer.write_arrays(file, in_format(_of_shadow(data, design, original)))

    def _read(self) -> dict[str, Any]:
        try:
            kept = read_json(self.design)
            if not isinstance(kept, dict):
                raise Fault("it holds no JSON object")
        except (Fault, OSError) as error:
            problem = unreadable(error, "delete the folder, and the same command makes it again")
            raise FileError(f"out={self.path}: {self.design} {problem}") from None
        return kept


def _fixed(design: Design, data: ImageData) -> dict[str, Any]:
    """Return the settings that must stay the same; the number of originals may grow."""
    return {"data_sha256": data.sha256, "draws": design.draws, "targets": design.targets, "seed": design.seed}


def _of_shadow(data: ImageData, design: Design, original: int) -> ImageData:
    """Return the images of a shadow. No method sees test images, so unseen targets are added to them."""
    unseen = _taken(data.train, design.all_unseen(original))
    joined = (np.concatenate(pair) for pair in zip(_arrays(data.test), _arrays(unseen), strict=True))
    return replace(data, train=_taken(data.train, design.half(original)), test=Split(*joined))


def _taken(split: Split, index: np.ndarray) -> Split:
    return Split(*(array[index] for array in _arrays(split)))


def _arrays(split: Split) -> tuple[np.ndarray, np.ndarray]:
    return split.images, split.labels
