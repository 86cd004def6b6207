"""The original's answers on validation images."""

import json
from pathlib import Path

import numpy as np
import pytest

from medunlearn.errors import InputError
from medunlearn.methods.held_out import held_out, without_classes


def test_answers_are_those_that_the_original_left(fit, npz):
    fit.original("t", epochs=1)
    found = held_out(Path("t"), np.array([0, 5]))
    with np.load("t/predictions.npz") as arrays, np.load(npz) as images:
        assert np.array_equal(found.answers, arrays["val_probs"])
        assert np.array_equal(found.labels, images["val_labels"][:, 0])
        assert np.array_equal(found.train_labels, images["train_labels"][:, 0])


def test_training_labels_are_in_order_whatever_the_originals_own_forget_set(fit, npz):
    fit("Train", "t", "--data.forget.rate=0.25", epochs=1)
    with np.load(npz) as images:
        assert np.array_equal(held_out(Path("t"), np.array([1])).train_labels, images["train_labels"][:, 0])


def test_a_class_forgotten_as_a_whole_is_in_no_answer(fit, npz):
    fit.original("t", epochs=1)
    with np.load(npz) as images:
        labels = images["train_labels"][:, 0]
    found = held_out(Path("t"), np.flatnonzero(labels == 2)).answers
    with np.load("t/predictions.npz") as arrays:
        expected = np.delete(arrays["val_probs"], 2, axis=1)
    assert not found[:, 2].any()
    np.testing.assert_allclose(np.delete(found, 2, axis=1), expected / expected.sum(1, keepdims=True), rtol=1e-5)
    some = held_out(Path("t"), np.flatnonzero(labels == 2)[1:]).answers
    assert some[:, 2].all(), "of a class of which one image is retained"


def test_an_answer_that_is_all_of_a_forgotten_class_leaves_the_others_alike():
    answers = np.array([[0, 1, 0], [0.5, 0.25, 0.25]], dtype=np.float32)
    found = without_classes(answers, np.array([True, False, True]))
    np.testing.assert_allclose(found, [[0.5, 0, 0.5], [2 / 3, 0, 1 / 3]], rtol=1e-6)
    assert without_classes(answers, np.ones(3, dtype=bool)) is answers


def test_predictions_that_are_gone_are_one_line(fit):
    fit.original("t", epochs=1)
    Path("t/predictions.npz").unlink()
    with pytest.raises(InputError) as caught:
        held_out(Path("t"), np.array([0]))
    assert caught.value.for_command_line.startswith("model.init_args.original=t: ")


@pytest.mark.parametrize("method", ["HeldOutTwins", "ReGUn"])
def test_images_that_a_method_learns_from_are_no_nonmembers(fit, capsys, method):
    """Refused beforehand; the figures on validation images, which are written all the same, come with a remark."""
    fit.original("t", epochs=1)
    options = ("--data.forget.rate=0.25", "--model.init_args.original=t")
    fit(method, "s", *options, "--evaluation.nonmembers=val", status=2)
    says = (
        f"medunlearn: error: evaluation.nonmembers=val: {method} learns from the original's answers on the validation "
        "images, so these are not non-members; give nonmembers=test, also to the runs that it is compared with"
    )
    assert capsys.readouterr().err.splitlines()[-1] == says
    assert not Path("s").exists()
    remark = (
        "the method learned from the original's answers on validation images: figures on these, the proxy gap among "
        "them, look too good"
    )
    assert remark in notes(fit(method, "s", *options, epochs=1))
    assert remark not in notes(fit("FineTune", "f", *options, "--evaluation.nonmembers=val", epochs=1))


def notes(run):
    return json.loads((run / "metrics.json").read_text())["notes"]
