import json
import struct
from pathlib import Path

import pytest
import wandb
import yaml
from helpers.backbones import TINY, WITH_TINY
from helpers.loggers import Failing, Recording
from helpers.runs import COUNTS
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import CSVLogger
from wandb.proto import wandb_internal_pb2

import medunlearn
import medunlearn.callbacks.tracking as tracking
from medunlearn.__main__ import main

OPTIONS = ["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


BLOCK, HEADER = 32768, 7
LAST_PIECE = (1, 4)  # the types of a whole record, and of the last piece of one cut by a block's end


def records(folder: Path) -> list:
    """Read an offline run back: LevelDB's log format, in which W&B's own protobuf messages lie.

    (Releases up to 2025 had a reader in Python, `wandb.sdk.internal.datastore`; since then only the compiled core has.)
    """
    content = next(folder.rglob("*.wandb")).read_bytes()
    assert content[:4] == b":W&B"
    place, piece, found = HEADER, b"", []
    while place + HEADER <= len(content):
        if BLOCK - place % BLOCK < HEADER:  # too little room for a header: filled up
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        piece += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in LAST_PIECE:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(piece)
            found.append(record)
            piece = b""
    return found


def summary_and_history(folder: Path) -> tuple[dict, set[str], dict]:
    summary, keys, config = {}, set(), {}
    for record in records(folder):
        for item in record.summary.update:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        keys |= {item.key or "/".join(item.nested_key) for item in record.history.item}
        for item in (*record.run.config.update, *record.config.update):
            config[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    return summary, keys, config


@pytest.fixture
def command(npz):
    def build(method, run_dir, *more):
        data = [f"--data.file={npz}", "--data.batch_size=8", "--trainer.max_epochs=1", "--trainer.log_every_n_steps=1"]
        return ["fit", f"--model={method}", f"--run_dir={run_dir}", *data, WITH_TINY, *OPTIONS, *more]

    return build


def test_a_run_without_a_login_is_kept_offline_with_everything_in_it(command, capsys):
    forget = "--data.forget.rate=0.25"
    assert main(command("Train", "t")) == 0
    assert main(command("Retrain", "r", forget)) == 0
    assert main(command("SalUn", "s", forget, "--model.init_args.original=t", "--reference=r")) == 0
    wandb.teardown()  # waits until the service has written everything
    stated = json.loads(Path("s/metrics.json").read_text())
    summary, keys, config = summary_and_history(Path("s/logs/wandb"))
    for name in ("UA", "RA", "TA", "MIA", "AG", "RTE"):
        assert summary[name] == pytest.approx(stated[name])
    assert summary["before/UA"] == pytest.approx(stated["before"]["UA"])
    assert summary["proxy/gap"] == pytest.approx(stated["proxy"]["gap"])
    assert {"train/loss_step", "val/loss", "val/accuracy", "lr-SGD"} <= keys
    assert {f"true_class_probability/{part}/values" for part in ("forget", "retain", "test")} | {"gaps/_type"} <= keys
    assert sum(summary["true_class_probability/test/values"]) == stated["n"]["test"]
    assert config["split_sha256"] == stated["split_sha256"]
    assert config["data"]["forget"]["rate"] == 0.25
    assert config["model"]["class_path"] == "medunlearn.methods.salun.SalUn"
    assert config["trainer"]["max_epochs"] == 1
    assert config["data_name"] == stated["data"]
    assert {"versions", "hardware"} <= config.keys()
    table = json.loads(next(Path("s/logs").rglob("gaps*.table.json")).read_text())
    assert [row[0] for row in table["data"]] == ["UA", "RA", "TA", "MIA"]
    csv = next(Path("s/logs").rglob("metrics.csv")).read_text()
    assert "train/loss_step" in csv
    assert not Path("medunlearn").exists(), "nothing is written beside the run directory"


def test_no_patients_name_leaves_the_run_directory_by_way_of_loggers(command, npz, monkeypatch):
    rows = [f"{split},{at},P{at % 4:04}" for split, count in COUNTS.items() for at in range(count)]
    Path("clinic.csv").write_text("\n".join(["split,index,patient", *rows]))
    argv = command("Retrain", "r", "--data.groups=clinic.csv", "--data.forget.groups=[P0003]")
    monkeypatch.setattr("sys.argv", ["medunlearn", *argv])
    assert main(argv) == 0
    wandb.teardown()
    config = summary_and_history(Path("r/logs/wandb"))[2]
    assert config["data"]["forget"]["groups"] == "1 patient"
    assert not [file for file in Path("r/logs").rglob("*") if file.is_file() and b"P0003" in file.read_bytes()]
    assert "P0003" in Path("r/config.yaml").read_text(), "the run directory itself knows it"


def test_a_failing_service_costs_no_result(command, monkeypatch):
    def fails(*_):
        raise ConnectionError("service gone")

    monkeypatch.setattr(tracking, "_log_run", fails)
    with pytest.warns(UserWarning, match="rejected the results"):
        assert main(command("Train", "t")) == 0
    wandb.teardown()  # waits until the service has written everything
    assert Path("t/metrics.json").is_file()


def test_wandb_that_cannot_start_costs_no_run(command, monkeypatch):
    def fails(**_):
        raise wandb.errors.CommError("no")

    monkeypatch.setattr(wandb, "init", fails)
    with pytest.warns(UserWarning, match="could not be started"):
        assert main(command("Train", "t")) == 0
    assert Path("t/metrics.json").is_file()


# Loggers of a user's own

OWN = [
    {"class_path": "CSVLogger", "init_args": {"save_dir": "csv"}},
    {"class_path": "helpers.loggers.Recording"},
    {
        "class_path": "WandbLogger",
        "init_args": {"offline": True, "save_dir": "w"},
        "dict_kwargs": {"mode": "offline"},  # W&B takes no other mode from the environment later in one process
    },
]


@pytest.fixture(autouse=True)
def _no_loggers_left(monkeypatch):
    Recording.made.clear()
    monkeypatch.setattr(wandb, "run", None)  # which an earlier test's `teardown` has left, and a WandbLogger would take


def parts(npz):
    seed_everything(0)
    data = medunlearn.MedMNISTDataModule(file=npz, batch_size=8, forget=medunlearn.ForgetSpec(rate=0.25))
    return data, medunlearn.Retrain(num_classes=data.num_classes, backbone=TINY)


def check_once(logger, run):
    """Check that a logger got the configuration, the hashes and the results of a run, each once."""
    (settings,) = logger.settings
    stated, split = (json.loads(Path(run, name).read_text()) for name in ("metrics.json", "split.json"))
    config = yaml.safe_load(Path(run, "config.yaml").read_text())
    assert {key: settings[key] for key in config} == config
    assert settings["split_sha256"] == split["sha256"] == stated["split_sha256"]
    assert settings["data_sha256"] == split["data_sha256"]
    assert settings["method"] == stated["method"]
    ((values, step),) = [each for each in logger.values if "RTE" in each[0]]
    assert step == 3  # batches of 24 retained images in the one epoch
    for name in ("UA", "RA", "TA", "MIA", "RTE"):
        assert values[name] == pytest.approx(stated[name])
    assert all(type(value) is float for value in values.values())


def test_several_loggers_of_a_users_own_get_everything_once_from_the_command_line(command):
    assert main(command("Retrain", "r", "--data.forget.rate=0.25", f"--trainer.logger={json.dumps(OWN)}")) == 0
    wandb.teardown()
    (recording,) = Recording.made
    check_once(recording, "r")
    stated = json.loads(Path("r/metrics.json").read_text())
    summary, _, config = summary_and_history(Path("w"))
    assert summary["UA"] == pytest.approx(stated["UA"])
    assert config["split_sha256"] == stated["split_sha256"]
    assert config["data"]["forget"]["rate"] == 0.25
    assert {"model", "trainer", "seed_everything"} <= config.keys()
    hparams = yaml.safe_load(next(Path("csv").rglob("hparams.yaml")).read_text())
    assert hparams["split_sha256"] == stated["split_sha256"]
    assert hparams["data"] == yaml.safe_load(Path("r/config.yaml").read_text())["data"]
    head, *_, last = next(Path("csv").rglob("metrics.csv")).read_text().splitlines()
    found = dict(zip(head.split(","), last.split(","), strict=True))
    assert float(found["UA"]) == pytest.approx(stated["UA"])
    assert float(found["runtime/training"]) == pytest.approx(stated["runtime"]["training"])


def test_loggers_of_a_users_own_get_everything_once_from_python(npz):
    data, method = parts(npz)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    medunlearn.fit(method, data, "r", max_epochs=1, logger=[Recording(), CSVLogger("csv")], **quiet)
    check_once(Recording.made[0], "r")
    assert not Path("r/logs").exists(), "the loggers by default are not there beside them"
    assert yaml.safe_load(next(Path("csv").rglob("hparams.yaml")).read_text())["run_dir"] == "r"


def test_loggers_of_a_bare_trainer_get_everything_once(npz):
    data, method = parts(npz)
    callbacks = [medunlearn.RunTime(), medunlearn.UnlearningMetrics(), medunlearn.RunRecord("r")]
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", callbacks=callbacks, logger=Recording(), **quiet)
    trainer.fit(method, data)
    check_once(Recording.made[0], "r")


def test_failing_logger_of_a_users_own_costs_neither_the_result_nor_what_others_get(command):
    names = [{"class_path": f"helpers.loggers.{kind.__name__}"} for kind in (Failing, Recording)]
    with (
        pytest.warns(UserWarning, match="^Failing rejected the settings of r: service gone$"),
        pytest.warns(UserWarning, match="^Failing rejected the results of r: service gone$"),
    ):
        assert main(command("Retrain", "r", "--data.forget.rate=0.25", f"--trainer.logger={json.dumps(names)}")) == 0
    check_once(Recording.made[1], "r")
