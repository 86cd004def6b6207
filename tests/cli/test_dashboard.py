import json

import pytest

from medunlearn.__main__ import main
from medunlearn.metrics import GAP_METRICS

internal = pytest.importorskip("wandb_workspaces.workspaces.internal", reason="pip install -e '.[dashboard]'")
ARGV = ["dashboard", "--entity", "hospital", "--project", "unlearning"]


@pytest.fixture
def sent(monkeypatch):
    """Stand in for the service: keep the views that would be sent."""
    views = []

    def upsert(view):
        views.append(view)
        return {"upsertView": {"view": {"name": "nw-1", "id": "1"}}}

    monkeypatch.setattr(internal, "upsert_view2", upsert)
    monkeypatch.setattr("wandb.login", lambda **_: True)
    monkeypatch.setattr("wandb_workspaces.workspaces.interface.get_app_url", lambda _: "https://wandb.example")
    monkeypatch.setattr("wandb.Api", lambda: None)
    return views


def test_dashboard_sends_a_workspace_with_a_chart_for_each_metric(sent, capsys):
    assert main(ARGV) == 0
    (view,) = sent
    assert (view.entity, view.project) == ("hospital", "unlearning")
    sections = json.loads(view.spec.model_dump_json(by_alias=True))["section"]["panelBankConfig"]["sections"]
    shown = {section["name"]: json.dumps(section["panels"]) for section in sections}
    assert {"How close to retraining", "Gap by method", "Curves", "Training"} <= shown.keys()
    assert all(f'"{key}"' in shown["How close to retraining"] for key in (*GAP_METRICS, "AG", "RTE"))
    assert all(f"unlearning/{key}" in shown["Curves"] for key in ("UA", "RA", "TA"))
    assert "method" in shown["Gap by method"]
    assert "validation/AG" in shown["Gap by method"]
    assert "https://wandb.example/hospital/unlearning" in capsys.readouterr().out


def test_dashboard_without_a_login_is_refused_in_one_line(sent, monkeypatch, capsys):
    monkeypatch.setattr("wandb.login", lambda **_: False)
    assert main(ARGV) == 2
    assert capsys.readouterr().err == (
        "medunlearn: error: dashboard: you are not logged in to Weights & Biases; run `wandb login` first\n"
    )
    assert not sent


def test_dashboard_that_the_service_refuses_is_one_line(sent, monkeypatch, capsys):
    def refuse(view):
        raise RuntimeError("permission denied\nTraceback and so on")

    monkeypatch.setattr(internal, "upsert_view2", refuse)
    assert main(ARGV) == 2
    error = capsys.readouterr().err
    assert "entity=hospital" in error
    assert "(permission denied)" in error
    assert error.count("\n") == 1


def test_dashboard_without_its_extra_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces.workspaces", None)
    assert main(ARGV) == 2
    assert "pip install 'medunlearn[dashboard]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--entity", "e", "--bogus"], "unrecognized arguments: --bogus; `medunlearn dashboard --help` lists"),
        ([], "the following arguments are required: --entity; `medunlearn dashboard --help` lists the options"),
    ],
)
def test_dashboard_refuses_wrong_options_in_one_line(capsys, options, message):
    assert main(["dashboard", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
