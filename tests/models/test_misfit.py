"""What is said of weights that do not fit a network."""

import pytest
import torch

from medunlearn.models import build_backbone
from medunlearn.models.misfit import misfit


def state(**options):
    with torch.device("meta"):
        return build_backbone(**{"name": "resnet18", "num_classes": 4, **options}).state_dict()


OWN = state()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"num_classes": 10},
            "2 of another shape (fc.weight 10x512 for 4x512, fc.bias 10 for 4); its last layer has 10 classes and the "
            "data 4: give the data that it was trained for, or num_classes",
        ),
        (
            {"stem": "imagenet"},
            "1 of another shape (conv1.weight 64x3x7x7 for 64x3x3x3); its first layer is 7x7 and the network's 3x3: "
            "give stem=imagenet",
        ),
        (
            {"in_channels": 1},
            "1 of another shape (conv1.weight 64x1x3x3 for 64x3x3x3); it takes images of 1 channel(s) and the "
            "data have 3: give data.as_rgb false",
        ),
    ],
)
def test_cause_is_named_where_it_explains_all(options, says):
    assert misfit(state(**options), OWN) == says


def test_several_causes_are_named_together():
    found = misfit(state(num_classes=10, stem="imagenet"), OWN)
    assert "7x7" in found and "10 classes" in found


def test_another_architecture_is_listed_with_counts_and_the_first_names():
    found = misfit(state(name="resnet34"), OWN)
    assert "96 unexpected (layer1.2.conv1.weight, layer1.2.bn1.weight, layer1.2.bn1.bias and 93 more)" in found
    assert found.endswith("; it is of another architecture: give its backbone")
    assert "missing" in misfit(dict(list(OWN.items())[:-2]), OWN)
    assert "1 no tensor (fc.bias)" in misfit({**OWN, "fc.bias": 3}, OWN)


def test_weights_that_fit_give_no_reason():
    assert misfit(OWN, OWN) == ""
