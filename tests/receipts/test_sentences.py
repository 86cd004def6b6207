"""What a receipt says of a model's errors, before and after."""

from medunlearn.receipts.evidence_schema import Evidence, Figures
from medunlearn.receipts.sentences import _errors


def said(before, after):
    found = [
        None if each is None else Figures(UA=each[0], RA=each[1], TA=each[2], MIA=None) for each in (before, after)
    ]
    others = dict.fromkeys(("reference", "AG", "proxy_gap", "attack", "by_group", "audit"))
    return [*_errors(Evidence(untouched=found[0], model=found[1], **others))]


def test_errors_on_the_removed_images_stand_beside_the_originals():
    assert said((0.0, 99.0, 90.0), (33.3, 95.0, 80.0)) == [
        "It errs on 33.3 % of the removed training images, the original model on 0.0 %."
    ]


def test_a_model_that_has_collapsed_is_one_in_the_receipt_too():
    assert said((0.0, 99.0, 90.0), (50.0, 88.9, 79.9))[1:] == [
        "It has collapsed: 10.1 points fewer retained images are classified right than before.",
        "It has collapsed: 10.1 points fewer test images are classified right than before.",
    ]


def test_nothing_is_said_without_the_originals_figures():
    assert said(None, (50.0, 10.0, 10.0)) == []
    assert said((None, None, None), (50.0, 10.0, 10.0)) == []
