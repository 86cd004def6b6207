"""What is wrong with a plan, its options or one of its stages is said in one line, and hurts nothing else."""

import signal
import sys
from pathlib import Path

import pytest
from plans import runner, two_chains

import medunlearn.reproduce.execution as execution
from medunlearn.__main__ import main


def test_a_finished_stage_that_cannot_be_read_does_not_end_the_plan(monkeypatch, capsys):
    calls = runner(monkeypatch, {})
    Path("r/a_train").mkdir(parents=True)
    Path("r/a_train/metrics.json").write_text('{"runtime": ')
    assert main(["reproduce", *two_chains()]) == 1
    assert calls == ["r/b_train", "r/b_salun"]
    told = capsys.readouterr()
    assert "medunlearn: r/a_train failed: run_dir=r/a_train: r/a_train/metrics.json cannot be read" in told.err
    assert "medunlearn: r/a_salun left out: it needs r/a_train" in told.err
    assert "THE TABLE" in told.out


def test_what_became_of_the_stages_is_told_where_nothing_can_be_compared(monkeypatch, capsys):
    from medunlearn.report.table import comparison

    runner(monkeypatch, {"r/a_train": 3})
    monkeypatch.setattr("medunlearn.report.table.comparison", comparison)  # which misses everything in these runs
    assert main(["reproduce", *two_chains()]) == 1
    told = capsys.readouterr().err
    assert "medunlearn: r/a_train failed: exit status 3" in told
    assert "medunlearn: no comparison: report=r/b_train" in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stage_that_a_signal_kills_before_it_listens_ends_the_plan(monkeypatch, capsys, number):
    calls = runner(monkeypatch, {"r/a_train": -number})
    assert main(["reproduce", *two_chains()]) == 128 + number
    assert calls == ["r/a_train"]
    assert f"medunlearn: ended by {signal.Signals(number).name}; the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "lambda *_: sys.exit(1)", "lambda *_: sys.exit(0)"])
def test_a_signal_that_was_passed_on_ends_the_plan_whatever_the_stage_made_of_it(handler):
    asks = f"signal.signal(signal.SIGTERM, {handler}); time.sleep(0.2); os.kill(os.getppid(), signal.SIGTERM)"
    stage = f"import os, signal, sys, time; {asks}; time.sleep(60)"
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # a stage that is too quick must not end the tests
    try:
        assert execution._run_process([sys.executable, "-c", stage]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
