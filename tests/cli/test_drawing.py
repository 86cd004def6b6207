"""Markdown tables as rich draws them on a terminal."""

import io
import re
from collections import Counter

import pytest

from medunlearn.cli.drawing import draw
from medunlearn.report.markdown import aligned


@pytest.mark.parametrize(("columns", "whole"), [(80, True), (120, True), (40, False)])
def test_name_of_a_run_is_whole_where_there_is_room_and_no_column_is_lost(monkeypatch, columns, whole):
    monkeypatch.setenv("COLUMNS", str(columns))
    head = ["run", "method", "UA", "RA", "TA", "MIA", "AG", "RTE (min)", "proxy gap"]
    cells = ["runs/demo/retrain", "Train, untouched [1, 2]", *("12.34 (56.78)",) * 4, "90.12", "0.01 (51 %)", "34.56"]
    stream = io.StringIO()
    draw(aligned(head, [cells], left=(0, 1)), stream)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= columns
    assert any("runs/demo/retrain" in line for line in lines) is whole
    letters = Counter(re.sub(r"\W", "", "".join([*head, *cells])))
    assert letters == Counter(re.sub(r"\W", "", "".join(lines)))
