"""The printed table: which Retrain each gap is taken to."""

from pathlib import Path

import pytest
from helpers.fake_runs import KEYS, chain, change, fake

from medunlearn.metrics import largest_error
from medunlearn.report.table import comparison
from medunlearn.runs import RunDir

CONFIDENCE = {"feature": "confidence", "nonmembers": "test", "seed": 0}


def rows(*runs):
    """The rows of the printed tables, by run: the cells from UA on."""
    lines = [line for line in comparison(map(RunDir, runs)).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: values for name, _, *values in cells if name not in ("run", "")}


def gaps(*runs):
    return {name: values[4] for name, values in rows(*runs).items()}


def two(first, second):
    """Two chains on one split, as presets and, with `forget.classes`, seeds have; the second 40 points away."""
    chains = [chain(**first), chain(shift=40.0, **second)]
    for _, retrain, salun in chains:
        for run in (retrain, salun):
            change(run, split_sha256="one split")
    return chains


@pytest.mark.parametrize(
    "settings",
    [({}, {"augmentation": "NoAug"}), ({"seed": 0}, {"seed": 1})],
    ids=["preset", "seed"],
)
def test_runs_are_paired_with_their_own_retrain(settings):
    first, second = two(*settings)
    found = gaps(*first, *second)
    assert [found[run] for run in first] == ["3.00", "0", "0.88"]
    assert [found[run] for run in second] == ["13.00", "0", "10.88"]
    assert rows(*first, *second)[second[2]][0] == "4.00 (41.00)"
    assert gaps(*first, second[2])[second[2]] == "-", "no gap to the other one's Retrain"
    change(second[2], AG=10.875, reference=second[1])
    assert gaps(*first, second[2])[second[2]] == "10.88", "what it measured itself, where its Retrain is not given"


def test_a_gap_is_not_taken_to_another_attack():
    train, retrain, salun = chain()
    change(retrain, attack=CONFIDENCE)
    for attack in ({"feature": "entropy"}, {"nonmembers": "val"}, {"seed": 1}):
        change(salun, attack=CONFIDENCE | attack)
        assert gaps(train, retrain, salun) == {train: "-", retrain: "0", salun: "-"}
    change(salun, attack=CONFIDENCE)
    assert gaps(train, retrain, salun)[salun] == "0.88"


def test_an_original_stands_beside_each_of_its_retrained_models():
    first, second = two({}, {"augmentation": "NoAug"})
    change(second[2], original=first[0])
    found = gaps(first[0], *first[1:], *second[1:])
    names = [f"{first[0]} (before {run[2]})" for run in (first, second)]
    assert [found[name] for name in names] == ["3.00", "13.00"]
    change(second[2], before=None)
    assert gaps(first[0], *first[1:], *second[1:])[first[0]] == "3.00"


def test_the_reference_of_several_is_the_named_one():
    train, retrain, salun = chain()
    other = fake("runs/other", "Retrain", (9.0, 98, 95, 10))
    assert gaps(train, retrain, other, salun)[salun] == "-"
    change(salun, AG=1.875, reference=other)
    assert gaps(train, retrain, other, salun) == {train: "4.00", retrain: "0", other: "0", salun: "1.88"}
    change(other, seed=1)
    assert gaps(train, retrain, other, salun)[salun] == "1.88", "a reference that was named is taken"
    change(salun, reference=None)
    assert gaps(train, retrain, other, salun)[salun] == "0.88", "else another seed's is none"


def test_runs_without_a_configuration_are_paired_by_their_metrics():
    train, retrain, salun = chain(augmentation="NoAug")
    Path(salun, "config.yaml").unlink()
    assert gaps(train, retrain, salun)[salun] == "0.88"
    other = fake("runs/other", "Retrain", (45.0, 98, 95, 10))
    assert gaps(train, retrain, other, salun)[salun] == "-"
    assert len(rows(train, retrain, other, salun)[salun]) == len(KEYS) + 2


def test_a_reference_is_known_by_its_role_whatever_its_method_is_called():
    train, retrain, salun = chain()
    own = fake("runs/own", "MyRetrain", (15.0, 98, 95, 10))
    change(salun, AG=3.375, reference=own)
    assert gaps(train, own, salun) == {train: "5.50", own: "0", salun: "3.38"}
    assert gaps(train, retrain, own, salun)[salun] == "3.38", "the one that the run names, though another fits too"
    assert gaps(train, retrain, salun)[salun] == "3.38", "and its own figure where that one is not among the runs"


def test_methods_beside_one_retrain_share_the_row_of_their_original():
    train, retrain, salun = chain()
    other = fake("runs/other", "Other", (4.0, 97.0, 94.5, 9.0), before=(1, 99, 96, 4), original=train)
    assert list(rows(train, retrain, salun, other)) == [train, retrain, salun, other]


def test_heads_say_which_way_is_better():
    text = comparison(chain())
    head, _, better = text.splitlines()[2:5]
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["run", "method", *KEYS, "AG", "RTE (min)"]
    assert [cell.strip() for cell in better.strip("|").split("|")] == ["", "", *["near Retrain"] * 4, "lower", "lower"]
    assert "the gap, the distance to the retrained model: lower is better" in text


def test_remarks_are_numbered_after_the_method_and_stand_below_once():
    train, retrain, salun = chain()
    change(train, notes=["low TA"])
    change(retrain, notes=["few images"])
    change(salun, notes=["nothing moved", "few images"])
    text = comparison([train, retrain, salun])
    methods = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| runs")]
    assert methods == ["Train, untouched [1]", "Retrain [2]", "SalUn [2, 3]"]
    assert text.endswith("[1] low TA\n[2] few images\n[3] nothing moved")


def test_runs_without_remarks_have_no_marks():
    assert "[" not in comparison(chain())


def test_uncertainty_is_said_below_a_table_of_few_images_alone():
    runs = chain()
    assert "95 %" not in comparison(runs)
    for run in runs[1:]:
        change(run, n={"forget": 30, "retain": 270, "test": 199, "val": 8})
    (line,) = [line for line in comparison(runs).splitlines() if line.startswith("95 %")]
    forgotten, test = largest_error(9.0, 30), largest_error(94.5, 199)
    says = f"95 % intervals: UA and MIA of 30 forgotten images up to ± {forgotten:.1f} points, TA of 199 test images"
    assert line.startswith(f"{says} up to ± {test:.1f} points; `medunlearn report")


def test_one_training_image_is_no_plural():
    runs = chain()
    for run in runs[1:]:
        change(run, n={"forget": 1, "retain": 0, "test": 1, "val": 1})
    text = comparison(runs)
    assert "1 of 1 training image forgotten" in text
    assert "UA and MIA of 1 forgotten image up to" in text


def test_an_original_that_had_the_forget_set_already_has_one_row():
    train, retrain, salun = chain()
    split = RunDir(salun).read_metrics("test")["split_sha256"]
    change(train, UA=1.0, MIA=4.0, split_sha256=split)
    assert list(rows(train, retrain, salun)) == [train, retrain, salun]
    lines = [line for line in comparison([train, retrain, salun]).splitlines() if line.startswith(f"| {train}")]
    assert len(lines) == 1


def test_run_time_is_followed_by_its_share_of_retrains():
    train, retrain, salun = chain()
    change(train, RTE=20.0)
    change(retrain, RTE=18.0)
    for minutes, share in ((0.9, "0.90 (5.0 %)"), (9.0, "9.00 (50 %)"), (36.0, "36.00 (200 %)")):
        change(salun, RTE=minutes)
        found = rows(train, retrain, salun)
        assert [found[run][5] for run in (train, retrain, salun)] == ["20.00", "18.00", share]


def test_run_time_has_no_share_of_a_retrains_that_is_missing_or_ran_elsewhere():
    train, retrain, salun = chain()
    assert rows(train, salun)[salun][5] == "0.90"
    change(retrain, hardware={"name": "Another"})
    assert rows(train, retrain, salun)[salun][5] == "0.90"
    change(retrain, hardware={"name": "Some & Processor"}, RTE=0.0)
    assert rows(train, retrain, salun)[salun][5] == "0.90"
