import dataclasses

import numpy as np
import pytest

from medunlearn.metrics import ARRAYS, PARTS, Part, Predictions

CLASSES = 3


def part(rows, seed):
    """A part in which every row's probabilities and label follow from the number of its image."""
    rows = np.array(rows, dtype=np.int64)
    table = np.random.default_rng(seed).dirichlet(np.ones(CLASSES), size=100).astype(np.float32)
    labels = np.random.default_rng(seed + 50).integers(CLASSES, size=100)
    return Part(table[rows], labels[rows], rows)


def predictions(forget, train=20):
    """What a direct split by `forget` gives: every part by itself, in ascending order."""
    retain = [row for row in range(train) if row not in forget]
    return Predictions(part(sorted(forget), 0), part(retain, 0), part(range(7), 1), part(range(4), 2))


def assert_same(a, b):
    for name in PARTS:
        for field, left, right in zip(Part._fields, getattr(a, name), getattr(b, name), strict=True):
            if left is None or right is None:
                assert left is right, (name, field)
                continue
            assert left.dtype == right.dtype, (name, field)
            assert left.shape == right.shape, (name, field)
            assert (left == right).all(), (name, field)


def test_arrays_are_named_as_in_predictions_npz():
    arrays = predictions([3, 5]).to_arrays()
    assert sorted(arrays) == sorted(
        f"{part}_{array}" for part in ("forget", "retain", "test", "val") for array in ("probs", "labels", "index")
    )
    assert len(arrays) == len(PARTS) * len(ARRAYS)


def test_arrays_hold_what_their_names_say():
    made = predictions([3, 5])
    arrays = made.to_arrays()
    assert arrays["forget_index"].tolist() == [3, 5]
    assert arrays["retain_index"].tolist() == [row for row in range(20) if row not in (3, 5)]
    assert arrays["test_index"].tolist() == list(range(7))
    assert arrays["val_index"].tolist() == list(range(4))
    for name in PARTS:
        assert arrays[f"{name}_probs"] is getattr(made, name).probs
        assert arrays[f"{name}_labels"] is getattr(made, name).labels


@pytest.mark.parametrize("forget", [[], [0], [3, 5, 19]])
def test_arrays_round_trip(forget, tmp_path):
    made = predictions(forget)
    assert_same(Predictions.from_arrays(made.to_arrays()), made)
    np.savez(tmp_path / "predictions.npz", **made.to_arrays())
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as stored:
        assert_same(Predictions.from_arrays(dict(stored)), made)


def test_other_arrays_in_the_file_are_left_aside():
    made = predictions([3])
    assert_same(Predictions.from_arrays(made.to_arrays() | {"attack_member_rows": np.arange(3)}), made)


@pytest.mark.parametrize("missing", ["forget_probs", "val_index", "test_labels"])
def test_a_missing_array_is_named(missing):
    arrays = predictions([3]).to_arrays()
    del arrays[missing]
    with pytest.raises(KeyError, match=missing):
        Predictions.from_arrays(arrays)


@pytest.mark.parametrize("before", [[], [1], [0, 4, 9, 19]])
@pytest.mark.parametrize("after", [[], [1], [19], [2, 3, 4, 17], list(range(19))])
def test_split_by_gives_what_a_direct_split_gives(before, after):
    split = predictions(before).split_by(np.array(after, dtype=np.int64))
    assert_same(split, predictions(after))


def test_split_by_does_not_hang_on_the_order_of_the_forget_indices():
    assert_same(predictions([1]).split_by(np.array([17, 2, 8])), predictions([2, 8, 17]))


def test_split_by_leaves_the_original_and_the_other_parts_alone():
    made = predictions([1, 2])
    split = made.split_by(np.array([5]))
    assert_same(made, predictions([1, 2]))
    assert split.test is made.test
    assert split.val is made.val


def test_predictions_cannot_be_changed_by_accident():
    made = predictions([1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.forget = made.retain


def with_logits(made):
    parts = {name: getattr(made, name) for name in PARTS}
    return Predictions(**{name: part._replace(logits=np.log(part.probs + 1e-9)) for name, part in parts.items()})


def test_logits_are_kept_with_the_arrays_and_divided_with_them():
    made = with_logits(predictions([3, 5]))
    arrays = made.to_arrays()
    assert set(arrays) - set(predictions([3, 5]).to_arrays()) == {f"{name}_logits" for name in PARTS}
    assert_same(Predictions.from_arrays(arrays), made)
    assert_same(made.split_by(np.array([1, 2, 19])), with_logits(predictions([1, 2, 19])))
    assert len(made.without_test().test.logits) == 0


def test_runs_without_logits_read_on():
    found = Predictions.from_arrays(predictions([3, 5]).to_arrays())
    assert [getattr(found, name).logits for name in PARTS] == [None] * 4
    assert found.split_by(np.array([1])).retain.logits is None
    mixed = found.forget.joined(with_logits(found).retain)
    assert mixed.logits is None
    assert len(mixed.rows) == 20
