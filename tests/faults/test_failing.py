"""A process that fails ends the run with its own error; what cannot work is refused before anything starts."""

import signal
import time
from pathlib import Path

import pytest
from helpers.runs import same, weights
from helpers.stages import prepare, stage, start, start_all

from medunlearn.__main__ import main


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [
        ("RankOneBreaks", 1, "RuntimeError: rank one is broken"),
        ("RankZeroBreaks", 1, "OSError: no space left for rank zero"),
        ("RankOneRefuses", 2, "medunlearn: error: data.file=x: rank one cannot read it; give another"),
    ],
)
def test_a_failing_process_ends_the_run_with_its_own_error(tmp_path, method, status, error):
    prepare(tmp_path)
    run, command = stage(2, method, f"methods.{method}")
    ended = start(tmp_path, "-m", "medunlearn", *command, seconds=150)
    assert ended.stderr.count(error) == 1
    assert ended.stderr.count("Traceback") == (status == 1), ended.stderr
    # Lightning's watch may have ended the first process before it heard of the failure.
    assert ended.returncode in (status, -9)
    assert not (tmp_path / run / "metrics.json").exists()


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Ask the first, then the second of two processes to end; then let both runs go on, and one run that nobody asked.

    Return the folder and how the two runs ended.
    """
    folder = tmp_path_factory.mktemp("asked")
    prepare(folder)
    parts, ends = [stage(2, f"part_{rank}", "methods.Asked") for rank in (0, 1)], []
    with pytest.MonkeyPatch.context() as here:
        here.setenv("HELD", "held")
        for rank, (run, command) in enumerate(parts):
            here.setenv("ASKED", f"{rank} {int(signal.SIGTERM)}")
            ends.append(start(folder, "-m", "medunlearn", *command, seconds=150))
            assert not (folder / run / "metrics.json").exists()
    whole = stage(2, "whole", "methods.Asked")
    start_all(folder, "going_on", [whole, *((run, [*command, "--resume=true"]) for run, command in parts)])
    return folder, ends


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_ends_all_and_the_run_goes_on_exactly(asked, rank):
    folder, ends = asked
    ended, part = ends[rank], f"part_{rank}_2"
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    hint = f"medunlearn: ended by SIGTERM; go on with `medunlearn fit --config {part}/config.yaml --resume true`"
    assert ended.stderr.count(hint) == 1
    assert "Traceback" not in ended.stderr
    assert same(weights(folder / "whole_2"), weights(folder / part))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_outside_training_ends_all(tmp_path, monkeypatch, rank):
    prepare(tmp_path)
    monkeypatch.setenv("ASKED", f"{rank} {int(signal.SIGTERM)}")
    run, command = stage(2, "run", "methods.AskedOutside")
    ended = start(tmp_path, "-m", "medunlearn", *command, seconds=150)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert "Traceback" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("medunlearn: ")]
    hint = f"go on with `medunlearn fit --config {run}/config.yaml --resume true`"
    assert lines == [f"medunlearn: ended by SIGTERM; {hint}"]


@pytest.mark.parametrize(
    ("world", "rank", "number", "place"),
    [
        (2, 1, signal.SIGKILL, "training"),
        (2, 1, signal.SIGSEGV, "training"),
        (2, 1, signal.SIGKILL, "measuring"),
        (2, 1, signal.SIGKILL, "start"),
        (3, 1, signal.SIGKILL, "training"),
        (3, 2, signal.SIGKILL, "training"),
        (2, 0, signal.SIGKILL, "training"),
        (3, 0, signal.SIGKILL, "measuring"),
    ],
)
def test_a_killed_process_is_named_in_one_line_and_the_run_goes_on(tmp_path, monkeypatch, world, rank, number, place):
    prepare(tmp_path)
    monkeypatch.setenv("KILLED", f"{rank} {int(number)} {place}")
    run, command = stage(world, "my run", "methods.KilledIn")
    begin = time.monotonic()
    ended = start(tmp_path, "-m", "medunlearn", *command, seconds=150)
    assert time.monotonic() - begin < 60
    said = [line for line in ended.stderr.splitlines() if line.startswith("medunlearn: ")]
    who = f"process {rank} was killed by {number.name}" if rank else "process 0 has ended without a message"
    memory = ", as the system does when memory runs out" if number == signal.SIGKILL else ""
    hint = f"go on with `medunlearn fit --config '{run}/config.yaml' --resume true`"
    assert said == [f"medunlearn: {who}{memory}; {hint}"], ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr
    assert ended.returncode == (128 + number if rank else -number)
    assert not (tmp_path / run / "metrics.json").exists()
    if (world, place) == (2, "training"):
        monkeypatch.delenv("KILLED")
        again = ["fit", "--config", f"{run}/config.yaml", "--resume", "true"]
        assert start(tmp_path, "-m", "medunlearn", *again, seconds=150).returncode == 0
        assert (tmp_path / run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trainer.strategy=fsdp"], "trainer.strategy=fsdp: splits the weights over the processes"),
        (["--trainer.strategy=deepspeed_stage_2"], "trainer.strategy=deepspeed_stage_2: splits the weights over"),
        (["--trainer.strategy=FSDPStrategy"], "FSDPStrategy: splits the weights over"),
        (["--trainer.strategy=ModelParallelStrategy"], "ModelParallelStrategy: splits the weights over"),
        (["--trainer.strategy=ddp_spawn"], "trainer.strategy=ddp_spawn: its processes are copies of this one"),
        (["--trainer.strategy=ddp_notebook"], "trainer.strategy=ddp_notebook: its processes are copies of this one"),
        (
            ["--trainer.strategy=DDPStrategy", "--trainer.strategy.start_method=fork"],
            "DDPStrategy: its processes are copies of this one",
        ),
        (["--trainer.sync_batchnorm=true"], "trainer.sync_batchnorm=true: PyTorch has it for GPUs only"),
    ],
)
def test_settings_that_cannot_work_on_several_processes_are_refused_in_one_line(npz, capsys, options, message):
    several = ["--trainer.accelerator=cpu", "--trainer.devices=2", *options]
    assert main(["fit", "--model=Train", "--run_dir=runs/a", f"--data.file={npz}", *several]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not Path("runs").exists()
