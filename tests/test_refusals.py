"""Every refusal of the package is reached by an input of which its sentence is true.

Each module of `refusals/` holds the rows of a package; a row is an input and the sentence that it ends in. A refusal
without a row fails the last test: whoever adds one adds the inputs that reach it.
"""

import inspect
from importlib import import_module

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

_reached: set[tuple[str, int]] = set()
_done: set[str] = set()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with a tiny Train, Retrain and SalUn, made once."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return make_runs(folder)


def reach(name: str, row: Row, place: Place) -> str:
    with recorded(_reached):
        found = row.found(place)
    _done.add(name)
    return found


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_refusal_says_what_is_true_of_its_input(runs, monkeypatch, name, row):
    found = reach(name, row, Place(runs, monkeypatch))
    assert row.fits(found), f"{found}\n  is not\n{row.says}\n  of {inspect.getsource(row.call)}"
    assert "\n" not in found


def test_every_refusal_has_a_row(runs, tmp_path_factory):
    for name, row in ROWS:  # those that another process of the tests has run, or that were left out
        if name not in _done:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("row"))
                reach(name, row, Place(runs, patch))
    without = [site for site in missed(_reached) if site.text not in ELSEWHERE]
    assert not without, "no row in tests/refusals/ reaches\n" + "\n".join(map(str, without))
