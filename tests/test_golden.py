"""Golden runs: weights and masks of Train, Retrain and SalUn, bit for bit what they were when the hashes were recorded.

A move of code leaves every hash as it is. A hash that changes with a purpose is recorded again:
`python tests/test_golden.py`, and the change's message says why.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.golden import PORTABLE

RECORDED = Path(__file__).parent / "golden.json"
SCRIPT = Path(__file__).parent / "helpers" / "golden.py"


def golden(folder: Path) -> dict:
    """Make the golden runs in `folder` and return their hashes."""
    done = subprocess.run(
        [sys.executable, SCRIPT], cwd=folder, env=os.environ | PORTABLE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_weights_masks_and_metric_keys_are_the_recorded_ones(tmp_path):
    found, recorded = golden(tmp_path), json.loads(RECORDED.read_text())
    for run, expected in recorded["runs"].items():
        missing = set(expected["metrics"]) - set(found["runs"][run]["metrics"])
        assert not missing, f"metrics.json of {run} lost {missing}"
    if found["torch"] != recorded["torch"] or platform.machine() != "x86_64":
        pytest.skip(f"hashes were recorded with torch {recorded['torch']} on x86_64; the keys are as recorded")
    for run, expected in recorded["runs"].items():
        for kind in ("weights", "mask"):
            assert found["runs"][run].get(kind) == expected.get(kind), f"{kind} of {run} have changed"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        RECORDED.write_text(json.dumps(golden(Path(folder)), indent=1) + "\n")
