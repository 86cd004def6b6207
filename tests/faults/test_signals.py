"""Ctrl-C, SIGTERM and SLURM's requeue: the run keeps what it needs, says how to go on, and goes on exactly."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import children, groups
from helpers.backbones import TINY, WITH_TINY
from helpers.runs import QUIET, same, weights, write_npz
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

import medunlearn.methods.classifier as classifier
import medunlearn.methods.unlearner as unlearner
from medunlearn.__main__ import main
from medunlearn.callbacks import Interruption
from medunlearn.errors import Interrupted

DETERMINISTIC = ["--trainer.precision=32-true", "--trainer.deterministic=true", "--trainer.max_epochs=3"]
STEPS = {"Train": 12, "Retrain": 9, "SalUn-mixed": 12, "SalUn-sequential": 12}  # of three epochs in batches of 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the data lie, and runs that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    write_npz(folder / "tiny.npz")
    return folder


@pytest.fixture
def command(folder):
    """Return a function from a method and a run directory to the arguments of its command."""

    def of(method, run_dir):
        kind, _, schedule = method.partition("-")
        given = ["fit", f"--model={kind}", f"--run_dir={run_dir}", f"--data.file={folder}/tiny.npz"]
        given += ["--data.batch_size=8", WITH_TINY, *QUIET, *DETERMINISTIC]
        if kind != "Train":
            given.append("--data.forget.rate=0.25")
        if schedule:
            original = whole("Train")
            given += [f"--model.init_args.original={original}", f"--model.init_args.schedule={schedule}"]
        return given

    def whole(method):
        run = folder / method
        if not run.exists():
            assert main(of(method, run)) == 0
        return run

    of.whole = whole
    return of


@pytest.fixture
def signalled(monkeypatch):
    """Return a function that lets a call of another function send this process a signal, the `at`-th time."""

    def arrange(owner, name, at, number=signal.SIGTERM, times=1):
        call, calls = getattr(owner, name), []

        def counted(*args, **kwargs):
            calls.append(0)
            for _ in range(times if len(calls) == at else 0):
                os.kill(os.getpid(), number)
            return call(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)
        return calls

    return arrange


@pytest.mark.parametrize("at", ["first", "middle", "end of epoch", "last"])
@pytest.mark.parametrize("method", STEPS)
def test_a_run_that_is_asked_to_end_goes_on_exactly(command, signalled, capsys, method, at, monkeypatch):
    steps = STEPS[method]
    place = {"first": 1, "middle": steps // 2 - 1, "end of epoch": 2 * steps // 3, "last": steps}[at]
    whole = command.whole(method)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    calls = signalled(classifier.Classifier, "training_step", place)
    assert main(command(method, "part")) == 128 + signal.SIGTERM
    assert len(calls) == place, "the batch is finished and no other begun"
    printed = capsys.readouterr().err
    assert "ended by SIGTERM; go on with `medunlearn fit --config part/config.yaml --resume true`" in printed
    assert not Path("part/metrics.json").exists()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert main([*command(method, "part"), "--resume=true"]) == 0
    assert len(calls) == steps, "nothing is done twice or left out"
    assert same(weights(whole), weights(Path("part")))
    before, after = (json.loads(Path(run, "metrics.json").read_text()) for run in (whole, "part"))
    for key in ("UA", "RA", "TA", "MIA", "epochs"):
        assert before[key] == after[key]


@pytest.mark.parametrize(("owner", "name"), [(unlearner, "saliency_mask"), (classifier.Classifier, "predict_step")])
def test_a_run_outside_training_ends_at_once(command, signalled, owner, name):
    whole = command.whole("SalUn-mixed")
    calls = signalled(owner, name, 1, signal.SIGINT)
    assert main(command("SalUn-mixed", "part")) == 128 + signal.SIGINT
    assert len(calls) == 1
    assert not Path("part/metrics.json").exists()
    assert main([*command("SalUn-mixed", "part"), "--resume=true"]) == 0
    assert same(weights(whole), weights(Path("part")))


def test_a_second_signal_does_not_wait_for_the_batch(command, signalled, monkeypatch):
    finished = []
    step = classifier.Classifier.training_step
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *a: finished.append(step(*a)) or finished[-1])
    signalled(classifier.Classifier, "training_step", 2, signal.SIGINT, times=2)
    assert main(command("Train", "part")) == 128 + signal.SIGINT
    assert len(finished) == 1


def test_the_run_time_of_the_parts_adds_up(command, signalled, monkeypatch):
    calls = signalled(classifier.Classifier, "training_step", 6)
    step = classifier.Classifier.training_step
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *a: time.sleep(0.2) or step(*a))
    assert main(command("Train", "part")) == 128 + signal.SIGTERM
    assert main([*command("Train", "part"), "--resume=true"]) == 0
    assert len(calls) == 12
    training = json.loads(Path("part/metrics.json").read_text())["runtime"]["training"]
    assert training > 12 * 0.2


def test_gradients_that_are_being_gathered_are_not_lost(command, signalled):
    extra = ["--trainer.accumulate_grad_batches=2"]
    whole = Path("whole")
    assert main([*command("Train", whole), *extra]) == 0
    calls = signalled(classifier.Classifier, "training_step", 5)
    assert main([*command("Train", "part"), *extra]) == 128 + signal.SIGTERM
    assert len(calls) == 6
    assert main([*command("Train", "part"), *extra, "--resume=true"]) == 0
    assert same(weights(whole), weights(Path("part")))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_go_on_in_the_middle_of_an_epoch_too(command, signalled, workers):
    extra = [f"--data.num_workers={workers}"]
    whole = command.whole("Train")
    signalled(classifier.Classifier, "training_step", 6)
    assert main([*command("Train", "part"), *extra]) == 128 + signal.SIGTERM
    assert main([*command("Train", "part"), *extra, "--resume=true"]) == 0
    assert same(weights(whole), weights(Path("part")))


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_to_the_whole_group_with_workers_is_one_line_and_the_run_goes_on(command, name):
    """Ctrl-C as a terminal sends it: to every process of the group, the workers too."""
    number, given = signal.Signals[f"SIG{name}"], [*command("Train", "part"), "--data.num_workers=2"]
    status, printed = children.run(given, Path.cwd(), environment={"SIGNAL": str(int(number))}, main=groups.run)
    assert status == 128 + number, printed
    assert "Traceback" not in printed
    lines = [line for line in printed.splitlines() if line.startswith("medunlearn: ")]
    assert lines == [
        f"medunlearn: ended by {number.name}; go on with `medunlearn fit --config part/config.yaml --resume true`"
    ]
    whole = command.whole("Train")
    assert main([*command("Train", "part"), "--resume=true"]) == 0
    assert same(weights(whole), weights(Path("part")))


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A SLURM job of one task, and a `scontrol` that notes what it is asked."""
    job = {"JOB_ID": "7", "JOB_NAME": "unlearn", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}
    for name, value in (job | {"NTASKS_PER_NODE": "1"}).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "scontrol").write_text('#!/bin/sh\necho "$@" >> scontrol.txt\n')
    (tools / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


@pytest.mark.parametrize(("place", "array", "asked"), [(5, None, "7"), (6, ("5", "3"), "5_3")])
def test_slurm_requeues_a_job_that_goes_on_exactly(command, signalled, slurm, monkeypatch, place, array, asked):
    if array:
        monkeypatch.setenv("SLURM_ARRAY_JOB_ID", array[0])
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", array[1])
    whole = command.whole("SalUn-mixed")
    calls = signalled(classifier.Classifier, "training_step", place, signal.SIGUSR1)
    assert main(command("SalUn-mixed", "part")) == 128 + signal.SIGUSR1
    assert Path("scontrol.txt").read_text() == f"requeue {asked}\n"
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert main(command("SalUn-mixed", "part")) == 0, (
        "SLURM runs the same command again, which says nothing of resuming"
    )
    assert len(calls) == 12
    assert same(weights(whole), weights(Path("part")))


def test_the_first_process_requeues_also_where_another_one_hears_of_it_first(slurm):
    """A stand-in for the trainer of the first of two processes, of which only the second has its signal yet."""
    other = torch.tensor(int(signal.SIGUSR1))
    trainer = SimpleNamespace(
        accumulate_grad_batches=1,
        is_last_batch=False,
        world_size=2,
        strategy=SimpleNamespace(
            root_device=torch.device("cpu"),
            reduce=lambda value, reduce_op: torch.maximum(value, other),
            reduce_boolean_decision=lambda decision, all: True,
        ),
        _accelerator_connector=SimpleNamespace(cluster_environment=SLURMEnvironment()),
    )
    with pytest.raises(Interrupted, match="SIGUSR1"):
        Interruption(None).on_train_batch_end(trainer, None, None, None, 0)
    assert Path("scontrol.txt").read_text() == "requeue 7\n"


def test_a_plan_passes_a_signal_on_to_its_stage_and_goes_on_later(npz):
    model = {"class_path": "Train", "init_args": {"backbone": TINY}}
    config = {"run_dir": "r", "data": {"file": str(npz), "batch_size": 8}, "model": model}
    Path("train.yaml").write_text(json.dumps(config | {"trainer": {"max_epochs": 2000}}))
    process = children.start(["reproduce", "train.yaml", *QUIET], Path.cwd(), forked_stages=True)
    while not Path("r/checkpoints/last.ckpt").exists():
        assert process.is_alive()
        time.sleep(0.05)
    process.terminate()
    process.join(60)
    process.kill()  # if it goes on all the same
    printed = Path("output.txt").read_text()
    assert process.exitcode == 128 + signal.SIGTERM
    assert printed.count("medunlearn: ended by ") == 1, "the plan says it, not the stage too"
    assert printed.rstrip().endswith("medunlearn: ended by SIGTERM; the same command goes on from there")


def test_a_killed_worker_is_one_line_and_the_run_goes_on_without_workers(command, monkeypatch, capsys):
    step, calls = classifier.Classifier.training_step, []

    def killing(*args):
        calls.append(0)
        if len(calls) == 6:
            for worker in multiprocessing.active_children():
                os.kill(worker.pid, signal.SIGKILL)
        return step(*args)

    monkeypatch.setattr(classifier.Classifier, "training_step", killing)
    assert main([*command("Train", "part"), "--data.num_workers=2"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: ")]
    assert len(said) == 1
    assert said[0].startswith("medunlearn: error: data.num_workers: a process that fetches batches ")
    assert "; go on with `medunlearn fit --config part/config.yaml --resume true`, with fewer of them" in said[0]
    assert main([*command("Train", "part"), "--resume=true", "--data.num_workers=0"]) == 0
    assert same(weights(command.whole("Train")), weights(Path("part")))
