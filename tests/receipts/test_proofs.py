"""Proofs for the images of one patient, without any of the others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.withdrawn import FIRST_ROWS, PUBLIC

from medunlearn.receipts import prove, verify

pytestmark = pytest.mark.xdist_group("receipts")
RECEIPT, SALTS = Path("runs/request_2/receipt.json"), Path("runs/request_2/receipt_salts.json")


@pytest.fixture
def proof(clinic):
    """Return the folder of a proof, beside a receipt and nothing else."""
    prove(RECEIPT, [f"train:{FIRST_ROWS[0]}", "test:7"], Path("theirs"), SALTS)
    shutil.copy(RECEIPT, "theirs/receipt.json")
    return Path("theirs")


def answer(folder):
    (line,) = [each for each in verify(folder / "receipt.json", [PUBLIC], proof=folder) if "proof" in each.subject]
    return f"{line.answer}: {line.detail}"


def test_proof_shows_its_images_to_one_who_has_nothing_else(proof):
    assert answer(proof) == "OK: 2 images"
    stored, data = np.load(proof / "images.npz")["images"], np.load("scans of P0017.npz")
    assert np.array_equal(stored, [data["train_images"][FIRST_ROWS[0]], data["test_images"][7]])
    assert {each.name for each in proof.iterdir()} == {"proof.json", "images.npz", "receipt.json"}


def test_proof_holds_the_salts_of_its_own_images_alone(proof):
    values = json.loads(SALTS.read_text())["values"]
    text = (proof / "proof.json").read_text()
    assert sum(value in text for value in values) == 2


@pytest.mark.parametrize("part", ["salt", "path", "at", "pixel", "receipt", "fewer"])
def test_altered_proof_differs(proof, part):
    content = json.loads((proof / "proof.json").read_text())
    first = content["images"][0]
    if part == "salt":
        first["salt"] = "ab" * 32
    elif part == "path":
        first["path"][0] = "ab" * 32
    elif part == "at":
        first["at"] += 1
    elif part == "receipt":
        content["receipt"] = "another"
    elif part == "fewer":
        content["images"].pop()
    else:
        stored = np.load(proof / "images.npz")["images"]
        stored[0, 0, 0, 0] ^= 1
        np.savez(proof / "images.npz", images=stored)
    (proof / "proof.json").write_text(json.dumps(content))
    assert answer(proof).startswith("differs: ")
