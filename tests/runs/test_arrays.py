"""What the arrays of predictions.npz must hold. (What of that reaches a user: `test_directory.py`, `security/`.)"""

import numpy as np
import pytest

from medunlearn.errors import Fault
from medunlearn.runs.arrays import check_predictions

PARTS = ("forget", "retain", "test", "val")


def arrays(**changes):
    """Arrays of three images a part and two classes; None leaves one out."""
    found = {}
    for part in PARTS:
        found[f"{part}_probs"] = np.array([[0, 1], [1, 0], [0.25, 0.75]], dtype=np.float32)
        found[f"{part}_labels"] = np.array([0, 1, 1])
        with np.errstate(divide="ignore"):
            found[f"{part}_logits"] = np.log(found[f"{part}_probs"]).clip(-200)
        found[f"{part}_index"] = np.array([2, 5, 9])
    return {name: array for name, array in (found | changes).items() if array is not None}


def test_predictions_that_belong_together_pass():
    check_predictions(arrays())


@pytest.mark.parametrize("part", PARTS)
def test_predictions_may_have_an_empty_part(part):
    empty = {f"{part}_{name}": np.empty((0, 2), np.float32) for name in ("probs", "logits")}
    empty |= {f"{part}_{name}": np.empty(0, np.int64) for name in ("labels", "index")}
    check_predictions(arrays(**empty))


@pytest.mark.parametrize(
    "name", [f"{part}_{kind}" for part in PARTS for kind in ("probs", "labels", "index", "logits")]
)
def test_predictions_may_lack_an_array_and_have_further_ones(name):
    check_predictions(arrays(**{name: None, "attack_member_rows": np.array([["x"]])}))
    check_predictions({})


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("kind", "array", "form"),
    [
        ("probs", np.zeros((3, 2)), "float32 (N, C)"),
        ("probs", np.zeros(3, np.float32), "float32 (N, C)"),
        ("probs", np.zeros((3, 2, 1), np.float32), "float32 (N, C)"),
        ("probs", np.full((3, 2), -0.01, np.float32), "probabilities from 0 to 1"),
        ("probs", np.full((3, 2), 1.01, np.float32), "probabilities from 0 to 1"),
        ("probs", np.array([[0, 1], [0, 1], [0, np.nan]], np.float32), "probabilities from 0 to 1"),
        ("logits", np.zeros((3, 2)), "float32 (N, C)"),
        ("logits", np.zeros(3, np.float32), "float32 (N, C)"),
        ("logits", np.array([[0, 1], [0, 1], [0, np.inf]], np.float32), "finite numbers"),
        ("logits", np.zeros((3, 2), np.float32), "logits of the probabilities"),
        ("labels", np.zeros(3, np.int32), "int64 (N,)"),
        ("labels", np.zeros(3), "int64 (N,)"),
        ("labels", np.zeros((3, 1), np.int64), "int64 (N,)"),
        ("labels", np.array([0, -1, 1]), "numbers of 0 or more"),
        ("labels", np.array([0, 2, 1]), "classes below 2"),
        ("index", np.zeros(3, np.uint64), "int64 (N,)"),
        ("index", np.int64(3), "int64 (N,)"),
        ("index", np.array([-1, 0, 1]), "numbers of 0 or more"),
    ],
)
def test_predictions_of_another_form_name_the_array_and_its_form(part, kind, array, form):
    name = f"{part}_{kind}"
    with pytest.raises(Fault) as caught:
        check_predictions(arrays(**{name: np.asarray(array)}))
    assert str(caught.value) == f"{name} holds no {form}; write it again"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", ["probs", "labels", "index", "logits"])
def test_predictions_of_a_part_are_equally_many(part, kind):
    shorter = arrays()[f"{part}_{kind}"][:2]
    with pytest.raises(Fault, match=f"^the arrays of {part} differ in length; write them again$"):
        check_predictions(arrays(**{f"{part}_{kind}": shorter}))


@pytest.mark.parametrize("classes", [1, 3])
def test_predictions_of_all_parts_have_the_same_classes(classes):
    other = {"val_probs": np.zeros((3, classes), np.float32), "val_logits": None, "val_labels": np.zeros(3, np.int64)}
    with pytest.raises(Fault, match=r"^its parts differ in their number of classes, or have none; write them again$"):
        check_predictions(arrays(**other))


def test_predictions_have_classes():
    none = {f"{part}_{name}": np.zeros((3, 0), np.float32) for part in PARTS for name in ("probs", "logits")}
    with pytest.raises(Fault, match="or have none"):
        check_predictions(arrays(**none | {f"{part}_labels": None for part in PARTS}))
