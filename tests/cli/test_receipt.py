"""What `medunlearn receipt` prints, and how it ends. (What it states and finds: `tests/receipts/`.)"""

import shlex
import shutil
from pathlib import Path

from helpers.backbones import TINY
from helpers.withdrawn import clinic_in

from medunlearn.__main__ import main

RECEIPT = "runs/request_1/receipt.json"


def test_commands_write_verify_and_prove(tmp_path, capsys):
    clinic_in(tmp_path)
    for name in ("receipt.json", "receipt.html", "receipt_salts.json"):
        Path("runs/request_1", name).unlink()
    assert main(["receipt", "--new_key", "my key.pem"]) == 0
    said = capsys.readouterr().out
    assert main(["receipt", "runs/request_1", "--key", "my key.pem", "--case", "2026-017", "--runs", "runs"]) == 0
    out = capsys.readouterr().out
    keyid = said.strip().rpartition(" ")[2]
    assert f"signed with key {keyid}" in out
    assert "Keep runs/request_1/receipt_salts.json to yourself" in out
    printed = shlex.split(out.partition("Verify it with `")[2].partition("`")[0])
    assert main(printed[1:]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "OK                  signature 1: by my key.pub"
    assert lines[-1] == f"{len(lines) - 1} OK, 0 differ, 0 not checkable here"
    assert main([*printed[1:], "--predict", "true", "--backbone", TINY, "--complete", "true"]) == 0
    assert "the model's answers to the removed images: 3 images" in capsys.readouterr().out
    assert main(["receipt", "--prove", RECEIPT, "--images", "train:3", "--out", "proof"]) == 0
    assert main([*printed[1:], "--proof", "proof"]) == 0
    assert "images of the proof: 1 image" in capsys.readouterr().out
    assert main(["receipt", "--verify", "runs/request_1", "--public_key", "my key.pub"]) == 0, "its receipt is meant"
    assert main(["receipt", "--verify", "runs"]) == 2
    assert "runs/receipt.json: " in capsys.readouterr().err

    assert main(["receipt", "runs/retrain"]) == 0
    assert "UNSIGNED: give --key to sign it" in capsys.readouterr().out
    shutil.copy(RECEIPT, "alone.json")
    shutil.rmtree("runs")
    alone = ["receipt", "--verify", "alone.json", "--public_key", "my key.pub"]
    assert main(alone) == 0
    assert main([*alone, "--complete", "true"]) == 1
    assert main([*alone, "--case", "another"]) == 1
    assert main([*alone, "--public_key", "clinic.pub"]) == 1
    out = capsys.readouterr().out
    assert "differs             reference of the case: 2026-017, stated another" in out
    assert main([*alone, "--data.file", "nowhere.npz"]) == 2
