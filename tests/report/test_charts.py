"""Charts: what their bars, lines and legends show, from runs whose values are known."""

import warnings

import numpy as np
from helpers.fake_runs import CLASSES, chain

from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir


def test_a_single_image_is_seen_among_probabilities_and_draws_without_a_warning():
    from medunlearn.report.charts import colours, probabilities

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
    from medunlearn.report.charts import colours, error_by_class, probabilities
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
    from medunlearn.report.charts import colours, error_by_class

    (section,) = sections(load([*chain(seed=0), *chain(seed=1)[:2]]))
    bars = error_by_class(section, colours([section])).axes[0]
    counts = np.bincount([0, 10 % 4, 20 % 4, 30 % 4, 1, 11 % 4, 20 % 4, 30 % 4], minlength=CLASSES).tolist()
    shown = [int(tick.get_text().partition("n=")[2]) for tick in bars.get_xticklabels()]
    assert shown == counts, "also of the seeds that the first method was not run with"
    drawn = {bar.get_label(): len(bar) for bar in bars.containers}
    assert drawn == {"Original": 2, "Retrain": 4, "SalUn": 2}, "seed 0 forgets images of two classes"
