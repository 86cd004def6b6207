"""Translates a deletion request into the config of a run: patients, model and recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from medunlearn.contracts import plain
from medunlearn.errors import InputError
from medunlearn.files import exists, write_whole
from medunlearn.files.configs import read_config
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished
from medunlearn.runs.record import role_of

CONFIG = "request.yaml"
"""The file in the run directory with the config that answers the request."""

FROM_ORIGINAL = (
    *("dataset", "file", "size", "root", "num_classes", "class_names"),
    *("as_rgb", "augmentation", "batch_size", "num_workers", "groups", "test"),
)
"""Data settings that are taken from the original."""

NETWORK = ("backbone", "stem")
"""Arguments of a method that define its network."""


@dataclass(frozen=True)
class Request:
    """A deletion request: the images to forget, and the model that must forget them.

    Args:
        original: Run directory of the model; it may be the answer to an earlier request.
        run: The run directory of the answer.
        forget: Settings below `data.forget`, such as `groups`.
        changed: Settings below `data` that differ from the original's, such as a file that has moved.
        reference: A Retrain to compare with, if there is one.

    Raises:
        InputError: If the original is not a finished run, or is a Retrain that never saw the images.
    """

    original: RunDir
    run: RunDir
    forget: Mapping[str, Any]
    changed: Mapping[str, Any] = field(default_factory=dict)
    reference: RunDir | None = None

    def __post_init__(self) -> None:
        check_finished(self.original, "from")
        if self.original.path.resolve() == self.run.path.resolve():
            raise InputError(f"run_dir={self.run}: is the run that is to forget; name another run_dir")

    @property
    def answered_before(self) -> bool:
        """Whether the model has already unlearned images or was trained without some."""
        role = role_of(self.original.read_metrics("from"))
        return role != "original" and bool(self.original.read_split("from")["indices"])

    def data(self) -> dict[str, Any]:
        """Return the settings below `data`: the original's, with the forget set of the request."""
        known = self.original.read_config("from").get("data") or {}
        data = {name: known[name] for name in FROM_ORIGINAL if known.get(name) is not None} | dict(self.changed)
        after = {"after": str(self.original)} if self.answered_before else {}
        return with_table({**data, "forget": {**self.forget, **after}})

    def config(self, recipe: Path, epochs: int | None = None) -> dict[str, Any]:
        """Return the config of the run that answers the request.

        Args:
            recipe: A config from which model and Trainer settings are taken.
            epochs: Number of epochs; None for the recipe's own.
        """
        content = read_config(recipe)
        model = content.get("model")
        if not isinstance(model, dict) or not isinstance(model.get("class_path"), str):
            raise InputError(f"config={recipe}: names no method; write `model: {{class_path: NAME}}`")
        trainer = {**(content.get("trainer") or {}), **({} if epochs is None else {"max_epochs": epochs})}
        arguments = {**(model.get("init_args") or {}), **self._network(), "original": str(self.original)}
        before = self.original.read_config("from")
        found = {
            "run_dir": str(self.run),
            "reference": None if self.reference is None else str(self.reference),
            "seed_everything": before.get("seed_everything", 0),
            "data": self.data(),
            "model": {"class_path": model["class_path"], "init_args": arguments},
            "trainer": trainer,
            "evaluation": before.get("evaluation") or {},
        }
        kept: dict[str, Any] = plain({name: value for name, value in found.items() if value not in (None, {})})
        return kept

    def _network(self) -> dict[str, Any]:
        """Return the arguments that define the original's network."""
        arguments = (self.original.read_config("from").get("model") or {}).get("init_args") or {}
        return {name: arguments[name] for name in NETWORK if arguments.get(name) is not None}


def with_table(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings below `data`; if patients but no table are named, with the table beside the data file."""
    beside = Path(str(data.get("file"))).with_suffix(".csv")
    wanted = data["forget"].get("groups") is not None and data.get("groups") is None and data.get("file")
    return {**data, "groups": str(beside)} if wanted and exists(beside) else dict(data)


def write_request(run: RunDir, config: Mapping[str, Any]) -> Path:
    """Write the config of a request, and return its path; an existing file must have the same content.

    Raises:
        InputError: If the directory holds another request.
    """
    file = run.path / CONFIG
    if exists(file):
        before = read_config(file, "run_dir")
        if before != config:
            other = next(name for name in {**before, **config} if before.get(name) != config.get(name))
            raise InputError(
                f"run_dir={run}: another request is answered there (its {other} differs, see {file}); name another "
                "run_dir, or give --overwrite true to delete it"
            )
    else:
        write_whole(file, yaml.safe_dump(dict(config), sort_keys=False).encode())
    return file
