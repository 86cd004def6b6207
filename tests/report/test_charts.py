"""Charts: what their bars, lines and legends show, from runs whose values are known."""

import warnings

import numpy as np
import pytest
from helpers.fake_runs import CLASSES, chain, fake

import medunlearn.report.charts as charts
from medunlearn.report import load
from medunlearn.report.charts import gap_by_preset, time_against_gap, unlearning_curves, weights_by_layer
from medunlearn.report.colours import UNLEARNED, colours
from medunlearn.report.sections import Section, sections
from medunlearn.runs import RunDir


def test_a_single_image_is_seen_among_probabilities_and_draws_without_a_warning():
    from medunlearn.report.charts import probabilities
    from medunlearn.report.colours import colours

    runs = chain()
    for run in runs:
        arrays = RunDir(run).read_predictions("test")
        for part in ("forget", "retain", "test", "val"):
            arrays[f"{part}_probs"][:] = 1 / CLASSES  # all in one bar
        RunDir(run).write_predictions(arrays)
    (section,) = sections(load(runs))
    with warnings.catch_warnings(action="error"):
        figure = probabilities(section, colours([section]))
    low, high = figure.axes[0].get_ylim()
    assert low < 100 / 40 < 100 < high


def test_figures_take_all_seeds_and_methods_keep_their_colours():
    from medunlearn.report.charts import error_by_class, probabilities
    from medunlearn.report.colours import colours
    from medunlearn.report.readings import curves, predictions

    runs = [run for seed in range(3) for run in chain(seed=seed)]
    (section,) = sections(load(runs))
    assert all(len(seeds) == 3 for seeds in predictions(section).values())
    curve = curves(section, section.of_role("unlearned")[0])["UA"]
    assert curve.epochs == [0, 1, 2]
    assert curve.means == [1.0, 2.0, 4.0], "epoch 0 is the untouched model"
    labels = colours([section])
    assert len(set(labels.values())) == len(labels)
    bars = error_by_class(section, labels).axes[0]
    assert [int(tick.get_text().partition("n=")[2]) for tick in bars.get_xticklabels()] == np.bincount(
        np.concatenate([np.array([seed, 10 + seed, 20, 30]) % CLASSES for seed in range(3)]), minlength=CLASSES
    ).tolist()
    assert len(probabilities(section, labels).axes) == 3


def test_a_class_without_forgotten_images_has_no_bar_and_each_forget_set_counts_once():
    from medunlearn.report.charts import error_by_class
    from medunlearn.report.colours import colours

    (section,) = sections(load([*chain(seed=0), *chain(seed=1)[:2]]))
    bars = error_by_class(section, colours([section])).axes[0]
    counts = np.bincount([0, 10 % 4, 20 % 4, 30 % 4, 1, 11 % 4, 20 % 4, 30 % 4], minlength=CLASSES).tolist()
    shown = [int(tick.get_text().partition("n=")[2]) for tick in bars.get_xticklabels()]
    assert shown == counts, "also of the seeds that the first method was not run with"
    drawn = {bar.get_label(): len(bar) for bar in bars.containers}
    assert drawn == {"Original": 2, "Retrain": 4, "SalUn": 2}, "seed 0 forgets images of two classes"


def heights(container):
    return [bar.get_height() for bar in container]


def test_colours_of_a_role_are_its_palettes_and_repeat_when_used_up():
    train, retrain, salun = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    others = [fake(f"runs/{number}", f"Own{number}", (4, 97, 94, 9), **more) for number in range(8)]
    found = colours(sections(load([train, retrain, salun, *others])))
    assert (found["Original"], found["Retrain"]) == ("#8c8c8c", "#009e73")
    unlearned = [found[f"Own{number}"] for number in range(8)] + [found["SalUn"]]
    assert sorted(unlearned) == sorted([*UNLEARNED, found["Own7"]]), "all are used before one is used again"


def test_gap_by_preset_has_a_panel_a_forget_set_a_group_a_preset_and_the_papers_mark():
    runs = [*chain(), *chain(augmentation="NoAug", shift=2.0), *chain(rate=0.5, shift=4.0)]
    figure = gap_by_preset(sections(load(runs)))
    assert [panel.get_title() for panel in figure.axes] == [f"bloodmnist, {rate} % forgotten" for rate in (10, 50)]
    drawn = [{bars.get_label(): heights(bars) for bars in panel.containers} for panel in figure.axes]
    assert drawn == [{"Original": [3.5, 3.0], "SalUn": [1.375, 0.875]}, {"Original": [4.0], "SalUn": [1.875]}]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["NoAug", "Default"]
    printed = [line.get_ydata()[0] for panel in figure.axes for line in panel.lines if "published" in line.get_label()]
    assert printed == [0.72, 1.57]


def test_gap_by_preset_is_left_out_where_no_run_has_a_gap():
    train, _, salun = chain()
    assert gap_by_preset(sections(load([train, salun]))) is None


def test_time_against_gap_shows_means_over_seeds_and_the_untouched_model_as_a_line():
    (section,) = sections(load([*chain(seed=0), *chain(seed=1, shift=2.0)]))
    (panel,) = time_against_gap(section, colours([section])).axes
    points = {bars.get_label(): tuple(bars.lines[0].get_xydata()[0]) for bars in panel.containers}
    assert points["SalUn"] == pytest.approx((1.4, (0.875 + 1.375) / 2))
    assert "Original" not in points
    (line,) = [line for line in panel.lines if line.get_label() == "untouched model"]
    assert line.get_ydata()[0] == pytest.approx((3.0 + 3.5) / 2)


def test_unlearning_curves_start_at_the_untouched_model_beside_the_retrained_ones_line():
    (section,) = sections(load(chain()))
    panel = unlearning_curves(section, colours([section])).axes[0]
    curve, line = panel.lines
    assert curve.get_xydata().tolist() == [[0, 1], [1, 2], [2, 4]]
    assert (line.get_label(), line.get_ydata()[0]) == ("Retrain", 5.0)


def test_weights_by_layer_has_the_first_layer_on_top_and_the_changed_share_as_length():
    (section,) = sections(load(chain()))
    (panel,) = weights_by_layer(section, colours([section])).axes
    names = [tick.get_text() for tick in panel.get_yticklabels()]
    assert names == ["conv1", "layer4.1.conv2", "layer4.1.bn2", "fc"]
    assert [bar.get_width() for bar in panel.patches] == pytest.approx([0, 0, 0, 100 * 2 / (512 * 4 + 4)])
    low, high = panel.get_ylim()
    assert low > high


def test_error_by_class_is_left_out_where_bars_could_not_be_told_apart(monkeypatch):
    (section,) = sections(load(chain()))
    monkeypatch.setattr(charts, "MOST_CLASSES", CLASSES - 1)
    assert charts.error_by_class(section, colours([section])) is None


@pytest.mark.parametrize(
    "chart", ["time_against_gap", "probabilities", "error_by_class", "unlearning_curves", "weights_by_layer"]
)
def test_chart_without_data_is_none(chart):
    assert getattr(charts, chart)(Section("cells", "10 %", "Default"), {}) is None
