"""Retrain: what its role and draw say. (That no forgotten image reaches it: `test_invariants.py`.)"""

import pytest
from helpers.backbones import TINY

from medunlearn.errors import InputError
from medunlearn.methods import Retrain


def test_retrain_never_saw_the_forget_set_and_starts_from_scratch():
    method = Retrain(4, backbone=TINY)
    assert method.role == "retrained"
    assert method.original is None
    assert {method.checked_images(epoch) for epoch in range(5)} == {"retain"}


@pytest.mark.parametrize("draw", ["all", "forget", "forget_then_retain", "paired", "paired_by_forget"])
def test_retrain_that_draws_the_forget_set_in_any_epoch_is_refused(draw):
    class Late(Retrain):
        def images(self, epoch):
            return draw if epoch == 3 else "retain"

    method = Late(4, backbone=TINY)
    assert method.checked_images(2) == "retain"
    with pytest.raises(InputError, match=f"^images={draw}: Late has the role retrained, which trains on retain; "):
        method.checked_images(3)
