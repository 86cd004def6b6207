"""Commands that the package prints run as printed, whatever the paths hold (case F11)."""

import logging
import os
import re
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers.runs import QUIET, write_npz

from medunlearn.__main__ import main
from medunlearn.methods import Classifier
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, command_for, shown
from medunlearn.training.loggers import _log_location

RUN = """my runs/it's "the" $1 & 10 %"""


@pytest.fixture
def pasted(tmp_path, monkeypatch):
    """Go to a folder with a space; return a function that lets bash parse a line, and the program's arguments."""
    folder, programs = tmp_path / "my work", tmp_path / "bin"
    for path in (folder, programs):
        path.mkdir()
    for name in ("medunlearn", "wandb"):
        (programs / name).write_text(f"""#!/bin/sh\nprintf '%s\\0' {name} "$@"\n""")
        (programs / name).chmod(0o755)
    monkeypatch.chdir(folder)

    def paste(line):
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=True
        )
        return done.stdout.split("\0")[:-1]

    return paste


def printed(text, before):
    """Return the command between backticks that follows some text."""
    return re.search(f"{re.escape(before)}`([^`]*)`", text)[1]


def fit(method, run_dir, *options):
    argv = ["fit", f"--model={method}", f"--run_dir={run_dir}", "--data.file=my images.npz", "--data.batch_size=8"]
    return main([*argv, "--trainer.max_epochs=1", *QUIET, *options])


def test_command_after_an_interruption_goes_on_with_the_run(pasted, capsys, monkeypatch):
    write_npz(Path("my images.npz"))
    step = Classifier.training_step

    def interrupted(self, batch, number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "training_step", interrupted)
        assert fit("Train", RUN) == 128 + signal.SIGTERM
    program, *argv = pasted(printed(capsys.readouterr().err, "go on with "))
    assert program == "medunlearn"
    assert argv == ["fit", "--config", f"{RUN}/config.yaml", "--resume", "true"]
    assert main(argv) == 0
    assert RunDir(RUN).finished


def test_commands_about_a_missing_reference_make_and_compare_it(pasted, capsys):
    write_npz(Path("my images.npz"))
    reference = f"{RUN} (reference)"
    assert fit("Retrain", RUN, f"--reference={reference}", "--data.forget.rate=0.25") == 0
    errors = capsys.readouterr().err
    _, *makes = pasted(printed(errors, "make it with "))
    assert makes[-4:] == ["--data.file", "my images.npz", "--run_dir", reference]
    Path("configs").mkdir()
    settings = {"data": {"batch_size": 8, "forget": {"rate": 0.25}}, "model": {"class_path": "Retrain"}}
    Path("configs/NAME.yaml").write_text(yaml.safe_dump(settings))
    assert main([*makes, "--trainer.max_epochs=1", *QUIET]) == 0
    _, *compares = pasted(printed(errors, "once there is one, "))
    assert compares == ["report", reference, RUN]
    assert main(compares) == 0


def test_command_that_sends_an_offline_run_names_its_folder(pasted, caplog, capsys):
    with caplog.at_level(logging.INFO):
        _log_location(SimpleNamespace(offline=True, dir=f"{RUN}/logs/wandb/offline-run/files"))
    logged = caplog.text + capsys.readouterr().err  # where Lightning's logger writes depends on its release
    assert pasted(printed(logged, "send it with ")) == ["wandb", "sync", f"{RUN}/logs/wandb/offline-run"]


def test_missing_and_unfinished_runs_are_refused_with_the_command_that_makes_them(pasted):
    with pytest.raises(ValueError, match=r"reference=.*: no run there; make it with") as missing:
        check_finished(RunDir(RUN), "reference", Path("my images.npz"))
    assert pasted(printed(str(missing.value), "make it with "))[-2:] == ["--run_dir", RUN]
    Path(RUN).mkdir(parents=True)
    Path(RUN, "config.yaml").write_text("run_dir: x")
    with pytest.raises(ValueError, match=r"original=.*: the run there is unfinished; make it with") as unfinished:
        check_finished(RunDir(RUN), "original")
    assert pasted(printed(str(unfinished.value), "make it with "))[-4:] == [
        "--config",
        f"{RUN}/config.yaml",
        "--resume",
        "true",
    ]


def test_plain_commands_are_printed_without_quotes():
    assert command_for(Path("runs/train_organa")) == "medunlearn fit --config configs/train_organa.yaml"
    assert command_for(Path("runs/train_organa"), Path("f.npz")).endswith("train_organa.yaml --data.file f.npz")
    assert shown(["wandb", "sync", Path("a b")]) == "wandb sync 'a b'"
