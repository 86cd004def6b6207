"""The schema that is published is that of the models, and receipts fit it."""

import json
from pathlib import Path

from medunlearn.__main__ import main
from medunlearn.receipts.schema import json_schema

FILE = Path(__file__).parents[2] / "docs" / "receipt.schema.json"


def test_published_schema_is_the_current_one(capsys):
    assert main(["receipt", "--schema"]) == 0
    assert capsys.readouterr().out == FILE.read_text(), "write it again: medunlearn receipt --schema"


def test_schema_leaves_no_room_for_anything_else():
    for name, part in {**json_schema()["$defs"], "Statement": json_schema()}.items():
        assert part["additionalProperties"] is False, name


def test_schema_has_no_word_of_a_guarantee():
    assert "certif" not in json.dumps(json_schema()).lower()
