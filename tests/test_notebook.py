"""The notebook runs from its first cell to its last at tiny size, and what is committed of it is small and clean."""

import ast
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.backbones import TINY
from helpers.runs import write_npz

nbformat = pytest.importorskip("nbformat", reason="comes with nbclient: pip install -e '.[dev]'")
for module in ("nbclient", "ipykernel"):
    if find_spec(module) is None:  # and not imported: a process with a kernel's modules is no notebook
        pytest.skip("pip install -e '.[dev]'", allow_module_level=True)

from helpers.notebooks import execute, without_widgets  # noqa: E402  needs both

FILE = Path(__file__).parents[1] / "docs" / "notebooks" / "blood.ipynb"
COMMITTED = json.loads(FILE.read_text())
CODE = [cell for cell in COMMITTED["cells"] if cell["cell_type"] == "code"]
LARGEST = 300_000  # bytes, so that the repository stays small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(folder):
    """The notebook, executed once on tiny images and a small network."""
    file = write_npz(folder / "tiny.npz")
    return execute(FILE, folder, file=str(file), epochs=1, batch_size=8, network={"backbone": TINY}, runs="runs")


def outputs(notebook, kind):
    """Return all outputs of a kind."""
    found = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return [output["data"][kind] for output in found if kind in output.get("data", {})]


def test_notebook_makes_four_runs_a_table_and_two_figures(executed, folder):
    assert {path.parent.name for path in folder.glob("runs/*/metrics.json")} == {
        "train",
        "retrain",
        "salun",
        "kernel_transpose",
    }
    (table,) = outputs(executed, "text/html")
    for word in ("Train", "Retrain", "SalUn", "KernelTranspose", "UA", "RTE"):
        assert word in table
    assert len(outputs(executed, "image/png")) == 2


def test_notebook_prints_a_line_a_run_and_no_warnings(executed):
    shown = [output for cell in executed["cells"] for output in cell.get("outputs", ())]
    errors = [line for each in shown if each.get("name") == "stderr" for line in each["text"].splitlines()]
    begun = [line for line in errors if re.match(r"\w+: [\d,]+ parameters, on ", line)]
    assert [line.partition(":")[0] for line in begun] == ["Train", "Retrain", "SalUn", "KernelTranspose"]
    progress = re.compile(r"\s*$|Seed set to \d+$|epoch \d+ of \d+, |.*\d+%\|")
    assert not [line for line in errors if line not in begun and not progress.match(line)]


def test_committed_notebook_was_executed_in_order_and_holds_no_error():
    assert [cell["execution_count"] for cell in CODE] == [*range(1, 1 + len(CODE))]
    assert not [each for cell in CODE for each in cell["outputs"] if each["output_type"] == "error"]


def test_committed_notebook_shows_what_a_run_shows():
    assert len(outputs(COMMITTED, "text/html")) == 1
    assert len(outputs(COMMITTED, "image/png")) == 2


def test_committed_notebook_is_small_and_has_no_widgets_and_no_paths_of_a_machine():
    text = FILE.read_text()
    assert len(text) < LARGEST
    assert "widget" not in json.dumps([cell.get("outputs") for cell in COMMITTED["cells"]] + [COMMITTED["metadata"]])
    assert not [path for path in ("/home/", "/root/", "/tmp/", "/work/") if path in text]


def test_committed_notebook_says_what_its_outputs_come_from():
    text = "".join("".join(cell["source"]) for cell in COMMITTED["cells"] if cell["cell_type"] == "markdown")
    for said in ("400 training", "PBC blood", "batch_size = 32", "AMD EPYC"):
        assert said in text.replace("\n", " ")


def test_committed_parameters_download_the_public_data():
    (cell,) = [cell for cell in CODE if "parameters" in cell["metadata"].get("tags", ())]
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse("".join(cell["source"])).body}
    assert values["file"] is None
    assert values["network"] == {"backbone": "resnet18"}


def test_a_bar_becomes_the_text_that_it_ended_with():
    models = {
        "box": {"children": ["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"]},
        "left": {"value": "Epoch 1/1:\u2007100%"},
        "bar": {"value": 3.0, "max": 3.0},
        "right": {"value": " 3/3 [00:01&lt;00:00]"},
    }
    state = {"application/vnd.jupyter.widget-state+json": {"state": {key: {"state": models[key]} for key in models}}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "box"}, "text/plain": "0%"}
    cell = {"metadata": {}, "outputs": [{"data": view}]}
    notebook = nbformat.from_dict({"metadata": {"widgets": state}, "cells": [cell]})
    assert outputs(without_widgets(notebook), "text/plain") == ["Epoch 1/1: 100%|██████████| 3/3 [00:01<00:00]"]
    assert "widgets" not in notebook.metadata
