"""Where commands that audit write, and what the commands of studies share. (The studies: their own folders.)"""

from pathlib import Path

import pytest
from helpers.audited import family

from medunlearn.__main__ import main
from medunlearn.cli.parser import CommandParser
from medunlearn.cli.studies import Outcomes, add_study_options, study_plan
from medunlearn.plans.engines import Outcome

COMMANDS = [
    ["audit", "runs/own"],
    ["relearn", "runs/own"],
    ["strata", "runs/train", "--out_of", "runs/retrain_0", "--count", "5"],
    ["poison", "demo"],
    ["confuse", "demo", "--classes", "0", "1"],
    ["ulira", "demo", "--originals", "4", "--draws", "1", "--targets", "2"],
]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("argv", COMMANDS, ids=[argv[0] for argv in COMMANDS])
@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("file", "medunlearn: error: out=file: is a file; name a directory\n"),
        ("file/below", "medunlearn: error: out=file/below: cannot be written (Not a directory); a file stands where"),
    ],
)
def test_an_output_folder_that_cannot_be_is_one_line_and_nothing_is_run(argv, out, says, monkeypatch, capsys):
    if Path(argv[1]).parts[0] == "runs":
        family(retrains=1)
    monkeypatch.setattr("medunlearn.plans.engines.run_process", lambda *_: pytest.fail("a stage has run"))
    monkeypatch.setattr("medunlearn.relearning.measuring.relearn", lambda *_: pytest.fail("a model was trained"))
    monkeypatch.setattr("medunlearn.audit.auditing.attack_rows", lambda *_: pytest.fail("a run was audited"))
    Path("file").touch()
    assert main([*argv, "--out", out]) == 2
    error = capsys.readouterr().err
    assert error.startswith(says)
    assert error.count("\n") == 1


def parser(seeds="why"):
    made = CommandParser("medunlearn poison CONFIG...", description="")
    add_study_options(made, "runs/x", retrain_seeds=seeds)
    return made


def test_options_of_the_study_are_parted_from_those_of_stages():
    parsed, plan = study_plan(["demo", "--out", "o", "--data.size=28", "--retrain_seeds", "7"], parser(), "`x`")
    assert (parsed.out, parsed.engine, parsed.retrain_seeds) == (Path("o"), "local", [7])
    assert all("--data.size=28" in stage.argv for stage in plan)
    assert any(stage.run.path.name.endswith("retrain7") for stage in plan)
    assert "retrain_seeds" not in vars(study_plan(["demo"], parser(seeds=""), "`x`")[0])


def test_what_is_broken_is_said_at_the_end_and_is_the_exit_status(capsys):
    _, plan = study_plan(["demo"], parser(), "`x`")
    outcomes = Outcomes()
    outcomes.ended(Outcome(plan[0], "done", 3.0))
    assert outcomes.status() == 0
    outcomes.ended(Outcome(plan[1], "failed", 2.0, "exit status 1"))
    outcomes.ended(Outcome(plan[2], "left out", 0.0, "it needs another"))
    assert outcomes.status() == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"{plan[0].run}: done after 3 s"
    assert printed.err.splitlines() == [
        f"medunlearn: {plan[1].run} failed: exit status 1",
        f"medunlearn: {plan[2].run} left out: it needs another",
        "medunlearn: the same command goes on from there",
    ]


def test_a_stage_is_announced_with_its_place_among_all(monkeypatch, capsys):
    def engine(stages, announce):
        for stage in stages:
            announce(stage)
            yield Outcome(stage, "done")

    monkeypatch.setattr("medunlearn.cli.studies.find_engine", lambda name: engine)
    _, plan = study_plan(["demo"], parser(), "`x`")
    with Outcomes().runner("local", parser()) as runner:
        assert runner.finished(plan) == [stage.run.path for stage in plan]
    assert f"stage 2 of {len(plan)}: {plan[1].run}\n  medunlearn fit" in capsys.readouterr().out
