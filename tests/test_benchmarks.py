"""Each benchmark's short form, to see that it works; nobody judges its times."""

import json
import os
from pathlib import Path

import pytest
from helpers import forked

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem != "common")
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")])}
DESCRIBED = (BENCHMARKS / "README.md").read_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_short_form_prints_a_table_and_writes_json(name, tmp_path):
    command = [str(BENCHMARKS / f"{name}.py"), "--short", f"--out={tmp_path / 'results'}"]
    done = forked.run(tmp_path, command, ENVIRONMENT, seconds=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert found["short"] is True
    assert found["rows"]
    assert {"command", "hardware", "versions"} <= found.keys()
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(found["rows"])


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "gpu"])  # which needs one, and had none yet
def test_each_has_a_full_result_and_a_place_in_the_page(name):
    assert f"benchmarks/{name}.py" in DESCRIBED
    found = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())
    assert found["short"] is False, "results of a short form say nothing"
