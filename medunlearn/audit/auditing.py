"""Computes all results of an audit, and the content of `audit.json`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from medunlearn.audit.attacks import AttackRow, attack_rows
from medunlearn.audit.distances import DistanceRow, distance_rows
from medunlearn.audit.images import ClassRow, class_rows, worst_images
from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Subject
from medunlearn.audit.verdicts import Verdict, verdicts

SHIFT = (
    "The attack measures shift: a model that has seen neither ({0}) distinguishes forgotten images from {1} "
    "images too, with an AUC of {2:.2f}: they come from different distributions. Take the other set of non-members"
)
NO_IMAGES = "There are no {0}, so nothing is attacked; --nonmembers val takes validation images"
NO_LOGITS = (
    "{0} kept no logits, so margin, loss and modified entropy are not available; run that stage again with this version"
)


@dataclass(frozen=True)
class Audited:
    """The results of auditing a subject.

    Args:
        subject: The subject.
        settings: Settings of the audit.
    """

    subject: Subject
    settings: Settings

    @cached_property
    def attacks(self) -> list[AttackRow]:
        """Every attack on every model."""
        return attack_rows(self.subject, self.settings)

    @cached_property
    def distances(self) -> list[DistanceRow]:
        """Distances to Retrains by part."""
        return distance_rows(self.subject, self.settings)

    @cached_property
    def classes(self) -> list[ClassRow]:
        """Forgotten images by class."""
        return class_rows(self.subject, self.settings)

    @cached_property
    def worst(self) -> list[dict[str, Any]]:
        """The forgotten images furthest from Retrains."""
        return worst_images(self.subject)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The answers."""
        return verdicts(self.subject, self.attacks, self.distances)

    @property
    def reasons(self) -> list[str]:
        """Reasons for answers other than `inside`, each once, with the answer."""
        return list(dict.fromkeys(f"{each.answer}: {each.reason}" for each in self.verdicts if each.answer != "inside"))

    @cached_property
    def notes(self) -> list[str]:
        """Remarks that are needed to interpret the results."""
        silent = [each for each in self.subject.models if each.predictions.forget.logits is None]
        return [
            *self.subject.notes,
            *(NO_LOGITS.format(each.run) for each in silent),
            *self._shift(),
            *self._missing(),
        ]

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by part."""
        predictions = self.subject.unlearned.predictions
        return {part: len(getattr(predictions, part).labels) for part in ("forget", "retain", "test", "val")}

    def content(self) -> dict[str, Any]:
        """Return all results in the form of `audit.json`."""
        return {
            "run": str(self.subject.unlearned.run),
            "method": self.subject.unlearned.label,
            "models": [
                {"label": each.label, "run": str(each.run), "weights_sha256": each.sha256}
                for each in self.subject.models
            ],
            "n": self.counts,
            "verdicts": [asdict(each) for each in self.verdicts],
            "attacks": [asdict(each) for each in self.attacks],
            "distances": [asdict(each) for each in self.distances],
            "classes": [asdict(each) for each in self.classes],
            "worst_images": self.worst,
            "notes": self.notes,
        }

    def _missing(self) -> list[str]:
        """Return a note for each missing kind of image without which no attack is possible."""
        named = {"forget": "forgotten images", self.settings.nonmembers: f"{self.settings.nonmembers} images"}
        return [NO_IMAGES.format(name) for part, name in named.items() if not self.counts[part]]

    def _shift(self) -> list[str]:
        """Return a note if every Retrain, though it saw neither, distinguishes forgotten images from non-members."""
        labels = {each.label for each in self.subject.retrains}
        rows = [row for row in self.attacks if row.part == "forget" and row.attack == "margin" and row.model in labels]
        limits = [row.intervals["auc"] for row in rows]
        apart = [each for each in limits if each is not None and not each[0] <= 0.5 <= each[1]]
        if not rows or len(apart) < len(rows):
            return []
        return [SHIFT.format(rows[0].model, self.settings.nonmembers, rows[0].auc)]


def audit(subjects: Sequence[Subject], settings: Settings | None = None) -> list[Audited]:
    """Audit runs from the files in their directories; results are computed on access.

    Args:
        subjects: Subjects from `read_subjects`.
        settings: Settings of the audit; by default 1,000 draws, and the test images as non-members.

    Example:
        >>> audit([])
        []
    """
    return [Audited(each, settings or Settings()) for each in subjects]
