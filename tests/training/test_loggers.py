"""The loggers of a run: none of their failures may end it. (Whole runs: `faults/` and `callbacks/test_tracking.py`.)"""

import sys
import warnings
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from medunlearn.runs import RunDir
from medunlearn.training import loggers
from medunlearn.training.loggers import ForgivingCSVLogger, ForgivingWandbLogger, default_loggers


class Experiment:
    """A stand-in for a started W&B run."""

    offline, dir, url = True, "r/logs/wandb/offline-run-1/files", None

    def __init__(self):
        self.metrics = []

    def define_metric(self, name, **options):
        self.metrics.append((name, options.get("step_metric")))


@pytest.fixture
def run(tmp_path):
    return RunDir(tmp_path / "runs" / "salun")


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for W&B: notes what it is started with, and fails where `fails` names the mode."""
    started, experiment = [], Experiment()

    def init(**arguments):
        started.append(arguments)
        if arguments["mode"] in module.fails:
            raise ConnectionError("no service")
        return experiment

    module = SimpleNamespace(
        init=init,
        login=lambda prompt: module.key and module.run is None,  # as W&B has it
        run=None,
        Settings=lambda **settings: settings,
        started=started,
        experiment=experiment,
        fails=(),
        key=False,
    )
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(loggers, "ForgivingWandbLogger", lambda **arguments: arguments)
    return module


# Failures


METHODS = {
    "log_metrics": ({"loss": 1.0}, 3),
    "log_hyperparams": ({"lr": 0.1},),
    "save": (),
    "finalize": ("success",),
}


@pytest.mark.parametrize("kind", [ForgivingCSVLogger, ForgivingWandbLogger])
@pytest.mark.parametrize("method", METHODS)
def test_logger_that_fails_says_so_once_and_logs_nothing_more(tmp_path, monkeypatch, kind, method):
    calls = []

    def fail(*args, **kwargs):
        calls.append(args[1:])
        raise OSError("no\nroom")

    for name in METHODS:
        monkeypatch.setattr(CSVLogger if kind is ForgivingCSVLogger else WandbLogger, name, fail)
    logger = kind.__new__(kind)
    service = "the CSV files" if kind is ForgivingCSVLogger else "Weights & Biases"
    with pytest.warns(UserWarning, match=f"^From here on nothing is logged to {service}: no room$"):
        getattr(logger, method)(*METHODS[method])
    assert calls == [METHODS[method]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, arguments in METHODS.items():
            getattr(logger, name)(*arguments)
    assert len(calls) == 1


def test_logger_that_is_interrupted_passes_that_on(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(CSVLogger, "save", interrupt)
    logger = ForgivingCSVLogger.__new__(ForgivingCSVLogger)
    with pytest.raises(KeyboardInterrupt):
        logger.save()


def test_logger_whose_failure_is_long_says_only_its_beginning(monkeypatch):
    def fail(*_):
        raise OSError("x" * 10_000)

    monkeypatch.setattr(CSVLogger, "save", fail)
    with pytest.warns(UserWarning, match="x{300}$") as caught:
        ForgivingCSVLogger.__new__(ForgivingCSVLogger).save()
    assert "x" * 301 not in str(caught[0].message)


def test_csv_logger_writes_as_lightnings_does_where_nothing_fails(tmp_path):
    written = []
    for kind in (ForgivingCSVLogger, CSVLogger):
        logger = kind(tmp_path / kind.__name__, name="logs")
        logger.log_hyperparams({"lr": 0.1})
        logger.log_metrics({"loss": 0.5}, step=2)
        logger.save()
        logger.finalize("success")
        folder = tmp_path / kind.__name__ / "logs" / "version_0"
        written.append({path.name: path.read_text() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert written[0]["metrics.csv"].split() == ["loss,step", "0.5,2"]


# What a run has by default


def test_default_loggers_are_wandb_kept_offline_without_a_login_and_csv_files(run, wandb):
    first, second = default_loggers(run)
    (started,) = wandb.started
    assert (started["mode"], started["name"], started["dir"]) == ("offline", "salun", str(run.logs))
    assert (started["project"], started["resume"]) == ("medunlearn", "allow")
    assert first == {"experiment": wandb.experiment, "save_dir": run.logs, "name": "salun"}
    assert wandb.experiment.metrics == [("trainer/global_step", None), ("*", "trainer/global_step")]
    assert isinstance(second, ForgivingCSVLogger)
    assert second.log_dir == str(run.logs / "version_0")


def test_default_loggers_are_online_with_a_login_and_in_the_project_of_the_environment(run, wandb, monkeypatch):
    wandb.key = True
    monkeypatch.setenv("WANDB_PROJECT", "own")
    assert len(default_loggers(run)) == 2
    assert [(each["mode"], each["project"]) for each in wandb.started] == [("online", "own")]


def test_default_loggers_fall_back_to_offline_and_then_to_csv_files_alone(run, wandb):
    wandb.key, wandb.fails = True, ("online",)
    with pytest.warns(UserWarning, match="could not be started online: no service"):
        assert len(default_loggers(run)) == 2
    assert [each["mode"] for each in wandb.started] == ["online", "offline"]
    wandb.fails = ("online", "offline")
    says = "could not be started {}: no service"
    with (
        pytest.warns(UserWarning, match=says.format("online")),
        pytest.warns(UserWarning, match=says.format("offline")),
    ):
        (left,) = default_loggers(run)
    assert isinstance(left, ForgivingCSVLogger)


@pytest.mark.parametrize(
    ("asked", "key", "mode"),
    [
        (None, True, "online"),
        ("online", True, "online"),
        ("online", False, "offline"),
        ("offline", True, "offline"),
        ("dryrun", True, "offline"),
        ("disabled", True, "disabled"),
        ("disabled", False, "disabled"),
    ],
)
def test_mode_is_what_wandb_mode_asks_for_as_far_as_it_is_possible(run, wandb, monkeypatch, asked, key, mode):
    wandb.key = key
    if asked:
        monkeypatch.setenv("WANDB_MODE", asked)
    default_loggers(run)
    assert [each["mode"] for each in wandb.started] == [mode]


def test_identity_stays_with_the_run_directory(run, wandb, tmp_path):
    other = RunDir(tmp_path / "runs" / "other")
    for each in (run, run, other):
        default_loggers(each)
    first, again, another = (each["id"] for each in wandb.started)
    assert first == again == (run.logs / "wandb_id").read_text()
    assert first != another
    assert len(first) == 8 and first.isalnum()


@pytest.mark.parametrize(("sweep", "own"), [("s1", True), (None, False)])
def test_identity_is_the_sweeps_where_an_agent_chose_one(run, wandb, monkeypatch, sweep, own):
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    monkeypatch.delenv("WANDB_SWEEP_ID", raising=False)
    if sweep:
        monkeypatch.setenv("WANDB_SWEEP_ID", sweep)
    default_loggers(run)
    assert (wandb.started[0]["id"] == "chosen") is own


def test_login_is_never_prompted_for_and_a_malformed_key_counts_as_none(wandb):
    asked = []
    wandb.login = lambda prompt: asked.append(prompt) or True
    assert loggers._logged_in() is True
    assert asked == [False]

    def malformed(prompt):
        raise ValueError("API key must have 40 characters")

    wandb.login = malformed
    assert loggers._logged_in() is False


@pytest.mark.parametrize(("key", "known"), [("k", True), (None, False)])
def test_login_of_an_older_wandb_is_its_stored_key(wandb, key, known):
    wandb.login = lambda: pytest.fail("it would ask")
    wandb.api = SimpleNamespace(api_key=key)
    assert loggers._logged_in() is known


def test_place_of_an_online_run_is_its_url_and_of_a_disabled_one_nothing(monkeypatch):
    lines = []
    monkeypatch.setattr(loggers, "rank_zero_info", lines.append)
    loggers._log_location(SimpleNamespace(offline=False, url="https://example.org/run"))
    loggers._log_location(SimpleNamespace(offline=False, url=None))
    loggers._log_location(SimpleNamespace())
    assert lines == ["Weights & Biases: https://example.org/run"]
    loggers._log_location(SimpleNamespace(offline=True, dir="a b/offline-run-1/files"))
    assert lines[1:] == ["Weights & Biases: kept offline; send it with `wandb sync 'a b/offline-run-1'`"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_second_run_of_a_process_is_online_as_the_first_is(wandb, run, fails):
    def finish():
        wandb.run = None
        if fails:
            raise ConnectionError("service gone")

    wandb.key, wandb.run = True, SimpleNamespace(finish=finish)
    with pytest.warns(UserWarning, match="could not be finished: service gone") if fails else nullcontext():
        default_loggers(run)
    assert wandb.started[-1]["mode"] == "online"
