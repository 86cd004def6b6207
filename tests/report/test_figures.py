import subprocess
import sys
import warnings
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from helpers.fake_runs import CLASSES, chain, write

from medunlearn.errors import InputError
from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir


def test_every_figure_is_drawn_as_png_and_svg():
    train, retrain, salun = chain()
    out = write(train, retrain, salun)
    names = {path.stem for path in out.glob("*.png")}
    kinds = ("gap_by_preset", "time", "probabilities", "classes", "curves", "weights")
    assert all(any(name.startswith(kind) for name in names) for kind in kinds)
    assert names == {path.stem for path in out.glob("*.svg")}
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"({path.name})" in (out / "report.md").read_text()
    for path in out.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    weights = (out / next(f"{name}.svg" for name in names if name.startswith("weights"))).read_text()
    assert "layer4.1.conv2" in weights


def test_shares_of_changed_weights_by_hand():
    from medunlearn.report.readings import changed_weights

    train, retrain, salun = chain()
    (section,) = sections(load([train, retrain, salun]))
    cell = section.cells[-1]
    shares = changed_weights(cell)
    assert shares["fc"] == pytest.approx(100 * 2 / (512 * CLASSES + CLASSES))
    assert {name for name, share in shares.items() if share} == {"fc"}


def test_changed_weights_are_read_from_what_runs_write_without_building_the_network():
    import torch

    from medunlearn.models import ResNet18, save_weights
    from medunlearn.report.readings import changed_weights

    train, retrain, salun = chain()
    model = ResNet18(CLASSES)
    save_weights(model, RunDir(train).weights)
    with torch.no_grad():
        model.layer1[0].conv1.weight[0] += 1
    save_weights(model, RunDir(salun).weights)
    (section,) = sections(load([train, retrain, salun]))
    shares = changed_weights(section.of_role("unlearned")[0])
    assert len(shares) > 40
    assert {name: share for name, share in shares.items() if share} == {"layer1.0.conv1": pytest.approx(100 / 64)}
    RunDir(salun).weights.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"model\.ckpt cannot be read as weights"):
        changed_weights(section.of_role("unlearned")[0])


def test_drawing_leaves_matplotlibs_own_settings_alone():
    code = "import matplotlib; before = dict(matplotlib.rcParams); import medunlearn.report.figures"
    subprocess.run([sys.executable, "-c", f"{code}; assert dict(matplotlib.rcParams) == before"], check=True)
    before = dict(matplotlib.rcParams)
    write(*chain())
    assert dict(matplotlib.rcParams) == before


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


def test_per_class_error_by_hand():
    from medunlearn.report.readings import class_error, predictions

    (section,) = sections(load(chain()))
    found = {label: seeds[0] for label, seeds in predictions(section).items()}
    assert list(found) == ["Original", "Retrain", "SalUn"]
    assert found["Original"].forget.rows.tolist() == [0, 10, 20, 30], "the original on the forget set of the others"
    part = found["SalUn"].forget
    for number in range(CLASSES):
        rows = [row for row in range(len(part.labels)) if part.labels[row] == number]
        wrong = [row for row in rows if list(part.probs[row]).index(max(part.probs[row])) != number]
        assert class_error([part], number) == (100 * len(wrong) / len(rows) if rows else None)


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


def test_points_of_the_last_of_many_resumes_count():
    from medunlearn.report.readings import logged_points

    run = RunDir(chain()[2])
    for version in range(1, 12):
        (run.logs / f"version_{version}").mkdir()
        (run.logs / f"version_{version}" / "metrics.csv").write_text(f"epoch,unlearning/UA\n1,{version}")
    assert [values["UA"] for _, values in logged_points(run)] == [2, 11]
