"""How near to the model what is exported must be."""

import numpy as np
import pytest
import torch

from medunlearn import InputError
from medunlearn.exporting.checking import Examples, compared


def example(scale):
    return Examples(
        torch.zeros(3, 1, 8, 8), "3 test images", torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]) * scale
    )


def answering(to, shift):
    """Return what was exported: it answers as the model does, but for a shift, also for the first image alone."""
    return lambda images: to.logits[: len(images)].numpy() + np.float32(shift)


@pytest.mark.parametrize(
    ("scale", "shift", "passes"), [(1, 9e-5, True), (1, 2e-4, False), (400, 3e-4, True), (400, 1e-3, False)]
)
def test_logits_may_be_a_ten_thousandth_apart_and_large_ones_a_millionth_of_themselves(scale, shift, passes):
    to = example(scale)
    if passes:
        assert compared(answering(to, shift), to, "onnx")["largest_difference"] == pytest.approx(shift, rel=0.2)
    else:
        with pytest.raises(InputError, match="0 classes differ"):
            compared(answering(to, shift), to, "onnx")


def test_a_class_that_differs_is_refused_however_near_the_logits_are():
    to = Examples(torch.zeros(1, 1, 8, 8), "1 test image", torch.tensor([[0.0, 1e-6]]))
    with pytest.raises(InputError, match="2 classes differ"):
        compared(lambda images: np.array([[0.0, 0.0]]), to, "onnx")


def test_logits_that_are_no_numbers_are_refused():
    to = example(1)
    with pytest.raises(InputError):
        compared(answering(to, np.nan), to, "onnx")
