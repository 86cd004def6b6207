"""The callback that reports to a study: one process asks, and all stop."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics
from medunlearn.errors import Stopped
from medunlearn.timing import Stopwatch
from medunlearn.tuning.journal import TrialFile
from medunlearn.tuning.reporting import ReportProxyGap


def process(rank, sent, logged, epochs=4, epoch=0):
    """Return a Trainer's stand-in of one of several processes, which share what the first sends."""

    def broadcast(value):
        if rank == 0:
            sent.append(value)
        return sent[-1]

    evaluation = UnlearningMetrics()
    evaluation.epoch_gap = lambda trainer, module: 12.5
    return SimpleNamespace(
        is_global_zero=rank == 0,
        strategy=SimpleNamespace(broadcast=broadcast),
        loggers=[SimpleNamespace(log_metrics=lambda values, step: logged.append((rank, values)))],
        callbacks=[RunTime(), evaluation, RunRecord("trial")],
        max_epochs=epochs,
        current_epoch=epoch,
        global_step=7,
        fast_dev_run=False,
        datamodule=None,
    )


@pytest.fixture
def asked(monkeypatch):
    """Let the study say what a list holds; return what it was asked."""
    answers, asked = ["behind"], []
    monkeypatch.setattr(TrialFile, "judged", lambda self, *seen: asked.append((self.number, *seen)) or answers[0])
    return SimpleNamespace(answers=answers, asked=asked)


def test_first_process_asks_and_all_stop(asked):
    callback, module = ReportProxyGap(Path("study.jsonl"), 3), SimpleNamespace(stopwatch=Stopwatch())
    sent, logged = [], []
    for rank in (0, 1):
        with pytest.raises(Stopped, match="stopped: behind"):
            callback.on_train_epoch_end(process(rank, sent, logged, epoch=1), module)
    assert asked.asked == [(3, 12.5, 50)]
    assert sent == ["behind"]
    content = json.loads(Path("trial/stopped.json").read_text())
    assert (content["why"], content["gap"], content["epochs"], content["of"]) == ("behind", 12.5, 2, 4)
    assert logged == [(0, {"proxy/gap_at_rung": 12.5}), (1, {"proxy/gap_at_rung": 12.5})]
    assert [*module.stopwatch.seconds] == ["evaluation"], "which is no part of a method's run time"


def test_a_trial_goes_on_where_the_study_says_nothing_or_no_rung_is_reached(asked):
    asked.answers[0] = ""
    callback, module = ReportProxyGap(Path("study.jsonl"), 3), SimpleNamespace(stopwatch=Stopwatch())
    for epoch in range(4):
        callback.on_train_epoch_end(process(0, [], [], epoch=epoch), module)
    assert [rung for *_, rung in asked.asked] == [50, 75]
    callback.on_train_epoch_end(process(0, [], [], epochs=-1), module)
    assert len(asked.asked) == 2, "a run without a known end has no share of it"
    assert not Path("trial").exists()
