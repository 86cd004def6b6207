"""Measures relearning of a run, its original and its Retrains, and compares the numbers of steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medunlearn.audit import Model, Subject
from medunlearn.data.of_run import images_of
from medunlearn.errors import InputError
from medunlearn.models import load_model
from medunlearn.relearning.training import Curve, Schedule, relearn
from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir

LEFT = 0.1
"""Share of the distance from Retrain's loss to the untouched model's that may remain when the set is relearned."""
HEAD = ("model", "loss at first", "loss at last", "steps", "in units of Retrain")
LEGEND = (
    "Loss on the forget set in nats. Steps: until nine tenths of the way from Retrain's loss to the untouched model's "
    "are gone. In units of Retrain (the anamnesis index of Chundawat et al. 2023): 1 is as slow as a model that never "
    "saw the images; below 1, knowledge is left."
)


@dataclass(frozen=True)
class Relearned:
    """A subject and the curve of each of its models."""

    subject: Subject
    curves: dict[str, Curve]

    @property
    def goal(self) -> float | None:
        """The loss at which the forget set is learned again; None without an original or a Retrain to learn from."""
        if self.subject.original is None or not self.subject.retrains:
            return None
        known = float(self.curves[self.subject.original.label].loss[0])
        unknown = float(np.mean([self.curves[each.label].loss[0] for each in self.subject.retrains]))
        return known + LEFT * (unknown - known) if unknown > known else None

    def steps(self, model: Model) -> int | None:
        """Return the number of steps in which a model reaches the goal; None if it does not, or there is no goal."""
        if self.goal is None:
            return None
        there = self.curves[model.label].loss <= self.goal
        return int(self.curves[model.label].steps[there.argmax()]) if there.any() else None

    def index(self, model: Model) -> float | None:
        """Return the steps of a model in units of the Retrains' mean; None if one of them is unknown."""
        own, others = self.steps(model), [self.steps(each) for each in self.subject.retrains]
        known = [each for each in others if each is not None]
        if own is None or not known or len(known) < len(others) or not np.mean(known):
            return None
        return own / float(np.mean(known))

    def content(self) -> dict[str, Any]:
        """Return the content of `relearn.json` for this subject."""
        models = self.subject.models
        return {
            "run": str(self.subject.unlearned.run),
            "goal": self.goal,
            "models": [
                {
                    "label": each.label,
                    "run": str(each.run),
                    "weights_sha256": each.sha256,
                    "steps": self.steps(each),
                    "index": self.index(each),
                    "measured_after": self.curves[each.label].steps.tolist(),
                    "loss": self.curves[each.label].loss.tolist(),
                    "error": self.curves[each.label].error.tolist(),
                }
                for each in models
            ],
        }

    def table(self) -> str:
        """Return the table for the terminal."""
        lines = []
        for model in self.subject.models:
            loss, steps, index = self.curves[model.label].loss, self.steps(model), self.index(model)
            more = "-" if self.goal is None else f"over {self.curves[model.label].steps[-1]}"
            cells = (f"{loss[0]:.3f}", f"{loss[-1]:.3f}", more if steps is None else str(steps))
            lines.append([model.label, *cells, "-" if index is None else f"{index:.2f}"])
        return f"{aligned(HEAD, lines, left=[0])}\n{LEGEND}"


def relearned(subject: Subject, schedule: Schedule, file: Path | None = None, backbone: str | None = None) -> Relearned:
    """Train every model of a subject on the forget set, each from its own weights, which are not changed on disk.

    Args:
        subject: The run, its original and its Retrains.
        schedule: How they are trained.
        file: The data file, where it has moved since the run was made.
        backbone: The network, if it is one of the user's own; see `load_model`.

    Raises:
        InputError: If the images are not those of the run, or weights cannot be read.
    """
    images, labels = forgotten(subject.unlearned.run, file)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, labels = images.to(device), labels.to(device)
    curves = {}
    for model in subject.models:
        network = load_model(model.run.path, backbone).to(device)
        seen = images.expand(-1, int(network.architecture["in_channels"]), -1, -1)
        curves[model.label] = relearn(network, seen, labels, schedule)
    return Relearned(subject, curves)


def forgotten(run: RunDir, file: Path | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images that a run has forgotten, uint8 (N, channels, H, W), and their labels (N,).

    Raises:
        InputError: If the images are not those of the run.
    """
    split, data = run.read_split("relearn"), images_of(run, "relearn", file)
    if data.sha256 != split["data_sha256"]:
        raise InputError(f"relearn={run}: these are not the run's images; give its data file by --file")
    rows = np.array(split["indices"], dtype=np.int64)
    images = torch.from_numpy(np.asarray(data.train.images[rows]))
    images = images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1)
    return images.contiguous(), torch.from_numpy(np.asarray(data.train.labels[rows], dtype=np.int64))


def tables(found: Sequence[Relearned]) -> str:
    """Return the tables of several runs, each below the run's name."""
    names = [f"{each.subject.unlearned.label}, {each.subject.unlearned.run}" for each in found]
    return "\n\n".join(f"{name}\n\n{each.table()}" for name, each in zip(names, found, strict=True))
