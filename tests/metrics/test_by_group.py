"""Figures by patient, against counting by hand."""

import numpy as np

from medunlearn.metrics import Part, Predictions, by_group, group_arrays

NUMBERS = {"train": np.array([5, 5, 5, 8, 8, 9, 2, 2]), "val": np.array([2, 3])}


def part(rows, right=()):
    """Return answers on these images, of which some are right."""
    rows = np.array(rows, dtype=np.int64)
    probs = np.where(np.isin(rows, right)[:, None], [0.2, 0.8], [0.8, 0.2])
    return Part(probs, np.ones(len(rows), dtype=np.int64), rows)


def predictions(right=(0, 5)):
    return Predictions(part([0, 1, 2, 3, 4, 5], right), part([6, 7]), part([0, 1, 2]), part([1]))


def test_a_patient_counts_once_however_many_images():
    called = np.array([True, True, False, False, True, False])
    found = by_group(predictions(), NUMBERS, called)
    assert found["UA"] == np.mean([2 / 3, 1, 0]) * 100
    assert found["recognised"] == 2 / 3 * 100, "patients 5 and 9, each by one image"
    assert found["MIA"] == 2 / 3 * 100, "patient 5 by two of three and patient 8 by one of two"
    assert found["n"] == {"forget": 3, "retain": 1, "val": 1}, "nobody knows whose test images are"


def test_groups_stand_beside_each_image_of_the_parts_that_are_known():
    found = group_arrays(predictions(), NUMBERS)
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "forget_group": [5, 5, 5, 8, 8, 9],
        "retain_group": [2, 2],
        "val_group": [3],
    }


def test_without_a_forget_set_or_an_attack_there_are_no_figures():
    none = Predictions(part([]), part(range(8)), part([]), part([0]))
    assert by_group(none, NUMBERS, None) == {
        "UA": None,
        "recognised": None,
        "MIA": None,
        "n": {"forget": 0, "retain": 4, "val": 1},
    }
    assert by_group(predictions(), NUMBERS, None)["MIA"] is None
    unknown = by_group(predictions(), {"val": NUMBERS["val"]}, None)
    assert (unknown["UA"], unknown["n"]) == (None, {"val": 1})
