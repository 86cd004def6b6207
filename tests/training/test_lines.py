"""The lines that a run prints while it trains."""

from types import SimpleNamespace

import pytest

from medunlearn.errors import STAGE_OF_A_PLAN
from medunlearn.training import lines

SHOWN = ("--trainer.logger=false", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=null")


def printed(fit, capsys, *options, epochs=3):
    """Return what a run prints on stderr; nothing of it is a bar."""
    capsys.readouterr()
    fit("Train", "t", *SHOWN, *options, epochs=epochs)
    found = capsys.readouterr()
    assert "\r" not in found.out + found.err
    return found.err.splitlines()


def test_log_gets_a_line_as_a_run_begins_and_one_as_its_training_ends(fit, capsys, monkeypatch):
    monkeypatch.setattr(
        lines, "time", SimpleNamespace(monotonic=lambda: 0.0)
    )  # the machine may stand still for seconds
    begins, ends = printed(fit, capsys)
    assert begins.startswith("Train: ")
    assert begins.endswith(" 3 epochs")
    assert " parameters, on cpu, " in begins
    assert ends.startswith("epoch 3 of 3, 00:00, ")
    assert ", train/loss=" in ends
    assert " left" not in ends


def test_log_gets_a_line_now_and_then_of_a_training_that_takes_long(fit, capsys, monkeypatch):
    monkeypatch.setattr(lines, "PERIOD", -1.0)
    _, first, second, third = printed(fit, capsys)
    assert first.startswith("epoch 1 of 3, 00:0")
    assert " left, train/loss=" in first
    assert (second[:12], third[:12]) == ("epoch 2 of 3", "epoch 3 of 3")


def test_stage_of_a_plan_prints_neither_how_it_begins_nor_its_comparison(fit, capsys, monkeypatch):
    monkeypatch.setenv(STAGE_OF_A_PLAN, "1")
    capsys.readouterr()
    fit("Train", "t", *SHOWN, epochs=1)
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith("epoch 1 of 1, ")


@pytest.mark.parametrize(("value", "tables"), [("null", 0), ("false", 0), ("true", 1)])
def test_table_of_layers_is_printed_where_it_is_asked_for(fit, capsys, logged, value, tables):
    capsys.readouterr()
    fit("Train", "t", f"--trainer.enable_model_summary={value}", epochs=1)
    assert (capsys.readouterr().out + logged.getvalue()).count("Trainable params") == tables
