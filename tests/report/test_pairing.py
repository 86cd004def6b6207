"""The report: what is compared with what, and what is no seed of one experiment."""

from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

CONFIDENCE = {"feature": "confidence", "nonmembers": "test", "seed": 0}


def cells(*runs):
    return {
        (section.forgotten, section.augmentation, cell.label): cell
        for section in sections(load(runs))
        for cell in section.cells
    }


@pytest.mark.parametrize("other", [{"feature": "entropy"}, {"nonmembers": "val"}, {"seed": 1}])
def test_a_gap_is_not_taken_to_another_attack(other):
    train, retrain, salun = chain()
    change(retrain, attack=CONFIDENCE)
    change(salun, attack=CONFIDENCE | other)
    out = write(train, retrain, salun)
    assert {line["AG"] for line in records(out) if line["method"] != "Retrain"} == {""}
    assert f"SalUn: no Average Gap: {retrain}: its attack was" in (out / "report.md").read_text()
    assert {line["method"] for line in records(out)} == {"Original", "Retrain", "SalUn"}


def test_two_attacks_are_told_apart_and_the_paired_original_stays():
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


def test_one_attack_goes_without_saying():
    runs = [*chain(seed=0), *chain(seed=1), *chain(rate=0.5)]
    for run in runs:
        change(run, attack=CONFIDENCE | {"seed": 3})
    assert {label for *_, label in cells(*runs)} == {"Original", "Retrain", "SalUn"}


def test_one_model_is_the_original_of_each_preset_and_seed():
    train, retrain, salun = chain()
    runs = [train, retrain, salun]
    for number, settings in enumerate(({"augmentation": "NoAug"}, {"seed": 1})):
        _, *others = chain(shift=4.0 + number, **settings)
        for run in others:
            change(run, split_sha256=RunDir(salun).read_metrics("test")["split_sha256"])
        change(others[1], original=train)
        runs += others
    found = cells(*runs)
    assert found["10 %", "NoAug", "Original"].over_seeds("AG").mean == 4
    assert found["10 %", "Default", "Original"].seeds == [0, 1]
    assert found["10 %", "Default", "Original"].over_seeds("gap_UA").mean == pytest.approx((4 + 9) / 2)


def test_a_stratified_forget_set_is_no_seed_of_a_uniform_one():
    uniform, stratified = chain(seed=0), chain(seed=1)
    for run in stratified[1:]:
        change(run, data={"forget": {"rate": 0.1, "stratified": True, "seed": 1}})
    runs = [*uniform, *stratified, *chain(seed=2, augmentation="NoAug")]
    found = cells(*runs)
    assert found["10 %", "Default", "SalUn"].seeds == [0]
    assert found["10 % (stratified)", "Default", "SalUn"].seeds == [1]
    titles = [section.title for section in sections(load(runs))]
    kinds = ("10 % forgotten, NoAug", "10 % forgotten, Default", "10 % (stratified) forgotten, Default")
    assert titles == [f"bloodmnist, {kind}" for kind in kinds]


def test_index_files_of_one_name_are_told_apart():
    first, second, third = (chain(seed=seed) for seed in (0, 1, 2))
    for runs, folder, split in ((first, "p1", "a"), (second, "p2", "b"), (third, "p1", "a")):
        for run in runs[1:]:
            change(run, data={"forget": {"indices": f"{folder}/forget.csv"}}, split_sha256=split * 64)
    found = cells(*first, *second, *third)
    assert found["forget.csv (split aaaaaaaaaaaa)", "Default", "SalUn"].seeds == [0, 2]
    assert found["forget.csv (split bbbbbbbbbbbb)", "Default", "SalUn"].seeds == [1]
    assert ("forget.csv", "Default", "SalUn") in cells(*first, *third), "one file's seeds are one experiment"


def test_forget_sets_of_other_sizes_are_no_seeds_of_one_experiment(capsys):
    first, second = chain(seed=0), chain(seed=1)
    for run in second[1:]:
        change(run, n={"forget": 6, "retain": 34, "test": 12, "val": 8})
    write(*first, *second, status=2)
    assert "one experiment, but the number of forgotten images is 4 and 6" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["predictions.npz", "checkpoints/model.ckpt"])
def test_an_altered_original_is_refused_whether_it_is_named_or_not(capsys, name):
    train, retrain, salun = chain()
    change(train, files=RunDir(train).hashes())
    write(retrain, salun)
    with Path(train, name).open("ab") as file:
        file.write(b"more")
    write(retrain, salun, status=2)
    told = capsys.readouterr().err
    assert f"report={train}: {name} is not the file that the run wrote" in told
    assert told.count("\n") == 1
