"""What `losses` and `penalty` return is checked, and what is wrong is said in one line."""

import pytest
import torch

from medunlearn.errors import InputError
from medunlearn.methods.losses import check_losses, check_step

WANTED = r"losses: Own.losses must return one loss per image, a tensor of shape \(3,\), but returned "


@pytest.mark.parametrize(
    ("losses", "line"),
    [
        (None, "None; return real numbers"),
        (0.5, "float; return real numbers"),
        ([0.1, 0.2, 0.3], "list; return real numbers"),
        (torch.zeros(3, dtype=torch.complex64), r"a tensor of complex64 of shape \(3,\); return real numbers"),
        (torch.zeros(()), r"a tensor of shape \(\); leave out its mean or sum"),
        (torch.zeros(3, 2), r"a tensor of shape \(3, 2\); take the mean over all other dimensions"),
        (torch.zeros(2), r"a tensor of shape \(2,\); "),
    ],
)
def test_losses_that_are_not_one_real_number_an_image_are_refused(losses, line):
    with pytest.raises(InputError, match=WANTED + line):
        check_losses(losses, 3, "Own", first=False)


def test_losses_of_the_first_step_that_are_not_numbers_are_refused():
    losses = torch.tensor([0.0, torch.nan, torch.inf])
    with pytest.raises(InputError, match=r"losses: Own\.losses returned nan for 1 image of 3 in the first step"):
        check_losses(losses, 3, "Own", first=True)
    later = check_losses(losses, 3, "Own", first=False)
    assert later is losses, "the model has diverged, which is said at the end of the run"


def test_losses_of_half_precision_become_float32():
    assert check_losses(torch.ones(3, dtype=torch.bfloat16), 3, "Own", first=True).dtype == torch.float32


@pytest.mark.parametrize("penalty", [0.5, torch.zeros(2), "much"])
def test_a_penalty_that_is_not_one_number_is_refused(penalty):
    with pytest.raises(InputError, match=r"penalty: Own\.penalty must return one number, a tensor of shape"):
        check_step(torch.ones((), requires_grad=True), penalty, "Own", first=False)


def test_a_loss_without_a_gradient_is_refused():
    with pytest.raises(InputError, match=r"losses: Own\.losses does not depend on the weights"):
        check_step(torch.ones(()), None, "Own", first=True)
    weight = torch.ones((), requires_grad=True)
    assert check_step(torch.ones(()), weight, "Own", first=True) == 2, "a penalty may be all that trains"
