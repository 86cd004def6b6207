"""Figures by patient in a report."""

from pathlib import Path

import numpy as np
import pytest
from helpers.audited import FORGOTTEN, family, predictions

from medunlearn.metrics import by_group
from medunlearn.report import load
from medunlearn.report.patient_table import patient_table
from medunlearn.report.render import write_report
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

PATIENTS = {"train": np.arange(400) // 40}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def known(path) -> str:
    """Write into a run whose images are whose, as a run with `data.groups` does."""
    run = RunDir(path)
    arrays = run.read_predictions("test")
    found = {**by_group(predictions(5), PATIENTS, None), "MIA": 12.5}
    run.write_predictions(arrays | {"forget_group": PATIENTS["train"][arrays["forget_index"]]})
    run.write_json(
        run.metrics, run.read_metrics("test") | {"by_group": {"by": "patient", **found}, "files": run.hashes()}
    )
    return str(path)


def tables(*runs):
    (section,) = sections(load(runs))
    return {row.label: row.entries for row in patient_table(section)}


def test_a_patient_counts_once():
    own, (retrain,) = family(retrains=1)
    found = tables(known(own), known(retrain))["SalUn"]
    forget = predictions(5).forget
    wrong = forget.probs.argmax(1) != forget.labels
    whose = PATIENTS["train"][FORGOTTEN]
    shares = [wrong[whose == patient].mean() for patient in np.unique(whose)]
    assert found[0] == str(len(shares))
    assert found[1] == f"{100 * np.mean(shares):.2f}"
    assert found[2] == f"{100 * np.mean(np.array(shares) < 1):.2f}"
    assert found[3] == "12.50"


def test_runs_without_patients_have_no_such_table():
    own, retrains = family(retrains=1)
    assert tables(own, *retrains) == {}


def test_report_has_the_table():
    own, (retrain,) = family(retrains=1)
    write_report(load([known(own), known(retrain)]), Path("out"))
    for name in ("report.md", "report.html"):
        assert "By patient" in Path("out", name).read_text()
