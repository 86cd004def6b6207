"""Names that tell data, forget sets and variants of a method apart."""

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report import load
from medunlearn.report.sections import sections

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


def test_one_variant_alone_is_named_after_what_departs_from_the_defaults():
    train, retrain, _ = chain()
    none = fake("runs/none", "SalUn", (1.0, 99, 96, 5), relabel="none", before=(1, 99, 96, 4), original=train)
    text = (write(train, retrain, none) / "report.md").read_text()
    assert "| SalUn (relabel none) | 1.00" in text
    assert "| SalUn | not run" in text, "the paper has a row for it"
    text = (write(*chain(data="mine"), out="mine") / "report.md").read_text()
    assert "not run" not in text


def test_one_name_for_two_sizes_makes_two_tables():
    small, large = chain(seed=0), chain(seed=1)
    for runs, size in ((small, 28), (large, 64)):
        for run in runs:
            change(run, data={"size": size}, data_sha256=f"hash of {size}")
    out = write(*small, *large)
    assert {line["data"] for line in records(out)} == {"bloodmnist at 28x28", "bloodmnist at 64x64"}
    text = (out / "report.md").read_text()
    assert text.count("*SalUn, Falcao & Cordeiro 2025*") == 1, "the paper's images are 64x64"


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


def test_index_files_of_one_name_are_told_apart():
    first, second, third = (chain(seed=seed) for seed in (0, 1, 2))
    for runs, folder, split in ((first, "p1", "a"), (second, "p2", "b"), (third, "p1", "a")):
        for run in runs[1:]:
            change(run, data={"forget": {"indices": f"{folder}/forget.csv"}}, split_sha256=split * 64)
    found = cells(*first, *second, *third)
    assert found["forget.csv (split aaaaaaaaaaaa)", "Default", "SalUn"].seeds == [0, 2]
    assert found["forget.csv (split bbbbbbbbbbbb)", "Default", "SalUn"].seeds == [1]
    assert ("forget.csv", "Default", "SalUn") in cells(*first, *third), "one file's seeds are one experiment"
