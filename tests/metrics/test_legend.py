"""The meaning and direction of each column."""

from medunlearn.metrics import GAP_METRICS
from medunlearn.metrics.legend import LEGEND, explained, head


def test_heads_of_metrics_say_near_retrain_and_of_the_rest_lower():
    assert {LEGEND[key].better for key in GAP_METRICS} == {"near Retrain"}
    assert [head("MIA"), head("AG"), head("RTE", "min")] == ["MIA (near Retrain)", "AG (lower)", "RTE (min, lower)"]


def test_explained_has_a_line_for_each_column_that_fits_a_terminal():
    lines = explained().splitlines()
    assert [line[:9].strip() for line in lines] == [*LEGEND]
    assert all(len(line) <= 120 for line in lines)
