import numpy as np
import pytest

from medunlearn.metrics import Part, Predictions, accuracies, accuracy, attack, attack_draws, unlearning_metrics

CLASSES = 5


def part(count, seed, sharpness=0.5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count)
    odds = np.exp(rng.normal(size=(count, CLASSES)) + sharpness * np.eye(CLASSES)[labels])
    return Part((odds / odds.sum(1, keepdims=True)).astype(np.float32), labels, np.arange(count))


def predictions(forget=31, retain=97, test=40, val=53, seed=0):
    return Predictions(
        forget=part(forget, seed, 2.0),
        retain=part(retain, seed + 1, 4.0),
        test=part(test, seed + 2, 1.0),
        val=part(val, seed + 3, 0.0),
    )


def percent_correct(part):
    """Accuracy in plain Python; of several largest probabilities the first counts."""
    right = [max(range(CLASSES), key=row.__getitem__) == label for row, label in zip(part.probs, part.labels)]  # noqa: B905
    return 100 * sum(right) / len(right)


@pytest.mark.parametrize("seed", range(5))
def test_accuracies_equal_a_count_by_hand(seed):
    made = predictions(seed=10 * seed)
    assert accuracies(made) == {
        "UA": 100 - percent_correct(made.forget),
        "RA": percent_correct(made.retain),
        "TA": percent_correct(made.test),
    }
    assert len(set(accuracies(made).values())) == 3


@pytest.mark.parametrize("count", [3, 7, 333, 4999])
def test_accuracy_is_exact_to_the_last_digit(count):
    made = part(count, count)
    assert accuracy(made) == percent_correct(made)


def test_accuracy_counts_every_image_alike_however_rare_its_class():
    probs = np.tile(np.array([0.9, 0.1, 0, 0, 0], np.float32), (10, 1))
    assert accuracy(Part(probs, np.array([0] * 9 + [1]), np.arange(10))) == 90


def test_accuracy_takes_the_first_of_tied_classes():
    rng = np.random.default_rng(0)
    probs = rng.choice(np.array([0.25, 0.5], np.float32), size=(400, CLASSES))  # nearly every row has ties
    tied = Part(probs, rng.integers(CLASSES, size=400), np.arange(400))
    assert accuracy(tied) == percent_correct(tied) == 100 * np.mean(probs.argmax(1) == tied.labels)


def test_accuracy_of_nothing_is_none():
    assert accuracy(Part(np.empty((0, CLASSES), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))) is None


def test_ua_and_mia_without_a_forget_set_are_none_and_the_rest_is_measured():
    made = predictions(forget=0)
    assert unlearning_metrics(made) == {
        "UA": None,
        "RA": percent_correct(made.retain),
        "TA": percent_correct(made.test),
        "MIA": None,
    }


@pytest.mark.parametrize("feature", ["confidence", "prob"])
@pytest.mark.parametrize("nonmembers", ["test", "val"])
def test_mia_attacks_retain_against_the_nonmembers_asked_for(feature, nonmembers):
    made = predictions()
    mia = unlearning_metrics(made, feature, nonmembers, seed=2)["MIA"]
    assert mia == attack(made.retain, getattr(made, nonmembers), made.forget, feature, seed=2)
    other = "val" if nonmembers == "test" else "test"
    assert mia != attack(made.retain, getattr(made, other), made.forget, feature, seed=2)


def test_accuracies_do_not_depend_on_val_as_nonmembers():
    made = predictions()
    by_test, by_val = (unlearning_metrics(made, nonmembers=name) for name in ("test", "val"))
    assert {key: by_test[key] for key in ("UA", "RA", "TA")} == {key: by_val[key] for key in ("UA", "RA", "TA")}
    assert by_test["MIA"] != by_val["MIA"]


def test_defaults_are_the_papers_confidence_against_the_test_set():
    made = predictions()
    assert unlearning_metrics(made) == unlearning_metrics(made, "confidence", "test", seed=0)
    assert list(unlearning_metrics(made)) == ["UA", "RA", "TA", "MIA"]


def test_seed_reaches_the_attack():
    made = predictions()
    values = [unlearning_metrics(made, seed=seed)["MIA"] for seed in range(12)]
    assert values == [attack(made.retain, made.test, made.forget, seed=seed) for seed in range(12)]
    assert len(set(values)) > 1


@pytest.mark.parametrize("nonmembers", ["test", "val"])
def test_draws_of_the_attack_are_mia_under_the_next_seeds(nonmembers):
    found = predictions()
    draws = attack_draws(found, "entropy", nonmembers, seed=5)
    assert draws == [unlearning_metrics(found, "entropy", nonmembers, seed)["MIA"] for seed in range(5, 12)]
    assert nonmembers == "val" or len(set(draws)) > 1, "the samples differ"


def test_there_are_no_draws_where_mia_cannot_be_measured_or_takes_too_long():
    assert attack_draws(predictions(forget=0)) == attack_draws(predictions(test=0)) == []
    assert attack_draws(predictions(), "prob") == attack_draws(predictions(), solver="libsvm") == []
