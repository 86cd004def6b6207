"""Footnotes of tables."""

from medunlearn.report.footnotes import footnotes


def test_footnotes_are_numbered_once_in_order_of_rows():
    marks, sentences = footnotes([("b",), (), ("a", "b"), ("c",)])
    assert marks == ["1", "", "1, 2", "3"]
    assert sentences == ["b", "a", "c"]


def test_footnotes_of_rows_without_remarks_are_none():
    assert footnotes([(), ()]) == (["", ""], [])
