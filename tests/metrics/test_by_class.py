"""UA and TA by class against scikit-learn, and classes that are forgotten as a whole."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from medunlearn.metrics import (
    Part,
    Predictions,
    accuracies,
    by_class,
    forgotten_classes,
    retained_accuracy,
    wholly_forgotten,
)

CLASSES = 4


def predictions(forgotten=(0, 3, 5, 8, 13)):
    """Random outputs for 40 training, 20 test and 8 validation images; image n is of class n % 4."""
    rng = np.random.default_rng(0)
    forget = np.array(forgotten, dtype=np.int64)
    rows = {"forget": forget, "retain": np.setdiff1d(np.arange(40), forget), "test": np.arange(20), "val": np.arange(8)}
    return Predictions(
        **{
            name: Part(rng.dirichlet(np.ones(CLASSES), len(index)).astype(np.float32), index % CLASSES, index)
            for name, index in rows.items()
        }
    )


def test_by_class_is_the_recall_of_each_class():
    found = predictions()
    recall = recall_score(found.test.labels, found.test.probs.argmax(1), average=None)
    assert list(by_class(found)["TA"].values()) == pytest.approx(100 * recall)
    error = 1 - recall_score(found.forget.labels, found.forget.probs.argmax(1), average=None, labels=[0, 1, 3])
    assert [by_class(found)["UA"][each] for each in "013"] == pytest.approx(100 * error)


def test_by_class_counts_images_by_part_and_has_null_for_a_class_without_any():
    found = by_class(predictions())
    assert found["UA"]["2"] is None
    assert found["n"]["forget"] == {"0": 2, "1": 2, "2": 0, "3": 1}
    assert found["n"]["retain"] == {"0": 8, "1": 8, "2": 10, "3": 9}
    assert found["n"]["test"] == dict.fromkeys("0123", 5)


def test_by_class_weighted_by_images_is_ua_and_ta():
    found = predictions()
    parts = by_class(found)
    for key, part in (("UA", "forget"), ("TA", "test")):
        n = parts["n"][part]
        mean = sum(n[each] * (parts[key][each] or 0) for each in n) / sum(n.values())
        assert mean == pytest.approx(accuracies(found)[key])


def test_a_class_forgotten_as_a_whole_is_left_out_of_the_accuracy_of_retained_classes():
    found = predictions([*range(1, 40, 4), 0])
    assert forgotten_classes(by_class(found)["n"]) == ["1"]
    assert wholly_forgotten(found) == {1}
    kept = found.test.labels != 1
    expected = accuracy_score(found.test.labels[kept], found.test.probs[kept].argmax(1))
    assert retained_accuracy(found) == pytest.approx(100 * expected)
    assert accuracies(found)["TA"] != retained_accuracy(found), "TA itself is of all test images"


def test_retained_accuracy_is_ta_where_no_class_is_forgotten_as_a_whole():
    for forgotten in ((), (0, 3, 5)):
        assert retained_accuracy(predictions(forgotten)) == accuracies(predictions(forgotten))["TA"]


def test_retained_accuracy_is_null_where_no_test_image_is_of_a_retained_class():
    found = predictions(range(1, 40, 4))
    test = found.test.take(found.test.labels == 1)
    assert retained_accuracy(Predictions(found.forget, found.retain, test, found.val)) is None
