"""What was done to receipts, and what the verification says: the table of docs/guides/receipt.md."""

import re
from pathlib import Path

import pytest
from helpers.backbones import TINY
from helpers.tampering import RECEIPT, TAMPERINGS, Tampering
from helpers.withdrawn import PUBLIC

from medunlearn.errors import InputError
from medunlearn.receipts import summary, verify

pytestmark = pytest.mark.xdist_group("receipts")
PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "receipt.md").read_text()


def lines(row: Tampering) -> list[str]:
    """Return the lines of a verification without padding, or the error in which it ends."""
    arguments = {"receipt": RECEIPT, "public_keys": [PUBLIC], "backbone": TINY} | dict(row.verify)
    try:
        return [" ".join(str(line).split()) for line in verify(**arguments)]
    except InputError as error:
        return [str(error)]


@pytest.mark.parametrize("row", TAMPERINGS, ids=[row.done for row in TAMPERINGS])
def test_tampering_is_noticed(clinic, row):
    row.do()
    found = lines(row)
    pattern = ".*".join(map(re.escape, row.says.split("…")))
    assert any(re.fullmatch(pattern, line) for line in found), "\n".join(found)


def test_nothing_differs_before(clinic):
    for receipt in (RECEIPT, "runs/request_2/receipt.json"):
        found = verify(receipt, [PUBLIC], predict=True, backbone=TINY)
        assert {line.answer for line in found} <= {"OK", "not checkable here"}
        assert [line.subject for line in found if line.answer != "OK"] == (
            [] if receipt == RECEIPT else ["AG", "figures of the reference"]
        )


def test_page_shows_the_lines_of_a_verification(clinic):
    found = verify(RECEIPT, [PUBLIC], data_file=Path("scans of P0017.npz"))
    assert re.search(r"```text\n(.*?)\n```", PAGE, re.DOTALL)[1].splitlines() == [*map(str, found), summary(found)]


def test_page_has_the_same_table():
    shown = re.findall(r"^\| ([^|]+) \| `([^|]+)` \|$", PAGE, re.MULTILINE)
    assert shown == [(row.done, row.says) for row in TAMPERINGS]
