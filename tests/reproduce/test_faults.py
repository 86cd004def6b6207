"""What is wrong with a plan, its options or one of its stages is said in one line, and hurts nothing else."""

from pathlib import Path

from plans import runner, two_chains

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
