"""What goes wrong around a run: one line says it, nothing half-written is left, and the training is not lost."""

import json
import os
import stat
import time
from pathlib import Path

import pytest
from helpers import children
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET, same, weights, write_npz

LARGEST = 2**14  # bytes: less than the weights, more than any other file of a run
LOGGED = [option for option in QUIET if "logger" not in option]


def command(run_dir, *extra, quiet=QUIET):
    given = ["fit", "--model=Train", f"--run_dir={run_dir}", "--data.file=tiny.npz", "--data.batch_size=8", *quiet]
    given += [WITH_TINY, "--trainer.precision=32-true", "--trainer.deterministic=true", "--trainer.max_epochs=2"]
    return [*given, *extra]


WAITS = "--trainer.callbacks=helpers.methods.WaitAtWork"


def wait_at_work(process, folder):
    """Wait until a run has finished its first epoch; it begins the second once `go_on` is there."""
    deadline = time.monotonic() + 60
    while not (folder / "Train.pid").exists():
        assert time.monotonic() < deadline
        assert process.exitcode is None
        time.sleep(0.01)
    assert list(folder.rglob("last.ckpt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The data, and a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("faults")
    write_npz(folder / "tiny.npz")
    status, output = children.run(command("whole"), folder)
    assert status == 0, output
    return folder


def error_line(output):
    """Return the one line that the command prints of its failure, without a traceback."""
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if line.startswith("medunlearn: ")]
    assert len(lines) == 1, output
    return lines[0]


def files(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def test_a_full_disk_ends_the_run_in_one_line_and_it_goes_on(folder, tmp_path):
    run = tmp_path / "run"
    status, output = children.run(command(run), folder, largest_file=LARGEST)
    assert status == 2
    assert error_line(output).startswith(
        f"medunlearn: error: run_dir={run}: cannot be written (File too large); make room"
    )
    assert files(run) == ["checkpoints/last.ckpt.sha256", "config.yaml", "split.json"]
    status, output = children.run(command(run, "--resume=true"), folder)
    assert status == 0, output
    assert same(weights(folder / "whole"), weights(run))


def test_a_disk_that_fills_up_after_the_training_loses_no_epoch(folder, tmp_path):
    run = tmp_path / "run"
    at = ("medunlearn.callbacks.run_record", "save_weights", 1)
    status, _ = children.run(command(run), folder, kill_at=at)
    assert status < 0
    checkpoint = (run / "checkpoints" / "last.ckpt").read_bytes()
    status, output = children.run(command(run, "--resume=true"), folder, largest_file=LARGEST)
    assert status == 2
    assert "cannot be written (File too large)" in error_line(output)
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == checkpoint
    status, output = children.run(command(run, "--resume=true"), folder)
    assert status == 0, output
    assert json.loads((run / "metrics.json").read_text())["epochs"] == 2
    assert same(weights(folder / "whole"), weights(run))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are POSIX's")
def test_a_run_directory_that_is_read_only_is_refused_in_one_line(folder, tmp_path):
    run = tmp_path / "shut" / "run"
    run.parent.mkdir()
    run.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    for quiet in (QUIET, LOGGED):
        status, output = children.run(command(run, quiet=quiet), folder, as_other=True)
        assert status == 2
        assert f"run_dir={run}: cannot be written (Permission denied)" in error_line(output)
    assert not run.exists()


def test_a_run_directory_that_cannot_be_made_is_refused_in_one_line(folder):
    status, output = children.run(command("tiny.npz/run"), folder)
    assert status == 2
    assert "run_dir=tiny.npz/run" in error_line(output)


def test_curves_that_cannot_be_written_cost_only_the_curves(npz, tmp_path):
    run = tmp_path / "run"
    logs = run / "logs"
    process = children.start(command(run, "--trainer.max_epochs=10", WAITS, quiet=LOGGED), tmp_path)
    wait_at_work(process, tmp_path)
    (csv,) = logs.rglob("metrics.csv")
    csv.unlink()
    csv.mkdir()  # nothing can be written there now
    (tmp_path / "go_on").touch()
    process.join(120)
    output = (tmp_path / "output.txt").read_text()
    assert process.exitcode == 0, output
    assert "From here on nothing is logged to the CSV files" in output
    assert json.loads((run / "metrics.json").read_text())["epochs"] == 10


@pytest.mark.parametrize("broken", ["unreachable", "killed"])
def test_a_weights_and_biases_that_fails_costs_nothing(npz, tmp_path, broken):
    run = tmp_path / "run"
    environment = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"} if broken == "unreachable" else {}
    more = ["--trainer.max_epochs=10", WAITS] if broken == "killed" else []
    process = children.start(command(run, *more, quiet=LOGGED), tmp_path, environment=environment)
    if broken == "killed":
        wait_at_work(process, tmp_path)
        _kill_service(process.pid)
        (tmp_path / "go_on").touch()
    process.join(150)
    output = (tmp_path / "output.txt").read_text()
    assert process.exitcode == 0, output
    assert "Traceback" not in output
    if broken == "killed":
        assert "From here on nothing is logged to Weights & Biases" in output
    assert (run / "metrics.json").is_file()


def _kill_service(parent):
    """Kill W&B's service process below a process, once it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if f"PPid:\t{parent}\n" in text and "wandb" in text.splitlines()[0]:
                os.kill(int(status.parent.name), 9)
                return
        time.sleep(0.05)
    raise AssertionError("W&B's service has not been seen")


def test_data_that_vanish_are_named_and_the_run_goes_on_with_them_elsewhere(folder, tmp_path):
    run, data = tmp_path / "run", write_npz(tmp_path / "moved.npz")
    given = command(run, f"--data.file={data}")
    at = ("medunlearn.methods.classifier:Classifier", "training_step", 6)
    assert children.run(given, folder, kill_at=at)[0] < 0
    gone = data.rename(tmp_path / "elsewhere.npz")
    status, output = children.run([*given, "--resume=true"], folder)
    assert status == 2
    assert f"data.file={data}: no such file" in error_line(output)
    status, output = children.run([*command(run, f"--data.file={gone}"), "--resume=true"], folder)
    assert status == 0, output
    assert same(weights(folder / "whole"), weights(run))
