"""Properties of a run that decide whether it may be compared with another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from medunlearn.contracts import Role
from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.metrics import GAP_METRICS
from medunlearn.runs.directory import RunDir
from medunlearn.runs.split import is_untested, requests_of
from medunlearn.runs.values import check_mapping

ATTACK = ("feature", "nonmembers", "seed")
"""Settings of the membership attack that two runs must share for their MIA to be compared."""


@dataclass(frozen=True)
class Record:
    """Properties of a run that decide whether it may be compared with another.

    A run that is about to start has a record too: its path, hashes and attack.

    Attributes:
        path: The run directory.
        role: `original`, `retrained` or `unlearned`.
        data_sha256: Hash of the images and labels; None in older runs.
        split_sha256: Hash of the data and the forget set.
        n_forget: Number of images in the forget set.
        attack: Settings of the membership attack; None in older runs.
        seed: Seed of the run.
        augmentation: Preset of the run; None where it keeps no configuration.
        values: UA, RA, TA and MIA in %; None for what could not be measured.
        AG: The Average Gap in percentage points that the run measured itself; None without a reference.
        weights_sha256: Hash of `model.ckpt`, by which other runs identify this one; None without that file.
        original: Directory of the run that this one started from, as it was given.
        original_sha256: Hash of that run's `model.ckpt`; None in older runs.
        reference: Directory of the retrained run that AG was taken to, as it was given.
        reference_sha256: Hash of that run's `model.ckpt`; None in older runs.
        training_sha256: Hash of the training and validation images and labels; None in older runs.
        earlier: Hashes of the models of earlier deletion requests.

    Example:
        >>> Record(Path("runs/retrain"), role="retrained", split_sha256="ab").role
        'retrained'
    """

    path: Path
    role: Role = "unlearned"
    data_sha256: str | None = None
    split_sha256: str | None = None
    n_forget: int = 0
    attack: Mapping[str, Any] | None = None
    seed: int | None = None
    augmentation: str | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)
    AG: float | None = None
    weights_sha256: str | None = None
    original: str | None = None
    original_sha256: str | None = None
    reference: str | None = None
    reference_sha256: str | None = None
    training_sha256: str | None = None
    earlier: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: RunDir, argument: str) -> "Record":
        """Return the record of a finished run.

        Args:
            run: The run directory.
            argument: What errors name.

        Raises:
            InputError: If `metrics.json` or `config.yaml` cannot be read.
        """
        metrics = run.read_metrics(argument)
        copied = ("data_sha256", "training_sha256", "split_sha256", "seed", "AG")
        links = ("original", "original_sha256", "reference", "reference_sha256")
        return cls(
            path=run.path,
            role=role_of(metrics),
            n_forget=(metrics.get("n") or {}).get("forget", 0),
            attack=attack_settings(metrics),
            augmentation=augmentation_of(run, argument),
            values={key: metrics.get(key) for key in GAP_METRICS},
            weights_sha256=_weights_sha256(run, metrics),
            **cast(Any, {key: metrics.get(key) for key in (*copied, *links)}),
        )

    @classmethod
    def planned(cls, run: RunDir, split: Mapping[str, Any], attack: Mapping[str, Any]) -> "Record":
        """Return the record of a run that has not been measured yet.

        Args:
            run: The run directory.
            split: Content of `split.json`.
            attack: Settings of the membership attack.
        """
        return cls(
            run.path,
            n_forget=len(split["indices"]),
            attack=attack_settings({"attack": attack}),
            split_sha256=split["sha256"],
            data_sha256=split["data_sha256"],
            training_sha256=split.get("training_sha256"),
            earlier=tuple(each["model_sha256"] for each in requests_of(split) if each.get("model_sha256")),
        )

    @property
    def untested(self) -> bool:
        """Whether the run has no test images; its data hash then covers training and validation images only."""
        return is_untested({"data_sha256": self.data_sha256, "training_sha256": self.training_sha256})

    @property
    def missing(self) -> str:
        """The first of UA, RA, TA and MIA that the run lacks; an empty string if it has all."""
        return next((key for key in GAP_METRICS if self.values.get(key) is None), "")


def role_of(metrics: Mapping[str, Any]) -> Role:
    """Return a run's role; for older runs it is derived from `original` and `trained_on`.

    Args:
        metrics: Content of `metrics.json`.

    Example:
        >>> role_of({"trained_on": "retain", "original": None})
        'retrained'
    """
    role: Role | None = metrics.get("role")
    if role is not None:
        return role
    if metrics.get("original") is not None:
        return "unlearned"
    return "retrained" if metrics.get("trained_on") == "retain" else "original"


def attack_settings(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the attack settings that two runs must share; None if `metrics.json` has none."""
    attack = metrics.get("attack")
    return {key: attack.get(key) for key in ATTACK} if attack else None


def augmentation_of(run: RunDir, argument: str) -> str | None:
    """Return the augmentation preset in `config.yaml`; None for a run without a configuration.

    Raises:
        InputError: If `config.yaml` is damaged.
    """
    if not exists(run.config):
        return None
    try:
        preset = check_mapping(run.read_config(argument).get("data"), "data").get("augmentation", "Default")
    except Fault as fault:
        raise InputError(f"{argument}={run}: {run.config}: {fault}") from None
    return str(preset)


def _weights_sha256(run: RunDir, metrics: Mapping[str, Any]) -> str | None:
    kept = metrics.get("files")
    sha256 = kept.get(str(run.weights.relative_to(run.path))) if isinstance(kept, dict) else None
    return sha256 if isinstance(sha256, str) else run.weights_sha256()
