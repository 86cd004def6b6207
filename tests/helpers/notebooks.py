"""Notebooks, executed with parameters of their own, as a user's Jupyter executes them.

`PYTHONPATH=tests python -m helpers.notebooks NOTEBOOK file=images.npz batch_size=32` writes the outputs into the file.
"""

import ast
import html
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

TAG = "parameters"
WIDGETS, VIEW = "application/vnd.jupyter.widget-state+json", "application/vnd.jupyter.widget-view+json"
SECONDS = 3600
"""A cell that takes longer is an error."""


def execute(notebook: Path, folder: Path, **parameters: Any) -> NotebookNode:
    """Execute a notebook in a folder and return it with its outputs.

    Args:
        notebook: The file, which stays as it is.
        folder: Where its kernel runs.
        parameters: Assigned right after the cell that is tagged `parameters`.

    Raises:
        CellExecutionError: If a cell fails.
    """
    found = nbformat.read(notebook, as_version=4)
    (at,) = [at for at, cell in enumerate(found.cells) if TAG in cell.metadata.get("tags", ())]
    found.cells.insert(at + 1, new_code_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items())))
    client = NotebookClient(
        found, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(
        env=dict(os.environ, MPLBACKEND="module://matplotlib_inline.backend_inline", PYTHONWARNINGS="ignore")
    )
    del found.cells[at + 1]
    for count, cell in enumerate((cell for cell in found.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count  # as if the parameters had stood in their own cell
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    return found


def without_widgets(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook whose widgets, which no web page shows, have become the text that they ended with."""
    state = notebook.metadata.pop("widgets", {}).get(WIDGETS, {}).get("state", {})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # at what time
        for output in cell.get("outputs", ()):
            if VIEW in output.get("data", {}):
                output["data"] = {"text/plain": _text(state, output["data"][VIEW]["model_id"])}
    return notebook


def _text(state: dict[str, Any], model: str) -> str:
    """Return what a bar shows: its children in a row, of which one is the bar and the others text."""
    found = state[model.removeprefix("IPY_MODEL_")]["state"]
    if "children" in found:
        return "".join(_text(state, child) for child in found["children"])
    if "max" in found:
        return "|" + ("█" * round(10 * found["value"] / found["max"])).ljust(10) + "|"
    return html.unescape(found["value"]).replace("\u2007", " ")


def main(notebook: str, *given: str) -> None:
    """Execute a notebook beside which nothing is written but itself; values that are no literals are text."""
    parameters = {}
    for name, _, value in (each.partition("=") for each in given):
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value
    nbformat.write(without_widgets(execute(Path(notebook), Path.cwd(), **parameters)), notebook)


if __name__ == "__main__":
    main(*sys.argv[1:])
