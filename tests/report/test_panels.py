"""Legends and titles of charts are neither cut nor in other colours than what they stand for."""

from helpers.fake_runs import chain, fake
from matplotlib.backends.backend_agg import FigureCanvasAgg

from medunlearn.report import load
from medunlearn.report.charts import gap_by_preset, time_against_gap
from medunlearn.report.colours import colours
from medunlearn.report.panels import wrapped
from medunlearn.report.sections import sections


def long_runs():
    runs = chain(data="data_of_a_long_name")
    settings = {"schedule": "sequential then mixed", "relabel": "a rule with a very long name", "note": "x" * 70}
    more = {"data": "data_of_a_long_name", "before": (1, 99, 96, 4), "original": runs[0]}
    return [*runs, fake("runs/long", "SalUn", (4, 97, 94, 9), **more, **settings)]


def test_wrapped_text_breaks_between_words_and_within_what_is_longer():
    assert wrapped("one two three four", 0.75) == "one two\nthree four"
    assert max(map(len, wrapped("x" * 99, 2).splitlines())) <= 2 / 0.075


def test_legends_lie_within_their_figure():
    found = sections(load([*long_runs(), *chain(rate=0.5)]))
    for figure in (gap_by_preset(found), *(time_against_gap(each, colours(found)) for each in found)):
        FigureCanvasAgg(figure).draw()
        (legend,) = figure.legends
        for box in [text.get_window_extent() for text in legend.get_texts()]:
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width


def test_titles_of_panels_do_not_meet():
    figure = gap_by_preset(sections(load([*long_runs(), *chain(rate=0.5)])))
    FigureCanvasAgg(figure).draw()
    first, second = (panel.title.get_window_extent() for panel in figure.axes)
    assert first.x1 <= second.x0
    assert second.x1 <= figure.bbox.width


def test_a_method_that_one_panel_lacks_keeps_its_colour_in_the_legend():
    found = sections(load([*chain(), *chain(data="another", relabel="none")]))
    figure, colour = gap_by_preset(found), colours(found)
    (legend,) = figure.legends
    drawn = dict(zip([text.get_text() for text in legend.get_texts()], legend.legend_handles, strict=True))
    for label in ("SalUn", "SalUn (relabel none)"):
        red, green, blue, _ = drawn[label].get_facecolor()
        assert "#{:02x}{:02x}{:02x}".format(*(round(255 * each) for each in (red, green, blue))) == colour[label]
