"""Divergences of one model's answers from another's."""

import numpy as np
import pytest
import torch

from medunlearn.methods.divergence import divergences


def softmax(logits, temperature):
    scaled = np.exp(logits / temperature - (logits / temperature).max(1, keepdims=True))
    return scaled / scaled.sum(1, keepdims=True)


@pytest.fixture
def logits():
    random = np.random.default_rng(0)
    return random.normal(0, 3, (5, 7)), random.normal(0, 3, (5, 7))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_divergences_are_summed_over_classes_and_not_over_images(logits, temperature):
    """PyTorch's default reduction divides by images and classes; so did the public code of Bad Teacher."""
    teacher, student = logits
    t, s = softmax(teacher, temperature), softmax(student, temperature)
    expected = temperature**2 * (t * (np.log(t) - np.log(s))).sum(1)
    found = divergences(torch.from_numpy(teacher), torch.from_numpy(student), temperature)
    assert found.shape == (5,)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradient_in_the_students_logits_is_what_the_student_gives_too_much(logits, temperature):
    teacher, student = map(torch.from_numpy, logits)
    student.requires_grad_()
    divergences(teacher, student, temperature).sum().backward()
    t, s = (softmax(each.detach().numpy(), temperature) for each in (teacher, student))
    np.testing.assert_allclose(student.grad.numpy(), temperature * (s - t), atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_model_has_no_divergence_from_itself_and_no_gradient(logits, temperature):
    teacher = torch.from_numpy(logits[0]).float()
    student = teacher.clone().requires_grad_()
    found = divergences(teacher, student, temperature)
    found.sum().backward()
    assert torch.equal(found, torch.zeros(5))
    assert float(student.grad.abs().max()) < 1e-6


def test_divergences_are_in_float32_under_half_precision(logits):
    teacher, student = (torch.from_numpy(each).bfloat16() for each in logits)
    assert divergences(teacher, student).dtype == torch.float32
