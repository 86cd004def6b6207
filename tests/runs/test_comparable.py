"""One rule for what may be compared: the reference of a gap, and the model that a run started from."""

from dataclasses import replace
from pathlib import Path

import pytest

from medunlearn.runs.comparable import (
    is_reference,
    original_of,
    reference_of,
    remade_original,
    why_incomparable,
    why_no_original,
)
from medunlearn.runs.record import Record

CONFIDENCE = {"feature": "confidence", "nonmembers": "test", "seed": 0}
ENTROPY = CONFIDENCE | {"feature": "entropy"}
SHARED = {
    "data_sha256": "data",
    "split_sha256": "split",
    "n_forget": 4,
    "attack": CONFIDENCE,
    "seed": 0,
    "augmentation": "Default",
}


def values(UA, RA=98.0, TA=95.0, MIA=10.0):
    return {"UA": UA, "RA": RA, "TA": TA, "MIA": MIA}


TRAIN = Record(Path("t"), "original", "data", "empty", values={"RA": 99.0, "TA": 96.0}, weights_sha256="t's")
RETRAIN = Record(Path("r"), "retrained", **SHARED, values=values(5.0), weights_sha256="r's")
OTHER = replace(RETRAIN, path=Path("other"), values=values(9.0), weights_sha256="other's")
SALUN = Record(
    Path("s"),
    "unlearned",
    **SHARED,
    values=values(4.0, 97.0, 94.5, 9.0),
    weights_sha256="s's",
    original="t",
    original_sha256="t's",
)
NAMING = replace(SALUN, AG=0.875, reference="r", reference_sha256="r's")
OLDER = replace(NAMING, reference_sha256=None, original_sha256=None)
"""A run from before the reference's hash was kept."""


def moved(record, path="/elsewhere/run"):
    return replace(record, path=Path(path))


# What is a reference


def test_a_reference_is_what_never_saw_the_forget_set_and_was_measured():
    assert is_reference(RETRAIN)
    assert not is_reference(TRAIN)
    assert not is_reference(SALUN)
    assert not is_reference(replace(RETRAIN, values=values(None)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"role": "original"}, "its model has seen the forget set; name a Retrain run of this forget set"),
        ({"role": "unlearned"}, "its model has seen the forget set; name a Retrain run of this forget set"),
        ({"data_sha256": "x"}, "it was run on other data; use the same data.dataset and data.size, or data.file"),
        ({"split_sha256": "x"}, "it was run with another forget set; use the same data.forget for both"),
        ({"data_sha256": None, "split_sha256": "x"}, "it was run with another forget set; use the same"),
        ({"values": values(None)}, "it lacks UA; name a Retrain run of this forget set"),
        ({"attack": ENTROPY}, "its attack was {'feature': 'entropy', "),
        ({"attack": CONFIDENCE | {"nonmembers": "val"}}, "its attack was {"),
        ({"attack": CONFIDENCE | {"seed": 1}}, "its attack was {"),
        ({"attack": None}, "its attack was None, this one's is {'feature': 'confidence'"),
        ({"seed": 1}, ""),
        ({"augmentation": "NoAug"}, ""),
    ],
)
def test_a_named_reference_shares_data_forget_set_and_attack(changes, says):
    found = why_incomparable(SALUN, replace(RETRAIN, **changes))
    assert found.startswith(says)
    assert bool(found) == bool(says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"seed": 1}, "its seed is 1, this one's is 0; name it with `--reference`"),
        ({"augmentation": "NoAug"}, "its augmentation is NoAug, this one's is Default; name it with `--reference`"),
        ({"augmentation": None}, ""),
        ({"role": "original"}, "its model has seen the forget set; name a Retrain run of this forget set"),
    ],
)
def test_a_reference_that_nobody_named_shares_seed_and_augmentation_too(changes, says):
    assert why_incomparable(SALUN, replace(RETRAIN, **changes), named=False) == says


# The reference of a gap: what the four old answers disagreed on


def test_a_run_that_names_none_is_paired_with_the_one_that_fits():
    found = reference_of(SALUN, [TRAIN, RETRAIN, replace(OTHER, seed=1), SALUN])
    assert found == (RETRAIN, 0.875, "", ())


def test_the_reference_that_a_run_names_counts_whatever_else_fits():
    """The report took the gap to any Retrain of the same seed, the table to the named one."""
    named = replace(NAMING, AG=1.875, reference="other", reference_sha256="other's")
    for candidates in ([RETRAIN, OTHER], [OTHER, RETRAIN], [RETRAIN, replace(OTHER, seed=1, augmentation="NoAug")]):
        found = reference_of(named, candidates)
        assert (found.reference.path, found.AG, found.reason) == (Path("other"), 1.875, "")


def test_the_reference_that_a_run_names_is_never_replaced_by_another():
    found = reference_of(replace(NAMING, reference="other", reference_sha256="other's", AG=7.53), [TRAIN, RETRAIN])
    assert found.reference is None
    assert found.AG == 7.53
    assert found.reason == "its gap was taken to other, which is not among the runs; give that one too"


def test_a_named_reference_is_found_by_its_weights_wherever_it_lies():
    assert reference_of(moved(NAMING, "/elsewhere/s"), [moved(RETRAIN)])[:3] == (moved(RETRAIN), 0.875, "")
    found = reference_of(NAMING, [moved(RETRAIN), RETRAIN])
    assert found.reference is RETRAIN, "of two copies, the one at the path that it names"


def test_a_named_reference_measured_by_two_attacks_is_the_one_of_the_same_attack():
    again = replace(RETRAIN, path=Path("again"), attack=ENTROPY, values=values(5.0, MIA=50.0))
    for candidates in ([again, RETRAIN], [RETRAIN, again]):
        assert reference_of(replace(NAMING, reference="again"), candidates).reference is RETRAIN
    found = reference_of(NAMING, [again])
    assert (found.reference, found.AG) == (None, None)
    assert found.reason.startswith("again, which it names as its reference: its attack was {'feature': 'entropy'")


def test_a_named_reference_that_was_made_again_is_none():
    found = reference_of(NAMING, [replace(OTHER, path=Path("r"))])
    assert found == (None, None, "r holds another model now than its gap was taken to; run that stage again", ())


def test_the_gap_is_the_one_that_the_run_wrote_or_a_line_says_why_not():
    found = reference_of(NAMING, [replace(RETRAIN, values=values(6.0))])
    assert found.AG == 1.125
    assert found.reason.startswith("its metrics.json has AG 0.88, taken to other figures than r holds now")


def test_an_older_run_finds_its_reference_by_path_or_by_the_gap_that_it_wrote():
    assert reference_of(OLDER, [RETRAIN, OTHER])[:3] == (RETRAIN, 0.875, "")
    assert reference_of(OLDER, [moved(RETRAIN)])[:3] == (moved(RETRAIN), 0.875, "")
    found = reference_of(OLDER, [moved(OTHER)])
    assert (found.reference, found.AG) == (None, 0.875)
    assert "its gap was taken to r, which is not among the runs" in found.reason


def test_paths_are_compared_as_they_lie_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "r").mkdir()
    (tmp_path / "link").symlink_to("r")
    monkeypatch.chdir(tmp_path)
    for path in ("r", "./r", "link", str(tmp_path / "r")):
        assert reference_of(OLDER, [moved(RETRAIN, path), OTHER]).AG == 0.875
    for path in ("\ud800", "x" * 5000):
        assert reference_of(replace(OLDER, reference=path), [OTHER]).AG == 0.875


def test_retrained_runs_of_which_two_fit_are_named_and_no_gap_is_taken():
    """The table left the gap out, the report refused: both find the two and the sentence here."""
    found = reference_of(SALUN, [RETRAIN, OTHER])
    assert (found.reference, found.AG, found.rivals) == (None, None, (RETRAIN, OTHER))
    assert found.reason == (
        "r and other are both Retrain of the same split, preset and seed, so the gap of s could be taken to either; "
        "give one of them"
    )


def test_copies_of_one_retrained_run_count_once():
    assert reference_of(SALUN, [RETRAIN, moved(RETRAIN)])[:2] == (RETRAIN, 0.875)


@pytest.mark.parametrize("changes", [{"seed": 1}, {"augmentation": "NoAug"}, {"attack": ENTROPY}])
def test_the_nearest_of_references_that_do_not_fit_says_why(changes):
    reference = replace(RETRAIN, **changes)
    found = reference_of(SALUN, [TRAIN, reference, SALUN])
    assert (found.reference, found.AG) == (None, None)
    assert found.reason == f"r: {why_incomparable(SALUN, reference, named=False)}"
    assert reference_of(SALUN, [TRAIN, SALUN]).reason == "there is no Retrain run of the same split; give one"


def test_a_run_that_was_not_measured_on_a_forget_set_has_no_gap():
    assert reference_of(TRAIN, [RETRAIN]) == (None, None, "it lacks UA; run it with a forget set", ())


def test_a_retrained_run_is_its_own_reference_unless_it_names_another():
    assert reference_of(RETRAIN, [RETRAIN, OTHER])[:2] == (RETRAIN, 0.0)
    assert reference_of(replace(OTHER, reference="r", reference_sha256="r's"), [RETRAIN, OTHER])[:2] == (RETRAIN, 1.0)


# The model that a run started from


@pytest.mark.parametrize("candidate", [TRAIN, moved(TRAIN)])
def test_an_original_is_found_by_its_weights(candidate):
    assert original_of(SALUN, [RETRAIN, candidate, SALUN]) is candidate
    assert remade_original(SALUN, [RETRAIN, candidate]) is None


def test_an_original_of_an_older_run_is_found_by_its_path():
    assert original_of(OLDER, [RETRAIN, TRAIN]) is TRAIN
    assert original_of(OLDER, [moved(TRAIN)]) is None
    assert original_of(TRAIN, [TRAIN, RETRAIN]) is None


def test_an_original_that_was_made_again_is_another_model():
    remade = replace(TRAIN, weights_sha256="another's")
    assert original_of(SALUN, [remade]) is None
    assert remade_original(SALUN, [remade]) is remade
    assert remade_original(SALUN, [remade, moved(TRAIN)]) is None, "the model itself lies elsewhere now"
    assert remade_original(OLDER, [remade]) is None, "nothing is known of what it started from"


@pytest.mark.parametrize(
    ("original", "says"),
    [
        (TRAIN, ""),
        (replace(TRAIN, n_forget=4, split_sha256="split"), ""),
        (replace(TRAIN, n_forget=4, split_sha256="x"), "it was run with another forget set; use the same data.forget"),
        (replace(TRAIN, data_sha256="x"), "it was run on other data; use the same data.dataset and data.size"),
        (RETRAIN, "it never saw the forget set; name a model trained on all images"),
        (SALUN, ""),
    ],
)
def test_a_run_starts_from_a_model_of_the_same_data_that_saw_the_forget_set(original, says):
    found = why_no_original(SALUN, original)
    assert found.startswith(says)
    assert bool(found) == bool(says)


UNTESTED = replace(SALUN, data_sha256="train's", training_sha256="train's", split_sha256="of train's")
"""A run that does without test images: its data are the training and validation images alone."""


def test_a_run_without_test_images_is_of_the_same_data_where_training_and_validation_images_are():
    tested = replace(TRAIN, training_sha256="train's")
    assert UNTESTED.untested and not tested.untested and not SALUN.untested
    assert why_no_original(UNTESTED, tested) == ""
    assert why_no_original(UNTESTED, replace(tested, training_sha256="x")).startswith("it was run on other data")
    assert why_no_original(UNTESTED, TRAIN) == "", "an older run does not say; its labels are compared"
    assert why_no_original(UNTESTED, replace(tested, n_forget=4)) == "", (
        "the hash of the split has the test images in it"
    )
    assert why_no_original(SALUN, replace(tested, data_sha256="x", training_sha256="train's")) != ""


def test_a_run_without_test_images_has_no_gap_and_is_told_how_to_have_one():
    reference = replace(RETRAIN, training_sha256="train's")
    assert "did without test images" in why_incomparable(UNTESTED, reference)
    assert "--data.test true" in reference_of(UNTESTED, [reference]).reason


def test_a_retrained_run_that_names_a_reference_is_one_only_where_it_is_named():
    again = replace(OTHER, reference="r", reference_sha256="r's", AG=1.0)
    assert reference_of(SALUN, [RETRAIN, again, SALUN]).reference is RETRAIN
    assert reference_of(again, [RETRAIN, again]) == (RETRAIN, 1.0, "", ())
    assert reference_of(SALUN, [again]).reason == "there is no Retrain run of the same split; give one"
    naming = replace(SALUN, reference="other", reference_sha256="other's", AG=2.875)
    assert reference_of(naming, [RETRAIN, again]).reference is again
