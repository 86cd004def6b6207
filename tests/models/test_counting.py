"""What counts as changed: every bit of a value, and no value twice."""

import pytest
import torch
from helpers.backbones import TinyNet

from medunlearn.models import count_changed, count_statistics


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyNet(4)


@pytest.fixture
def before(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_parameters_are_compared_bit_for_bit(model, before):
    assert count_changed(model, before) == 0
    with torch.no_grad():
        model.fc.bias[0] = torch.nextafter(model.fc.bias[0], torch.tensor(9.0))
        model.conv1.weight[0, 0, 0, :2] = torch.tensor([0.0, float("nan")])
    before["conv1.weight"][0, 0, 0, :2] = torch.tensor([-0.0, float("nan")])
    assert count_changed(model, before) == 2, "a NaN equals itself, and 0 does not equal -0"


def test_parameters_under_a_mask_are_counted_where_it_is_true(model, before):
    mask = {name: torch.zeros_like(value, dtype=torch.bool) for name, value in model.named_parameters()}
    mask["fc.bias"][1] = True
    with torch.no_grad():
        model.fc.bias += 1
    assert (count_changed(model, before), count_changed(model, before, mask)) == (4, 1)


def test_statistics_are_means_and_variances_without_counters(model, before):
    values = 2 * (8 + 16 + 24 + 16)
    assert count_statistics(model, before) == {"statistics": values, "statistics_changed": 0}
    model.bn1.running_mean[:3] += 1
    model.bn4.running_var += 1
    model.bn2.num_batches_tracked += 1
    with torch.no_grad():
        model.fc.bias += 1
    assert count_statistics(model, before) == {"statistics": values, "statistics_changed": 3 + 16}


def test_a_network_without_statistics_has_none():
    model = torch.nn.Linear(2, 2)
    assert count_statistics(model, model.state_dict()) == {"statistics": 0, "statistics_changed": 0}
