"""Whether a model that was trained elsewhere looks as if it had seen the forget set."""

import numpy as np
import pytest

from medunlearn.metrics import Part, auc, seen

MEMBERS, OTHERS = 3.0, 1.0  # how far the true class lies above the others


def part(seed, count, above, classes=4, only=None):
    """Return outputs on images whose class is the easier the higher its number."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count) if only is None else np.full(count, only)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += above + labels
    shares = np.exp(logits)
    return Part(shares / shares.sum(axis=1, keepdims=True), labels, np.arange(count), logits)


def answers(forget, retain=MEMBERS, count=100, only=None):
    """Return the answers of eight models to forget sets whose margins are so high."""
    return [
        seen(part(s, count, forget, only=only), part(100 + s, 600, retain), part(200 + s, 300, OTHERS), 100).answer
        for s in range(8)
    ]


def test_forget_set_that_was_seen_is_found_out_nearly_always():
    assert answers(MEMBERS).count("training") >= 7


def test_forget_set_that_was_not_seen_is_found_out_nearly_always():
    assert answers(OTHERS).count("unseen") >= 6


def test_a_model_that_has_memorised_nothing_gives_no_answer():
    assert answers(OTHERS, retain=OTHERS).count("cannot tell") >= 7


def test_three_images_give_no_answer():
    assert answers((MEMBERS + OTHERS) / 2, count=3).count("cannot tell") >= 4


@pytest.mark.parametrize("only", [0, 3])
def test_a_class_that_is_hard_or_easy_is_compared_with_unseen_images_of_that_class(only):
    """Against all classes, unseen images of the easiest would look like training images."""
    assert answers(OTHERS, only=only).count("unseen") >= 6
    assert answers(MEMBERS, only=only).count("training") >= 7


def test_of_one_class_the_figure_is_the_auc_of_the_margins():
    forget, retain, unseen = part(0, 30, 2, 2, 1), part(1, 40, 3, 2, 1), part(2, 50, 1, 2, 1)
    margins = [each.logits[:, 1] - each.logits[:, 0] for each in (forget, retain, unseen)]
    found = seen(forget, retain, unseen, draws=50)
    assert found.forget == pytest.approx(auc(margins[0], margins[2]), abs=0.03)
    assert found.retain == pytest.approx(auc(margins[1], margins[2]), abs=0.03)
    assert (found.images, found.unseen) == (30, 50)


def test_large_parts_are_sampled():
    found = seen(part(0, 2500, OTHERS), part(1, 2500, MEMBERS), part(2, 2500, OTHERS), draws=10)
    assert (found.images, found.unseen) == (2000, 2000)


def test_without_unseen_images_of_its_classes_there_is_no_answer():
    nothing = part(0, 0, OTHERS)
    assert seen(nothing, part(1, 50, MEMBERS), part(2, 50, OTHERS)) is None
    assert seen(part(0, 9, OTHERS, only=3), part(1, 50, MEMBERS), part(2, 50, OTHERS, only=2)) is None


def test_older_runs_without_logits_are_compared_by_confidence():
    parts = [each._replace(logits=None) for each in (part(0, 99, 3), part(1, 99, 3), part(2, 99, 1))]
    assert seen(*parts, draws=50).answer == "training"


def test_images_of_one_patient_count_as_one_draw():
    parts = part(0, 60, 2.5), part(1, 300, MEMBERS), part(2, 200, OTHERS)
    alone, patients = np.arange(60), np.arange(60) // 20
    others = np.arange(300), np.arange(200)
    found = [seen(*parts, draws=100, groups=(own, *others)) for own in (alone, patients)]
    assert found[0] == seen(*parts, draws=100)
    assert found[0].forget == found[1].forget
    copies = [part(0, 3, 2.5).take(np.repeat(np.arange(3), 20)), *parts[1:]]  # three images, twenty times each
    wide, narrow = (seen(*copies, draws=100, groups=(own, *others)).forget_interval for own in (patients, alone))
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
