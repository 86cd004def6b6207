"""The share of correct classifications, against integers."""

import pytest
import torch

from medunlearn.methods.correct import PercentCorrect


@pytest.mark.parametrize("right", range(8))
def test_share_is_exact_in_float64_over_batches_of_any_size(right):
    correct = PercentCorrect()
    labels = torch.tensor([0] * right + [1] * (7 - right))
    for part in labels.split(3):
        correct.update(torch.tensor([[0.6, 0.4]]).expand(len(part), 2), part)
    assert float(correct.compute()) == 100 * right / 7


def test_of_equal_probabilities_the_first_class_counts():
    correct = PercentCorrect()
    correct.update(torch.tensor([[0.5, 0.5]] * 2), torch.tensor([0, 1]))
    assert float(correct.compute()) == 50
