"""What a report says of forgetting beside the four measures. (The whole audit: `tests/audit/`.)"""

import numpy as np
import pytest
from helpers.audited import family, predictions
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from medunlearn.report import load
from medunlearn.report.audit_table import audit_table
from medunlearn.report.render import write_report
from medunlearn.report.sections import sections


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tables(*runs):
    (section,) = sections(load(runs))
    return {row.label: row.entries for row in audit_table(section)}


def test_the_figures_are_those_of_scikit_learn_and_scipy():
    own, retrains = family(retrains=1, learned_forget=1.0)
    found = tables(own, *retrains)
    unlearned, retrained = predictions(5, learned_forget=1.0), predictions(10)
    for at, part in enumerate(("forget", "retain", "test"), start=1):
        p, q = (getattr(each, part).probs for each in (unlearned, retrained))
        assert found["SalUn"][at] == f"{1000 * np.mean(jensenshannon(p, q, axis=1) ** 2):.1f}"

    def margins(part):
        own = part.logits[np.arange(len(part.labels)), part.labels].astype(np.float64)
        others = np.where(np.arange(4) == part.labels[:, None], -np.inf, part.logits.astype(np.float64))
        return own - np.log(np.exp(others).sum(1))

    inside, outside = margins(unlearned.forget), margins(unlearned.test)
    truth = np.repeat([1, 0], [len(inside), len(outside)])
    assert found["SalUn"][0] == f"{roc_auc_score(truth, np.concatenate([inside, outside])):.3f}"
    assert found["Retrain"][1:] == ("-", "-", "-")


def test_without_logits_or_a_retrain_there_is_a_dash():
    own, retrains = family(retrains=1, logits=False)
    assert tables(own, *retrains)["SalUn"][0] == "-"
    assert tables(own, *retrains)["SalUn"][1] != "-"
    assert tables(own) == {}


def test_the_table_stands_in_the_report(tmp_path):
    own, retrains = family(retrains=1)
    write_report(load([own, *retrains]), tmp_path / "out")
    assert "Was it forgotten?" in (tmp_path / "out/report.html").read_text()
    assert "| method | AUC (near Retrain) | distance, forget (lower) |" in (tmp_path / "out/report.md").read_text()
