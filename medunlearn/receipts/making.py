"""Makes the parts of a statement from the files of a run."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from medunlearn.data.duplicates import find_duplicates
from medunlearn.data.npz import ImageData
from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.metrics import Predictions
from medunlearn.receipts import chain, merkle
from medunlearn.receipts.commitments import Kind, Secrets
from medunlearn.receipts.descendants import descendants
from medunlearn.receipts.evidence import evidence
from medunlearn.receipts.identity import new_identity
from medunlearn.receipts.images import SPLITS, Removed, counts, data_or_reason
from medunlearn.receipts.schema import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    VERSION,
    Aftermath,
    Commitments,
    Copies,
    Data,
    EarlierRequest,
    Process,
    Statement,
)
from medunlearn.receipts.sentences import statements
from medunlearn.receipts.settings import shown_settings
from medunlearn.receipts.stated import Stated, withdrawn_groups
from medunlearn.runs import RunDir
from medunlearn.runs.record import role_of
from medunlearn.runs.split import requests_of

AUDITED = ("audit/audit.json", "audit/audit.md", "audit/audit.csv", "audit/audit.html")


class Making:
    """The files of a run, read once, and the parts of the statement made from them.

    Args:
        run: A finished run.
        stated: The user's statements.
        kind: Kind of commitments.

    Raises:
        InputError: If it has forgotten nothing, its files cannot be read, or a text names a withdrawn group.
    """

    def __init__(self, run: RunDir, stated: Stated, kind: Kind) -> None:
        self.run, self.stated, self.kind = run, stated, kind
        self.metrics, self.split = run.read_metrics("receipt"), run.read_split("receipt")
        self.config = run.read_config("receipt")
        self.secrets: Secrets | None = None
        role = role_of(self.metrics)
        if role == "original":
            raise InputError(f"receipt={run}: is an original, which has forgotten nothing; name a run that unlearned")
        self.role: Literal["unlearned", "retrained"] = role
        stated.check_names(self.split)

    def statement(self, data_file: Path | None, previous: Path | None, runs: Path | None, signed: bool) -> Statement:
        """Return the whole statement."""
        before = chain.found_previous(self.run, self.metrics, self.split, previous)
        link = None if before is None else chain.previous(before, chain.earlier_models(self.metrics, self.split))
        found, _ = data_or_reason(self.run, data_file)
        data, process, measured = self.data(found), self.process(), evidence(self.run, self.metrics)
        after = self.aftermath(runs)
        content = {
            "_type": STATEMENT_TYPE,
            "subject": self.subjects(),
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "schema_version": VERSION,
                "identity": new_identity(link),
                "request": self.stated.request(),
                "data": data,
                "process": process,
                "evidence": measured,
                "aftermath": after,
                "statement": statements(data, process, measured, after, signed),
            },
        }
        return Statement.model_validate(content)

    def subjects(self) -> list[dict[str, Any]]:
        """Return names and digests of the files, those of the original and the reference included."""
        digests = {"metrics.json": _sha256(self.run.metrics), **self.run.hashes()}
        digests |= {name: _sha256(self.run.path / name) for name in AUDITED if exists(self.run.path / name)}
        for other in ("original", "reference"):
            if sha256 := self.metrics.get(f"{other}_sha256"):
                digests[f"{other}/{chain.MODEL}"] = sha256
        return [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in digests.items()]

    def data(self, found: ImageData | None) -> Data:
        """Return which images were removed."""
        try:
            removed = Removed.of(self.split)
            if found is not None:
                self.check_data(found)
            predictions = Predictions.from_arrays(self.run.read_predictions("receipt", Predictions.names()))
            how = self.split.get("how") or {}
            return Data(
                name=self.data_name(),
                sha256=self.metrics["data_sha256"],
                sha256_after=None if found is None else removed.without(found).sha256,
                split_sha256=self.metrics["split_sha256"],
                chosen_by=next((name for name in ("groups", "indices", "classes", "rate") if how.get(name)), "other"),
                group_by=how.get("group_by"),
                groups=len(withdrawn_groups(self.split)) or None,
                images=counts(removed, predictions, found),
                class_names=self.class_names(),
                commitments=None if found is None else self.commitments(removed, found),
                copies=self.copies(removed, found),
                requests=[_earlier(each) for each in requests_of(self.split)[:-1]],
            )
        except (Fault, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            problem = error.problem if isinstance(error, Fault) else "its split.json or metrics.json is of another form"
            raise InputError(f"receipt={self.run}: {problem}; run that stage again") from None

    def check_data(self, found: ImageData) -> None:
        """Reject data other than the run's."""
        if found.sha256 != self.split.get("data_sha256"):
            raise InputError(f"data.file: the images are others than those of {self.run}; give its data file")

    def copies(self, removed: Removed, found: ImageData | None) -> Copies | None:
        """Return the number of retained copies of removed images, from the run or else from the data."""
        known = self.metrics.get("copies")
        if known:
            return Copies(exact=known["exact"], near=known["near"])
        if found is None:
            return None
        retained = np.setdiff1d(np.arange(len(found.train)), removed.train)
        pairs = find_duplicates(found.train.images, removed.train, retained)
        return Copies(exact=len(pairs.exact), near=len(pairs.near))

    def commitments(self, removed: Removed, data: ImageData) -> Commitments:
        """Return commitments to the removed images; the secrets are kept, to be written to their file."""
        images = removed.images(data)
        self.secrets = Secrets.new(self.kind, len(images))
        made = self.secrets.commitments(images)
        ends = np.cumsum([len(getattr(removed, name)) for name in SPLITS]).tolist()
        listed = {
            name: [each.hex() for each in made[start:end]]
            for name, start, end in zip(SPLITS, [0, *ends], ends, strict=False)
        }
        return Commitments(kind=self.kind, merkle_root=merkle.root(made).hex(), **listed)

    def process(self) -> Process:
        """Return how the images were removed."""
        trainer = self.config.get("trainer")
        return Process(
            method=self.metrics["method"],
            role=self.role,
            settings=shown_settings(self.config),
            seed=self.metrics.get("seed"),
            deterministic=bool(isinstance(trainer, Mapping) and trainer.get("deterministic")),
            epochs=self.metrics.get("epochs"),
            RTE=self.metrics.get("RTE"),
            hardware=_plain(self.metrics.get("hardware")),
            versions=_plain(self.metrics.get("versions")),
        )

    def aftermath(self, runs: Path | None) -> Aftermath:
        """Return what became of the old model."""
        found = None if runs is None else descendants(runs, self.run, self.metrics)
        stated = self.stated
        return Aftermath(
            original=stated.old_model, backups=stated.backups, recipients=stated.recipients, descendants=found
        )

    def data_name(self) -> str:
        """Return the name of public data, or the one that the user gives: a file's name may be confidential."""
        data = self.config.get("data")
        public = isinstance(data, Mapping) and data.get("file") is None and isinstance(data.get("dataset"), str)
        own = Stated().data_name == self.stated.data_name
        return str(self.metrics.get("data")) if public and own else self.stated.data_name

    def class_names(self) -> list[str] | None:
        """Return the names of the classes; None if one equals the name of a withdrawn group."""
        names = self.split.get("class_names")
        return None if names is None or withdrawn_groups(self.split) & set(names) else list(names)


def _earlier(found: Mapping[str, Any]) -> EarlierRequest:
    return EarlierRequest(
        removed=dict(found["n"]),
        split_sha256=found.get("split_sha256"),
        model_sha256=found.get("model_sha256"),
        proxy_gap=found.get("proxy_gap"),
    )


def _plain(found: Any) -> dict[str, Any]:
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(key): value for key, value in items if value is None or type(value) in (bool, int, float, str)}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
