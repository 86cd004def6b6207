"""Names that tell data, forget sets and variants of a method apart."""

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report import load
from medunlearn.report.labels import class_labels, label_methods, name_classes, tell_apart
from medunlearn.report.sections import sections

pytestmark = pytest.mark.usefixtures("undrawn")

CONFIDENCE = {"feature": "confidence", "nonmembers": "test", "seed": 0}


def cells(*runs):
    return {
        (section.forgotten, section.augmentation, cell.label): cell
        for section in sections(load(runs))
        for cell in section.cells
    }


@pytest.mark.parametrize("others", [0, 1, 2])
def test_variants_of_a_method_are_rows_of_their_own(others):
    """The method's default goes without saying, however many runs have another value."""
    train, retrain, _ = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    plain = fake("runs/plain", "SalUn", (1.0, 99, 96, 5), relabel="random", **more)
    none = [fake(f"runs/none{n}", "SalUn", (1.0, 99, 96, 5), seed=n, relabel="none", **more) for n in range(others)]
    (section,) = sections(load([*none, train, retrain, plain]))
    labels = [cell.label for cell in section.cells]
    assert labels == ["Original", "Retrain", "SalUn", *(["SalUn (relabel none)"] if others else [])]
    assert len(section.cells[-1].seeds) == max(1, others)


def test_a_variant_alone_is_named_after_what_departs_from_the_defaults():
    train, retrain, _ = chain()
    none = fake("runs/none", "SalUn", (1.0, 99, 96, 5), relabel="none", before=(1, 99, 96, 4), original=train)
    text = (write(train, retrain, none) / "report.md").read_text()
    assert "| SalUn (relabel none) | 1.00" in text
    assert "| SalUn | not run" in text, "the paper has a row for it"
    text = (write(*chain(data="own"), out="own") / "report.md").read_text()
    assert "not run" not in text


def test_a_network_that_all_runs_share_is_not_named_and_another_is():
    train, retrain, _ = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    runs = [
        fake(f"runs/{method}", method, (1.0, 99, 96, 5), backbone="narrow", relabel="none", **more)
        for method in ("SalUn", "NegGrad")
    ]
    labels = {label for _, _, label in cells(train, retrain, *runs)}
    assert {"SalUn (relabel none)", "NegGrad (relabel none)"} <= labels
    other = fake("runs/other", "SalUn", (1.0, 99, 96, 5), relabel="none", **more)
    named = {label for _, _, label in cells(train, retrain, *runs, other)}
    assert "SalUn (relabel none, backbone narrow)" in named or "SalUn (backbone narrow, relabel none)" in named


def test_data_of_one_name_and_two_sizes_make_two_tables():
    small, large = chain(seed=0), chain(seed=1)
    for runs, size in ((small, 28), (large, 64)):
        for run in runs:
            change(run, data={"size": size}, data_sha256=f"hash of {size}")
    out = write(*small, *large)
    assert {line["data"] for line in records(out)} == {"bloodmnist at 28x28", "bloodmnist at 64x64"}
    text = (out / "report.md").read_text()
    assert text.count("*SalUn, Falcao & Cordeiro 2025*") == 1, "the paper's images are 64x64"


def test_attacks_are_named_where_there_are_two_and_the_paired_original_stays():
    train, retrain, salun = chain()
    more = fake("runs/more", "SalUn", (4.0, 97.0, 94.5, 30.0), before=(1, 99, 96, 40), original=train)
    for run in (retrain, salun):
        change(run, attack=CONFIDENCE)
    change(more, attack=CONFIDENCE | {"seed": 1})
    for order in ((more, salun), (salun, more)):
        found = {label: cell for (*_, label), cell in cells(train, retrain, *order).items()}
        labels = list(found)
        assert labels[:3] == ["Original", "Retrain", "SalUn"]
        assert labels[3].startswith("SalUn (attack confidence, test, seed ")
        assert found["Original"].over_seeds("AG").mean == 3


def test_attacks_are_not_named_where_there_is_one():
    runs = [*chain(seed=0), *chain(seed=1), *chain(rate=0.5)]
    for run in runs:
        change(run, attack=CONFIDENCE | {"seed": 3})
    assert {label for *_, label in cells(*runs)} == {"Original", "Retrain", "SalUn"}


def test_index_files_of_one_name_are_told_apart():
    first, second, third = (chain(seed=seed) for seed in (0, 1, 2))
    for runs, folder, split in ((first, "p1", "a"), (second, "p2", "b"), (third, "p1", "a")):
        for run in runs[1:]:
            change(run, data={"forget": {"indices": f"{folder}/forget.csv"}}, split_sha256=split * 64)
    found = cells(*first, *second, *third)
    assert found["forget.csv (split aaaaaaaaaaaa)", "Default", "SalUn"].seeds == [0, 2]
    assert found["forget.csv (split bbbbbbbbbbbb)", "Default", "SalUn"].seeds == [1]
    assert ("forget.csv", "Default", "SalUn") in cells(*first, *third), "one file's seeds are one experiment"


def row(**changes):
    base = {"data": "cells", "data_sha256": "a" * 64, "forgotten": "10 %", "listed": False, "split_sha256": "s" * 64}
    base |= {"method": "Own", "role": "unlearned", "label": "Own", "departures": {}}
    return base | changes | {"settings": {"size": None} | changes.get("settings", {})}


def labels(*rows):
    return [each["label"] for each in label_methods(rows)]


def test_tell_apart_leaves_the_rows_it_is_given_as_they_are():
    rows = [row(), row(data_sha256="b" * 64)]
    assert [each["data"] for each in tell_apart(rows)] == ["cells (aaaaaaaa)", "cells (bbbbbbbb)"]
    assert [each["data"] for each in rows] == ["cells", "cells"]


def test_tell_apart_keeps_the_split_of_a_rate_unsaid_since_seeds_draw_others():
    rows = [row(split_sha256="s" * 64), row(split_sha256="t" * 64)]
    assert [each["forgotten"] for each in tell_apart(rows)] == ["10 %", "10 %"]


def test_tell_apart_compares_index_files_within_one_data_set():
    first, second = row(listed=True), row(listed=True, data="other", split_sha256="t" * 64)
    assert [each["forgotten"] for each in tell_apart([first, second])] == ["10 %", "10 %"]


def test_label_of_a_departure_needs_no_other_run_and_names_each_setting_once():
    settings = {"lr": 0.5, "alpha": [1, 2], "beta": 3}
    found = labels(row(settings=settings, departures={"lr": 0.5, "alpha": [1, 2]}))
    assert found == ["Own (lr 0.5, alpha [1, 2])"]


def test_label_names_epochs_only_where_runs_differ_in_them_and_not_the_most_common():
    ten, ten_too, three = (row(settings={"epochs": number}) for number in (10, 10, 3))
    assert labels(ten) == ["Own"]
    assert labels(three, ten, ten_too) == ["Own (epochs 3)", "Own", "Own"]


def test_label_is_not_compared_across_data_or_methods():
    other = row(settings={"epochs": 3}, data="others"), row(settings={"epochs": 3}, method="Else", label="Else")
    assert labels(row(settings={"epochs": 10}), *other) == ["Own", "Own", "Else"]


def test_label_of_runs_that_do_not_unlearn_is_their_method():
    departed = {"settings": {"lr": 1}, "departures": {"lr": 1}}
    assert labels(row(role="retrained", **departed), row(forgotten="", **departed)) == ["Own", "Own"]


def test_label_of_a_long_value_is_shortened_to_one_line():
    (label,) = labels(row(settings={"x": "a\nb"}, departures={"x": "a\nb"}))
    assert label == r"Own (x 'a\nb')"
    (label,) = labels(row(settings={"x": list(range(1000))}, departures={"x": 1}))
    assert len(label) < 100


def test_classes_of_one_data_set_have_the_names_of_the_first_run_that_has_any():
    base = {"classes": [1, 0], "forgotten": "classes 1, 0", "class_names": ()}
    rows = [row(**base), row(**base | {"class_names": ("a", "b")}), row(**base | {"class_names": ("x", "y")})]
    found = name_classes([*rows, row(**base, data_sha256="b" * 64)])
    assert [each["forgotten"] for each in found] == [*["classes b, a"] * 3, "classes 1, 0"]
    assert [each["class_names"] for each in found] == [*[("a", "b")] * 3, ()]


def test_what_is_forgotten_by_rate_keeps_its_name_where_classes_have_names():
    (found,) = name_classes([row(classes=None, class_names=("a", "b"))])
    assert found["forgotten"] == "10 %"


def test_class_labels_are_short_lines_and_numbers_where_names_do_not_fit_the_classes():
    assert class_labels(("a", "b"), 3) == ["0", "1", "2"]
    assert all(max(map(len, label.split("\n"))) <= 14 for label in class_labels(["x" * 100, "a b " * 20], 2))
    assert all(len(label.split("\n")) <= 3 for label in class_labels(["x" * 100, "a b " * 20], 2))
