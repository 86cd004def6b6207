import json
import struct
from pathlib import Path

import pytest
import wandb
from helpers.backbones import WITH_TINY
from wandb.proto import wandb_internal_pb2

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
    assert {"train/loss_step", "val/loss", "val/accuracy", "lr-SGD"} <= keys
    assert {f"true_class_probability/{part}/values" for part in ("forget", "retain", "test")} | {"gaps/_type"} <= keys
    assert sum(summary["true_class_probability/test/values"]) == stated["n"]["test"]
    assert config["split_sha256"] == stated["split_sha256"]
    assert config["data"] and config["model"]
    assert {"versions", "hardware"} <= config.keys()
    table = json.loads(next(Path("s/logs").rglob("gaps*.table.json")).read_text())
    assert [row[0] for row in table["data"]] == ["UA", "RA", "TA", "MIA"]
    csv = next(Path("s/logs").rglob("metrics.csv")).read_text()
    assert "train/loss_step" in csv
    assert not Path("medunlearn").exists(), "nothing is written beside the run directory"


def test_a_failing_service_costs_no_result(command, monkeypatch):
    def fails(*_):
        raise ConnectionError("service gone")

    monkeypatch.setattr(tracking, "_log_run", fails)
    with pytest.warns(UserWarning, match="did not take the results"):
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
