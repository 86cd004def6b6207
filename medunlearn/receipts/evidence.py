"""The evidence of a receipt: figures of a run, its reference, and the audit below `RUN/audit`."""

import math
from collections.abc import Mapping
from typing import Any

from medunlearn.errors import Fault, FileError
from medunlearn.files import exists, read_json, unreadable
from medunlearn.metrics import GAP_METRICS
from medunlearn.receipts.evidence_schema import Attack, ByGroup, Evidence, Figures, Reference, Verdict
from medunlearn.runs import RunDir
from medunlearn.runs.record import attack_settings

AUDIT = "audit/audit.json"
FIELDS = ("question", "measure", "value", "interval", "band", "untouched", "answer", "reason")


def evidence(run: RunDir, metrics: Mapping[str, Any]) -> Evidence:
    """Return what was measured of a finished run.

    Args:
        run: The run.
        metrics: Content of its `metrics.json`.

    Raises:
        InputError: If its audit cannot be read.
    """
    before, attack = metrics.get("before"), attack_settings(metrics)
    return Evidence(
        model=figures(metrics),
        untouched=figures(before) if before else None,
        reference=reference(metrics),
        AG=metrics.get("AG"),
        proxy_gap=(metrics.get("proxy") or {}).get("gap"),
        attack=Attack(**attack) if attack and None not in attack.values() else None,
        by_group=by_group(metrics),
        audit=read_audit(run, run.weights_sha256()),
    )


def figures(found: Mapping[str, Any]) -> Figures:
    """Return UA, RA, TA and MIA from a mapping that holds them."""
    return Figures(**{name: found.get(name) for name in GAP_METRICS})


def by_group(metrics: Mapping[str, Any]) -> ByGroup | None:
    """Return the figures by patient; None where patients are not known."""
    found = metrics.get("by_group")
    return ByGroup(**{name: found.get(name) for name in ByGroup.model_fields}) if found else None


def reference(metrics: Mapping[str, Any]) -> Reference | None:
    """Return the retrained model that AG is computed against; with its figures if its run still holds that model."""
    sha256 = metrics.get("reference_sha256")
    if sha256 is None:
        return None
    run = RunDir(str(metrics.get("reference")))
    there = run.finished and run.weights_sha256() == sha256
    found = run.read_metrics("reference") if there else {}
    return Reference(sha256=sha256, **{name: found.get(name) for name in GAP_METRICS})


def read_audit(run: RunDir, model_sha256: str | None) -> list[Verdict] | None:
    """Return the answers of the audit of a model below its run; None if this model has none.

    Raises:
        FileError: If the file is not an audit.
    """
    path = run.path / AUDIT
    if not exists(path):
        return None
    try:
        runs = read_json(path)["runs"]
        own = [each for each in runs if each["models"][0].get("weights_sha256") == model_sha256]
        return [_verdict(each) for each in own[0]["verdicts"]] if own else None
    except (Fault, OSError) as error:
        raise FileError(f"receipt={run}: {path} {unreadable(error, 'make the audit again')}") from None
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise FileError(f"receipt={run}: {path} holds no audit; make it again, or delete it") from None


def _verdict(found: Mapping[str, Any]) -> Verdict:
    return Verdict(**{name: _finite(found[name]) for name in FIELDS})


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
