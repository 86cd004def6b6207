"""Remarks on a run: one for each rule, and none on a healthy run."""

import pytest

from medunlearn.metrics import notes

FIGURES = {"UA": 5.0, "RA": 98.0, "TA": 95.0, "MIA": 10.0, "TA_retained_classes": 95.0}
BEFORE = {"UA": 0.0, "RA": 99.5, "TA": 96.0, "MIA": 4.0, "TA_retained_classes": 96.0}
CHANCE = "no higher than by naming the most common class every time"


def images(forget=100, retain=900, test=200, classes=4):
    """Numbers of images, evenly in each class."""
    counts = {"forget": forget, "retain": retain, "test": test}
    return {part: {str(each): count // classes for each in range(classes)} for part, count in counts.items()}


def said(n=None, **figures):
    return notes(FIGURES | figures, n or images(), before=BEFORE, reference=FIGURES, changed=7)


def test_notes_on_a_healthy_run_of_enough_images_are_none():
    assert said() == []
    assert notes(FIGURES, images()) == [], "neither on one that started from no other"
    assert notes(FIGURES | {"UA": None, "MIA": None}, images(forget=0)) == [], "nor on one without a forget set"
    assert said(images(forget=200, test=200)) == said(images(forget=52, test=52)) == []


def test_notes_say_that_no_weight_has_changed_and_leave_out_what_follows_from_it():
    assert notes(BEFORE, images(), before=BEFORE, changed=0) == ["no weight has changed: the model is the original"]


def test_notes_say_that_ua_is_the_originals_unless_retraining_has_the_same():
    sentence = "UA is the original's, 0.00 %: the forget set is classified as before"
    assert said(UA=0.0) == [sentence]
    assert said(UA=1.0) == [], "one image of 100 is another"
    assert notes(FIGURES | {"UA": 0.0}, images(), BEFORE, None, 7) == [sentence], "without a reference"
    assert notes(FIGURES | {"UA": 0.0}, images(), BEFORE, FIGURES | {"UA": 0.0}, 7) == []


@pytest.mark.parametrize(("key", "figure"), [("RA", "RA"), ("TA", "TA_retained_classes")])
def test_notes_say_what_has_collapsed_below_the_original(key, figure):
    value = BEFORE[figure] - 10.5
    assert said(**{figure: value}) == [f"collapsed: {key} is 10.50 points below the original's"]
    assert said(**{figure: BEFORE[figure] - 10.0}) == []


@pytest.mark.parametrize(("key", "figure"), [("RA", "RA"), ("TA", "TA_retained_classes")])
def test_notes_say_what_is_no_better_than_the_most_common_class(key, figure):
    n = images()
    n["forget"]["0"] = n["retain"]["0"] = n["test"]["0"] = 0  # three classes are left
    assert notes(FIGURES | {figure: 33.0}, n) == [f"collapsed: {key} is {CHANCE} (33.33 %)"]
    assert notes(FIGURES | {figure: 34.0}, n) == []


def test_notes_name_ra_and_ta_in_one_sentence_where_both_have_collapsed():
    (sentence,) = said(RA=80.0, TA_retained_classes=20.0)
    assert sentence == "collapsed: RA is 19.50 points below the original's, TA is 76.00 points below the original's"


@pytest.mark.parametrize(("share", "number"), [(0.0, "every"), (100.0, "no")])
def test_notes_say_that_mia_is_saturated(share, number):
    sentence = f"MIA is {share:.0f}: the attack takes {number} forgotten image for one that was trained on"
    assert said(MIA=share) == [sentence]


def test_notes_say_what_one_image_counts_where_there_are_few():
    assert said(images(forget=48, test=40)) == [
        "only 48 forgotten images: one image = 2.08 points of UA and MIA",
        "only 40 test images: one image = 2.50 points of TA",
    ]
    one = images(classes=1, forget=1)
    assert notes(FIGURES | {"RA": 99.0}, one | {"retain": {"0": 9}})[-1] == (
        "only 1 forgotten image: one image = 100.00 points of UA and MIA"
    )


def test_notes_name_classes_that_are_forgotten_as_a_whole_and_judge_the_others_ta():
    n = images()
    n["retain"]["2"] = 0
    assert said(n, TA=71.0) == [
        "class 2 forgotten as a whole, with every training image: TA of the other classes is 95.00 %"
    ]
    n["retain"]["3"] = 0
    assert said(n)[0].startswith("classes 2, 3 forgotten")
    (low, _) = said(n, TA_retained_classes=60.0)
    assert low == "collapsed: TA of the retained classes is 36.00 points below the original's"


def test_notes_on_many_forgotten_classes_fit_in_a_line():
    n = images(forget=3000, retain=3000, test=3000, classes=300)
    n["retain"] |= {str(each): 0 for each in range(250)}
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 240 more forgotten" in said(n)[0]
    assert all(len(sentence) < 500 for sentence in said(n)), "metrics.json takes no longer ones"


def test_notes_say_that_the_reference_has_collapsed_which_its_gaps_do_not_show():
    reason = f"TA is {CHANCE} (25.00 %)"
    found = notes(FIGURES, images(), BEFORE, FIGURES | {"notes": [f"collapsed: {reason}", "other"]}, 7)
    assert found == [f"the reference has collapsed ({reason}): gaps to it do not tell what was forgotten"]
    assert notes(FIGURES, images(), BEFORE, FIGURES | {"notes": ["other"]}, 7) == []


def test_notes_say_that_a_retrain_ended_far_below_the_one_that_it_names():
    assert notes(FIGURES | {"RA": 88.0, "TA": 85.0}, images(), None, FIGURES) == []
    both = "RA is 10.10 points below another Retrain's, TA is 11.00 points below another Retrain's"
    (said_of_both,) = notes(FIGURES | {"RA": 87.9, "TA": 84.0}, images(), None, FIGURES)
    assert said_of_both == f"collapsed: {both}, so this one has failed"
    assert notes(FIGURES, images(), None, FIGURES | {"RA": 50.0}) == [], "the better one is sound"
    assert said(RA=FIGURES["RA"] - 5) == [], "of an unlearned run the original is what counts"


def test_notes_say_that_mia_depends_on_the_attacks_samples():
    def found(*draws, n=None):
        return notes(FIGURES, n or images(), draws=draws)

    assert found() == found(5.0, 15.0, 9.0) == [], "ten points are within the rule"
    (sentence,) = found(89.7, 12.3, 4.3)
    assert sentence == (
        "MIA depends on the images that the attack learns from: 4.3 to 89.7 in 3 draws, median 12.3; so does AG"
    )
    assert not [each for each in found(0.5, 99.0, n=images(forget=48)) if "draws" in each]
