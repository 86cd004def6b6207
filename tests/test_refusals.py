"""Every refusal of the package is reached by an input of which its sentence is true.

Each module of `refusals/` holds the rows of a package; a row is an input and the sentence that it ends in. A refusal
without a row fails the last test: whoever adds one adds the inputs that reach it.
"""

import inspect
import json
import os
from importlib import import_module
from pathlib import Path

import pytest
from helpers.refusals import Place, Row, make_runs, missed, recorded

PARTS = (
    *("data", "files", "models", "methods", "callbacks", "runs", "training", "plans", "tuning", "report", "cli"),
    "curve",
    "audit",
    "relearn",
    "receipts",
    "confusion",
    "poisoning",
    "ulira",
    "deletion",
    "exporting",
    "importing",
)
ROWS: list[tuple[str, Row]] = [
    (f"{part}-{number}", Row(*row))
    for part in PARTS
    for number, row in enumerate(import_module(f"refusals.{part}").ROWS)
]

ELSEWHERE: dict[str, str] = {}
"""Refusals that no row can reach in one process, by their constant text: the test that reaches each."""


@pytest.fixture(scope="session")  # its tests are run by several processes
def runs(tmp_path_factory):
    """Return a folder with a tiny Train, Retrain and SalUn, made once."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return make_runs(folder)


@pytest.fixture(scope="session")
def reached(tmp_path_factory):
    """Return a folder that all processes of the tests share: a file a row, of what it has reached."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "refusals"
    folder.mkdir(exist_ok=True)
    return folder


def reach(row: Row, place: Place, file: Path) -> str:
    reached: set[tuple[str, int]] = set()
    with recorded(reached):
        found = row.found(place)
    with open(f"{file}.part", "w") as content:  # noqa: PTH123 (a row may have made the methods of Path fail)
        json.dump(sorted(reached), content)
    os.rename(f"{file}.part", file)  # noqa: PTH104
    return found


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_refusal_says_what_is_true_of_its_input(runs, reached, monkeypatch, name, row):
    found = reach(row, Place(runs, monkeypatch), reached / name)
    assert row.fits(found), f"{found}\n  is not\n{row.says}\n  of {inspect.getsource(row.call)}"
    assert "\n" not in found


def test_every_refusal_has_a_row(runs, reached, tmp_path_factory):
    found: set[tuple[str, int]] = set()
    for name, row in ROWS:
        if not (reached / name).exists():  # left out, or not run yet by another process of the tests
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("row"))
                reach(row, Place(runs, patch), reached / name)
        found |= {(file, line) for file, line in json.loads((reached / name).read_text())}
    without = [site for site in missed(found) if site.text not in ELSEWHERE]
    assert not without, "no row in tests/refusals/ reaches\n" + "\n".join(map(str, without))
