"""The proxy gap, against a computation of its own from the definition."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.svm import SVC

from medunlearn.metrics import Loss, Part, Predictions, attack_shares, proxy_gap, proxy_targets, why_no_proxy
from medunlearn.metrics.proxy import _attack_shares

CLASSES = 3


def part(seed, labels, sharpness):
    """Outputs that lean towards the true class, the more the sharper."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), CLASSES))
    logits[np.arange(len(labels)), labels] += sharpness
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Part(probs.astype(np.float32), np.asarray(labels), np.arange(len(labels)))


def model(seed, sharpness, forget=None):
    labels = np.arange(240) % CLASSES
    forgotten = np.arange(40) % 2 if forget is None else forget
    return Predictions(
        part(seed, forgotten, sharpness),
        part(seed + 1, labels, sharpness + 1),
        part(seed + 2, labels[:90], 0.5),
        part(seed + 3, labels[:80], 1.0),
    )


def error(found):
    return 100 * np.mean(found.probs.argmax(1) != found.labels)


def test_proxy_gap_is_what_its_definition_says():
    original, unlearned = model(0, 3.0), model(10, 1.0)
    found = proxy_gap(unlearned, original, seed=5)
    val = original.val
    by_class = [error(val.take(val.labels == number)) for number in (0, 1)]
    assert found["UA"] == pytest.approx(abs(error(unlearned.forget) - np.mean(by_class)))  # 20 images of each
    assert found["RA"] == pytest.approx(abs(error(unlearned.retain) - error(original.retain)))
    assert found["TA"] == pytest.approx(abs(error(unlearned.val) - error(original.val)))
    assert found["gap"] == pytest.approx(np.mean([found[key] for key in ("UA", "RA", "TA", "MIA")]))


def test_proxy_of_the_attack_learns_from_one_half_of_the_validation_images_and_is_shown_the_other():
    original, unlearned = model(0, 3.0), model(10, 2.0)

    def confidence(found, rows):
        return found.probs[rows, found.labels[rows]].reshape(-1, 1)

    def shares(seed):
        order, rng = np.random.default_rng(seed).permutation(80), np.random.default_rng(seed)
        learned, shown = order[:40], order[40:]
        members = np.sort(rng.choice(240, size=40, replace=False))
        samples = np.concatenate([confidence(unlearned.retain, members), confidence(unlearned.val, learned)])
        machine = SVC(C=3, gamma="auto").fit(samples, np.repeat([1, 0], 40))
        return [
            100 * np.mean(machine.predict(confidence(found, rows)) == 0)
            for found, rows in ((unlearned.forget, np.arange(40)), (unlearned.val, shown))
        ]

    forget, unseen = np.median([shares(seed) for seed in range(3, 10)], axis=0)
    assert proxy_gap(unlearned, original, seed=3)["MIA"] == pytest.approx(abs(forget - unseen))
    assert proxy_gap(unlearned, original, seed=3, solver="libsvm") == proxy_gap(unlearned, original, seed=3)


def test_proxy_gap_of_a_model_that_treats_the_forget_set_as_the_original_treats_unseen_images_is_small():
    original = model(0, 8.0)
    unseen = replace(original, forget=original.val)
    unlearned = replace(unseen, forget=unseen.forget)
    found = proxy_gap(unlearned, unseen)
    assert found["UA"] < 1e-9  # the same images stand in for the forget set
    assert found["RA"] == found["TA"] == 0


def test_proxy_of_the_untouched_model_is_far_where_it_has_memorised_the_forget_set():
    original = model(0, 8.0)
    assert proxy_gap(original, original)["UA"] == pytest.approx(error(original.val), abs=10)


def test_proxy_counts_a_class_that_is_forgotten_as_a_whole_as_lost():
    original = model(0, 3.0, forget=np.full(40, 2))
    retained = original.retain.labels != 2
    original = replace(original, retain=original.retain.take(retained))
    destroyed = replace(original, forget=part(4, np.full(40, 2), -50.0))
    found = proxy_gap(destroyed, original)
    assert found["UA"] == 0, "a Retrain gets every image of it wrong"
    right = (original.val.probs.argmax(1) == original.val.labels) & (original.val.labels != 2)
    assert found["TA"] == pytest.approx(abs(100 - error(original.val) - 100 * right.mean()))


def test_proxy_does_not_look_at_the_test_set():
    original, unlearned = model(0, 3.0), model(10, 2.0)
    other = [replace(each, test=part(77, np.zeros(5, dtype=int), -3.0)) for each in (unlearned, original)]
    assert proxy_gap(*other) == proxy_gap(unlearned, original)


@pytest.mark.parametrize("empty", ["forget", "val"])
def test_proxy_is_none_where_a_part_is_missing(empty):
    original, unlearned = model(0, 3.0), model(10, 2.0)
    without = [replace(each, **{empty: getattr(each, empty).take(np.arange(0))}) for each in (unlearned, original)]
    found = proxy_gap(*without)
    assert found["gap"] is None
    assert found["UA"] is None
    assert found["RA"] is not None


def test_proxy_of_a_class_without_validation_images_is_that_of_the_others():
    original, unlearned = model(0, 3.0), model(10, 2.0)
    kept = original.val.labels != 0
    without = [replace(each, val=each.val.take(kept)) for each in (unlearned, original)]
    val = without[1].val
    expected = error(val.take(val.labels == 1))
    assert proxy_gap(*without)["UA"] == pytest.approx(abs(error(unlearned.forget) - expected))


@pytest.mark.parametrize(
    ("part", "kept", "why"),
    [
        ("forget", lambda labels: labels < 0, "no image is forgotten"),
        ("retain", lambda labels: labels < 0, "no image is retained"),
        ("val", lambda labels: labels < 0, "it needs two validation images, and there is none"),
        ("val", lambda labels: np.arange(len(labels)) < 1, "it needs two validation images, and there is 1"),
        ("val", lambda labels: labels == 2, "no validation image is of a class of the forget set"),
        ("val", lambda labels: np.arange(len(labels)) < 2, None),
        ("val", lambda labels: labels == 1, None),
    ],
)
def test_why_there_is_no_gap_is_said_where_there_is_none(part, kept, why):
    original, unlearned = model(0, 3.0), model(10, 1.0)
    chosen = kept(getattr(original, part).labels)
    less = [replace(each, **{part: getattr(each, part).take(chosen)}) for each in (original, unlearned)]
    assert why_no_proxy(less[0]) == why
    assert (proxy_gap(less[1], less[0])["gap"] is None) == (why is not None)


def test_loss_moves_the_targets_and_none_leaves_every_digit():
    original, unlearned = model(0, 3.0), model(10, 1.0)
    plain, targets = proxy_gap(unlearned, original, seed=5), proxy_targets(original)
    assert proxy_gap(unlearned, original, seed=5, loss=Loss(0.0)) == plain
    loss = Loss(val=6.2, train=3.1)
    moved, predicted = proxy_gap(unlearned, original, seed=5, loss=loss), proxy_targets(original, loss=loss)
    assert predicted == pytest.approx({"UA": targets["UA"] + 6.2, "RA": targets["RA"] - 3.1, "TA": targets["TA"] - 6.2})
    assert moved["UA"] == pytest.approx(abs(error(unlearned.forget) - predicted["UA"]))
    assert moved["RA"] == pytest.approx(abs(100 - error(unlearned.retain) - predicted["RA"]))
    assert moved["TA"] == pytest.approx(abs(100 - error(unlearned.val) - predicted["TA"]))
    assert moved["MIA"] == plain["MIA"]
    assert proxy_targets(original, loss=Loss(1.0, forget=2.0))["UA"] == pytest.approx(targets["UA"] + 2)
    assert proxy_targets(original, loss=Loss(500.0, -500.0)) == {"UA": 100, "RA": 100, "TA": 0}


def test_the_attacks_shares_are_medians_over_seven_halves_of_the_validation_set():
    unlearned = model(10, 2.0)
    once = [_attack_shares(unlearned, "confidence", seed, "interior_point") for seed in range(3, 10)]
    assert attack_shares(unlearned, seed=3) == pytest.approx(tuple(100 * np.median(once, axis=0)))
    assert len({each for each, _ in once} | {each for _, each in once}) > 1


def test_loss_with_a_part_for_the_attack_compares_mia_with_what_is_predicted_of_it():
    original, unlearned = model(0, 3.0), model(10, 2.0)
    forget, _ = attack_shares(unlearned, seed=3)
    _, unseen = attack_shares(original, seed=3)
    found = proxy_gap(unlearned, original, seed=3, loss=Loss(0.0, attack=-4.0))
    assert found["MIA"] == pytest.approx(abs(forget - (unseen - 4)))
