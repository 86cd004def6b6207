"""Splits that are given, and splits that are drawn with patients kept apart."""

from collections import Counter

import pytest

from medunlearn.errors import InputError
from medunlearn.importing import Settings
from medunlearn.importing.classes import Classes
from medunlearn.importing.entries import Entry
from medunlearn.importing.splitting import split_entries

TWO = Classes(("a", "b"))


def images(patients=30, each=4, split=None):
    """Return `each` images of each patient; every third patient is of class b."""
    return [
        Entry(f"{number:03d}/{index}.png", "ab"[number % 3 == 0], split, f"P{number}")
        for number in range(patients)
        for index in range(each)
    ]


def people(entries):
    """Return the patients of each split."""
    return {split: {e.patient for e in entries if e.split == split} for split in ("train", "val", "test")}


def shares(entries):
    counts = Counter(entry.split for entry in entries)
    return [counts[split] / len(entries) for split in ("train", "val", "test")]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("val", "test"), [(0.1, 0.2), (0.15, 0.15), (0.5, 0.25)])
def test_patients_are_in_one_split_each_and_shares_and_classes_are_kept(seed, val, test):
    found, drawn = split_entries(images(60), TWO, True, Settings(val=val, test=test, seed=seed))
    assert drawn == ("val", "test")
    groups = people(found)
    assert sum(map(len, groups.values())) == 60 == len(set.union(*groups.values()))
    assert shares(found) == pytest.approx([1 - val - test, val, test], abs=0.05)
    for split in groups:
        part = [entry.label for entry in found if entry.split == split]
        assert part.count("b") / len(part) == pytest.approx(1 / 3, abs=0.1)
    assert [entry.path for entry in found] == [entry.path for entry in images(60)], "the order stays"


def test_split_is_of_the_seed_alone():
    def drawn(seed):
        return [entry.split for entry in split_entries(images(), TWO, True, Settings(seed=seed))[0]]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_images_without_patients_are_split_by_class():
    found, _ = split_entries(images(25), TWO, False, Settings())
    assert shares(found) == pytest.approx([0.7, 0.1, 0.2], abs=0.01)


def test_patients_of_very_different_size_still_fill_every_split():
    sizes = [200, 50, 50, 20, 10, 10, 5, 5, 1, 1]
    entries = [Entry(f"{n}/{i}", "ab"[i % 2], None, f"P{n}") for n, size in enumerate(sizes) for i in range(size)]
    for seed in range(5):
        found, _ = split_entries(entries, TWO, True, Settings(seed=seed))
        assert all(people(found).values())
        assert min(shares(found)) > 0


def test_few_patients_are_enough_where_each_split_can_have_one():
    entries = [Entry(f"{number}{label}", label, None, f"P{number}") for number in range(3) for label in "ab"]
    found, _ = split_entries(entries, TWO, True, Settings())
    assert sorted(map(len, people(found).values())) == [1, 1, 1]


def test_classes_of_few_images_keep_one_for_training_whatever_becomes_of_the_shares():
    entries = [Entry(f"{label}/{index}", str(label)) for label in range(100) for index in range(3)]
    found, _ = split_entries(entries, Classes(tuple(map(str, range(100)))), False, Settings())
    assert shares(found) == pytest.approx([1 / 3] * 3)
    assert len({entry.label for entry in found if entry.split == "train"}) == 100


def test_a_given_split_stays_and_a_missing_one_is_drawn_from_the_training_images():
    rows = images(30, split="train")
    rows += [Entry(f"t{i}", "ab"[i % 2], "test", f"T{i}") for i in range(6)]
    found, drawn = split_entries(rows, TWO, True, Settings())
    assert drawn == ("val",)
    assert people(found)["test"] == {f"T{i}" for i in range(6)}
    assert len(people(found)["val"]) == 3
    assert split_entries(found, TWO, True, Settings())[1] == ()


def test_a_patient_in_two_given_splits_is_refused_by_name_unless_that_may_be():
    rows = [*images(6, split="train"), *images(2, split="test"), Entry("v", "a", "val", "V")]
    with pytest.raises(InputError, match=r"^patients: P0 is in train and test, and 1 more patient likewise; "):
        split_entries(rows, TWO, True, Settings())
    assert len(split_entries(rows, TWO, True, Settings(patients_may_cross=True))[0]) == len(rows)
    assert len(split_entries(rows, TWO, False, Settings())[0]) == len(rows), "nobody knows of patients"
