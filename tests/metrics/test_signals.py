"""Signals of membership, against decimals of 60 digits and against what a float32 softmax loses."""

from decimal import Decimal, localcontext
from typing import get_args

import numpy as np
import pytest
from scipy.special import softmax

from medunlearn.metrics import NEEDS_LOGITS, Part, Signal, margins, signal
from medunlearn.metrics.membership import _entropy

SIGNALS = get_args(Signal)


def part(logits, labels):
    """A model's outputs as a run keeps them: float32 throughout."""
    logits = np.asarray(logits, dtype=np.float32)
    return Part(softmax(logits, axis=1), np.asarray(labels), np.arange(len(logits)), logits)


def outputs(images=40, classes=5, spread=6.0, seed=0):
    rng = np.random.default_rng(seed)
    return part(spread * rng.normal(size=(images, classes)), rng.integers(classes, size=images))


def by_hand(name, probs, logits, label):
    """One signal of one image by its definition: `confidence` and `entropy` of probabilities, the rest of logits."""
    with localcontext() as context:
        context.prec = 60
        if name in NEEDS_LOGITS:
            odds = [Decimal(float(z)).exp() for z in logits]
            p = [each / sum(odds) for each in odds]
        else:
            p = [Decimal(float(each)) for each in probs]
        own, others = p[label], [each for at, each in enumerate(p) if at != label]
        found = {
            "confidence": lambda: own,
            "margin": lambda: (own / sum(others)).ln(),
            "loss": lambda: own.ln(),
            "entropy": lambda: sum(each * each.ln() for each in p if each),
            "modified_entropy": lambda: (1 - own) * own.ln() + sum(each * (1 - each).ln() for each in others),
        }
        return float(found[name]())


@pytest.mark.parametrize("spread", [0.5, 6.0, 30.0])
@pytest.mark.parametrize("name", SIGNALS)
def test_signal_is_its_definition(name, spread):
    given = outputs(spread=spread)
    expected = [by_hand(name, *row) for row in zip(given.probs, given.logits, given.labels, strict=True)]
    found = signal(given, name)
    assert found.shape == (40,)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=0)


def test_signal_of_two_classes_whose_softmax_is_saturated_still_tells_images_apart():
    given = part([[0, 20], [0, 40], [0, 700]], labels=[1, 1, 1])
    assert (given.probs[:, 1] == 1).all()
    assert signal(given, "confidence").tolist() == [1, 1, 1]
    assert signal(given, "margin").tolist() == [20, 40, 700]
    for name in ("loss", "modified_entropy"):
        assert (np.diff(signal(given, name)) > 0).all(), name
    np.testing.assert_allclose(signal(given, "loss"), -np.exp([-20.0, -40.0, -700.0]), rtol=1e-8)


def test_signal_is_finite_for_an_image_of_which_the_model_is_sure_and_wrong():
    given = part([[0, 1000]], labels=[0])
    assert [float(signal(given, name)[0]) for name in NEEDS_LOGITS] == [-1000, -1000, -2000]


def test_signals_rise_with_how_sure_a_model_is_of_the_true_class():
    given = part([[z, 0.0, 0.0] for z in (0.0, 1.0, 3.0, 9.0)], labels=[0] * 4)
    for name in SIGNALS:
        assert (np.diff(signal(given, name)) > 0).all(), name


def test_modified_entropy_tells_sure_and_wrong_from_sure_and_right_where_entropy_does_not():
    given = part([[9.0, 0.0], [9.0, 0.0]], labels=[0, 1])
    assert np.ptp(signal(given, "entropy")) == 0
    right, wrong = signal(given, "modified_entropy")
    assert wrong < -8 < right < 0


def test_modified_entropy_is_worked_out_for_two_classes():
    quarter = part([[np.log(3.0), 0.0]] * 2, labels=[0, 1])  # p = 3/4, 1/4
    expected = [0.25 * np.log(0.75) * 2, 0.75 * np.log(0.25) * 2]
    np.testing.assert_allclose(signal(quarter, "modified_entropy"), expected, rtol=1e-6)


def test_entropy_is_that_of_the_membership_attack_negated():
    given = outputs()
    np.testing.assert_allclose(signal(given, "entropy"), -_entropy(given.probs, given.labels), rtol=1e-4)
    np.testing.assert_allclose(signal(part(np.zeros((1, 4)), [2]), "entropy"), [-np.log(4)])


def test_margins_take_logits_of_any_height_and_number_of_classes():
    given = outputs(classes=300)
    plain = margins(given.logits, given.labels)
    for height in (-1e4, 1e4):
        np.testing.assert_allclose(margins(given.logits.astype(float) + height, given.labels), plain, rtol=1e-9)
    np.testing.assert_allclose(margins(np.zeros((1, 11)), np.array([3])), [-np.log(10)])


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_of_a_run_without_logits_is_none_where_it_needs_them(name):
    found = signal(outputs()._replace(logits=None), name)
    assert (found is None) == (name in NEEDS_LOGITS)


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_of_no_images_is_empty(name):
    assert signal(outputs().take(np.arange(0)), name).shape == (0,)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_signal_refuses_outputs_that_are_not_finite(name, value):
    given = outputs()
    given.probs[3, 1] = given.logits[3, 1] = value
    with pytest.raises(ValueError, match=r"^Expected argument `(probs|logits)` to be finite; the model has diverged"):
        signal(given, name)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros(3), [0, 0, 0], r"^Expected argument `logits` of shape \(N, C\) and `labels` of shape \(N,\)"),
        (np.zeros((3, 2)), [0, 0], r"but got \(3, 2\) and \(2,\)$"),
        (
            np.zeros((3, 1)),
            [0, 0, 0],
            r"^Expected argument `logits` to be of at least 2 classes, but got shape \(3, 1\)",
        ),
        (np.zeros((2, 2)), [0, 2], r"^Expected argument `labels` to be whole numbers from 0 to 1$"),
        (np.zeros((2, 2)), [-1, 0], "^Expected argument `labels` to be whole numbers"),
        (np.zeros((2, 2)), [0.0, 1.0], "^Expected argument `labels` to be whole numbers"),
    ],
)
def test_margins_refuse_what_is_no_output_of_a_classifier(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        margins(logits, np.array(labels))


def test_signal_refuses_an_unknown_name():
    with pytest.raises(
        ValueError, match=r"^Expected argument `name` to be one of \('confidence', .* but got 'accuracy'$"
    ):
        signal(outputs(), "accuracy")
