"""Checks against the files of the run, the original and the reference, if they are available."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.metrics import GAP_METRICS, Part, Predictions, accuracies, attack
from medunlearn.receipts.chain import MODEL, found_previous, link, model_of
from medunlearn.receipts.checking import Case, Line, compared, differs, figures_compared, not_here, ok, predictions_of
from medunlearn.receipts.envelope import read_envelope
from medunlearn.receipts.evidence import AUDIT, by_group, figures, read_audit
from medunlearn.receipts.evidence_schema import Evidence
from medunlearn.receipts.images import SPLITS, Removed, counts
from medunlearn.receipts.reading import read_statement
from medunlearn.runs import RunDir

MISSING = "is not here"
CHANGED = "was changed since this one was made"


def digest_lines(case: Case) -> Iterator[Line]:
    """Yield a line for each file that the receipt is about."""
    places = file_places(case)
    for subject in case.statement.subject:
        path = places.get(subject.name)
        if path is None or not exists(path):
            yield not_here(subject.name, MISSING)
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        yield compared(subject.name, found, subject.digest.sha256, "is another file")


def file_places(case: Case) -> dict[str, Path]:
    """Return the expected paths of the files; a name that leads out of the run directory is left out."""
    run, metrics, places = case.run, dict[str, Any](), dict[str, Path]()
    with suppress(InputError):  # a damaged metrics.json is one of the files
        metrics = case.metrics
    for subject in case.statement.subject:
        first, _, rest = subject.name.partition("/")
        folder = Path(str(metrics.get(first))) if first in ("original", "reference") else run.path
        name = rest if first in ("original", "reference") else subject.name
        if (folder is run.path or metrics.get(first)) and not Path(name).is_absolute() and ".." not in Path(name).parts:
            places[subject.name] = folder / name
    return places


def metrics_lines(case: Case) -> Iterator[Line]:
    """Yield lines for the values that the receipt repeats from `metrics.json`."""
    if not exists(case.run.metrics):
        yield not_here("figures of metrics.json", f"metrics.json {MISSING}")
        return
    metrics, found = case.metrics, case.statement.predicate
    measured = found.evidence
    yield figures_compared("figures of metrics.json", figures(metrics).model_dump(), measured.model)
    before = metrics.get("before")
    yield compared("untouched figures of metrics.json", figures(before) if before else None, measured.untouched)
    gaps = (metrics.get("AG"), (metrics.get("proxy") or {}).get("gap"))
    yield compared("gaps of metrics.json", gaps, (measured.AG, measured.proxy_gap))
    process = found.process
    yield compared("figures by group of metrics.json", by_group(metrics), measured.by_group)
    if (known := metrics.get("copies")) and (copies := found.data.copies):
        yield compared("copies of metrics.json", (known["exact"], known["near"]), (copies.exact, copies.near))
    made = tuple(metrics.get(key) for key in ("method", "seed", "epochs", "RTE"))
    yield compared("method of metrics.json", made, (process.method, process.seed, process.epochs, process.RTE))
    hashes = (metrics.get("data_sha256"), metrics.get("split_sha256"))
    yield compared("hashes of metrics.json", hashes, (found.data.sha256, found.data.split_sha256))


def prediction_lines(case: Case) -> Iterator[Line]:
    """Yield lines for what can be computed again from `predictions.npz`."""
    if not exists(case.run.predictions):
        yield not_here("figures from predictions.npz", f"predictions.npz {MISSING}")
        return
    predictions, found = case.predictions, case.statement.predicate
    yield figures_compared("figures from predictions.npz", accuracies(predictions), found.evidence.model)
    yield _attack(predictions, found.evidence)
    made = counts(Removed(*(np.arange(0) for _ in SPLITS)), predictions, None)
    same = [getattr(made, name).after == getattr(found.data.images, name).after for name in SPLITS]
    train = made.train.before == found.data.images.train.before
    yield compared("classes of predictions.npz", (*same, train), (True,) * 4, "other numbers of images by class")
    yield from _untouched(case, predictions)


def split_lines(case: Case) -> Iterator[Line]:
    """Yield lines for the forget set that `split.json` lists."""
    if not exists(case.run.split):
        yield not_here("forget set of split.json", f"split.json {MISSING}")
        return
    removed, data = Removed.of(case.split), case.statement.predicate.data
    sizes = tuple(len(getattr(removed, name)) for name in SPLITS)
    stated = tuple(getattr(data.images, name).removed for name in SPLITS)
    yield compared("forget set of split.json", sizes, stated, f"has {sizes} images (train, val, test), stated {stated}")
    yield compared("hash of data and forget set", removed.split_sha256(data.sha256), data.split_sha256)
    if exists(case.run.predictions):
        yield _measured_on(case.predictions, removed)


def audit_line(case: Case) -> Line:
    """Return whether the answers of the audit are those that the receipt states."""
    stated = case.statement.predicate.evidence.audit
    if not exists(case.run.path / AUDIT):
        return not_here("answers of the audit", f"{AUDIT} {MISSING}") if stated else ok("answers of the audit", "none")
    found = read_audit(case.run, model_of(case.statement))
    return compared("answers of the audit", found, stated, "are others than the receipt states")


def reference_line(case: Case) -> Line:
    """Return whether the figures of the reference are those that its run has."""
    stated, subject = case.statement.predicate.evidence.reference, "figures of the reference"
    if stated is None:
        return not_here(subject, "the receipt names none")
    run = RunDir(str(case.metrics.get("reference")))
    if not run.finished or run.weights_sha256() != stated.sha256:
        return not_here(subject, "its run is not here")
    return figures_compared(subject, figures(run.read_metrics("reference")).model_dump(), stated)


def chain_line(case: Case, given: Path | None) -> Line:
    """Return whether the receipt before is the one that this one names.

    Args:
        case: The receipt.
        given: The receipt before, if the user names it.

    Raises:
        InputError: If `given` is not an envelope.
    """
    stated, subject = case.statement.predicate.identity.previous, "receipt before"
    path = found_previous(case.run, case.metrics, case.split, given)
    if path is None:
        return not_here(subject, f"{stated.id} {MISSING}") if stated else ok(subject, "none: the first of its chain")
    envelope = read_envelope(path, "previous")
    before = read_statement(envelope)
    if stated is None and before.predicate.identity.created > case.statement.predicate.identity.created:
        return ok(subject, "none: that of the original was made later")
    if link(envelope, before) != stated:
        other = stated is None or before.predicate.identity.id != stated.id
        reason = f"is {before.predicate.identity.id}, which this one does not name" if other else CHANGED
        return differs(subject, reason)
    if before.predicate.identity.created > case.statement.predicate.identity.created:
        return differs(subject, "was made later than this one")
    models = {each.digest.sha256 for each in case.statement.subject if each.name == f"original/{MODEL}"}
    models |= {str(each.model_sha256) for each in case.statement.predicate.data.requests}
    return compared(subject, model_of(before) in models, True, "is of another model than this one follows")


def _measured_on(predictions: Predictions, removed: Removed) -> Line:
    """Return whether the figures are of the forget set that `split.json` lists, and of no image that was left out."""
    left_out = [int(np.isin(getattr(predictions, name).rows, getattr(removed, name)).sum()) for name in SPLITS[1:]]
    same = np.array_equal(predictions.forget.rows, removed.train) and not sum(left_out)
    subject = "forget set of predictions.npz"
    return ok(subject) if same else differs(subject, "was measured on other images than split.json lists")


def _attack(predictions: Predictions, evidence: Evidence) -> Line:
    """Return whether the attack finds what is stated; on another processor it may judge one image differently."""
    subject, settings = "MIA from predictions.npz", evidence.attack
    outside = getattr(predictions, settings.nonmembers, None) if settings else None
    if settings is None or evidence.model.MIA is None or not isinstance(outside, Part):
        return not_here(subject, "the receipt has no MIA")
    feature: Any = settings.feature
    found = attack(predictions.retain, outside, predictions.forget, feature, settings.seed)
    one = 100 / max(1, len(predictions.forget.labels)) + 1e-6
    return figures_compared(subject, {"MIA": found}, evidence.model, {"MIA": one})


def _untouched(case: Case, predictions: Predictions) -> Iterator[Line]:
    """Yield whether the untouched figures are those of the original's own predictions on the same images."""
    stated, subject = (
        case.statement.predicate.evidence.untouched,
        "untouched figures from the original's predictions.npz",
    )
    run = RunDir(str(case.metrics.get("original")))
    if stated is None or not exists(run.predictions) or run.weights_sha256() != case.metrics.get("original_sha256"):
        yield not_here(subject, "its run is not here")
        return
    before = predictions_of(run).split_by(predictions.forget.rows)
    kept = np.isin(before.test.rows, predictions.test.rows)
    found = accuracies(replace(before, test=before.test.take(kept)))
    yield figures_compared(subject, {key: found[key] for key in GAP_METRICS if key in found}, stated)
