"""Figures of a study: what they show of which trials."""

from medunlearn.tuning.figures import gap_against_time, parallel_coordinates
from medunlearn.tuning.rows import Row


def row(trial, gap, time, state="finished", config="a", **settings):
    return Row(trial, config, "SalUn", state, f"t{trial}", settings=settings, proxy=gap, RTE=time, recipe=trial == "0")


ROWS = [
    Row("untouched", "", "untouched", "", "r/train", proxy=6.0),
    row("0", 5.0, 2.0, lr=0.01, schedule="cosine"),
    row("1", 2.0, 3.0, lr=0.5, schedule="constant"),
    row("2", 4.0, 0.5, "stopped", lr=0.001, schedule="cosine"),
    row("3", 3.0, 4.0, config="b", alpha=2),
    row("4", None, None, "failed", lr=0.1, schedule="cosine"),
]


def test_time_and_gap_are_of_the_trials_that_have_them_with_front_and_untouched_model():
    (axes,) = gap_against_time(ROWS, "proxy").axes
    texts = {text.get_text() for text in axes.texts}
    assert texts == {"0 (recipe)", "1", "2", "3"}
    front = next(line for line in axes.lines if line.get_label() == "front")
    assert front.get_xydata().tolist() == [[2.0, 5.0], [3.0, 2.0]], "stopped trials are none of the front"
    untouched = next(line for line in axes.lines if line.get_label() == "untouched model")
    assert set(untouched.get_ydata()) == {6.0}


def test_settings_are_one_panel_a_config_with_chosen_thick_and_stopped_dashed():
    first, second = parallel_coordinates(ROWS, "proxy").axes
    lines = [line for line in first.lines if len(line.get_xdata()) == 3]
    assert [line.get_linewidth() > 2 for line in lines] == [False, True, False]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["lr", "schedule", "proxy gap"]
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["alpha", "proxy gap"]


def test_nothing_is_drawn_of_a_study_without_a_gap():
    assert gap_against_time(ROWS[:1], "proxy") is None
    assert parallel_coordinates(ROWS[-1:], "proxy") is None


def test_what_chose_stands_at_the_axis():
    rows = [each._replace(AG=each.proxy) for each in ROWS]
    assert gap_against_time(rows, "average_gap").axes[0].get_ylabel().endswith("which chose")
