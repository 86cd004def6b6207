"""Reports of many methods: figures show those that can be told apart, and panels keep their size."""

import pandas as pd
import pytest

from medunlearn.report.colours import colours
from medunlearn.report.crowd import MOST_METHODS, crowd_note, nearest
from medunlearn.report.experiments import Cell
from medunlearn.report.panels import legend_below, panels_of
from medunlearn.report.sections import Section


def section(methods):
    cells = [Cell(f"M{at:02}", pd.DataFrame({"AG": [float(at)], "role": ["unlearned"]})) for at in range(methods)]
    return Section("cells", "10 %", "Default", cells=(cells[-1], *cells[:-1]))


def test_few_methods_are_all_shown():
    few = section(MOST_METHODS)
    assert len(nearest(few)) == MOST_METHODS
    assert crowd_note(few) == ""


def test_of_many_the_nearest_are_shown_and_the_caption_says_so():
    many = section(20)
    assert nearest(many) == {f"M{at:02}" for at in range(MOST_METHODS)}
    assert crowd_note(many) == " Of 20 methods, the 8 with the least AG."


def test_methods_of_one_figure_have_different_colours():
    many = section(20)
    found = colours([many])
    assert len(found) == 20
    assert len({found[label] for label in nearest(many)}) == MOST_METHODS


@pytest.mark.parametrize("entries", [3, 26])
def test_panels_keep_their_height_however_long_the_legend_is(entries):
    figure, (panel,) = panels_of(1, height=3, width=5)
    for at in range(entries):
        panel.plot([1, 2], label=f"a method with settings {at}")
    legend_below(figure, [panel])
    figure.draw_without_rendering()
    height = panel.get_window_extent().height / figure.dpi
    assert height > 1.6, "of 3 inches, labels of the axis included"
