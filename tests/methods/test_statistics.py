"""Recalibrated BatchNorm, against NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from medunlearn.errors import InputError
from medunlearn.methods.statistics import check_layers, recalibrate


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, momentum=0.3), nn.Dropout(0.9), nn.Conv2d(2, 2, 1))


def test_statistics_are_the_plain_average_over_batches():
    model = network()
    model[1].running_mean += 100
    model[2].eval()
    weights = {name: value.clone() for name, value in model.named_parameters()}
    batches = [torch.rand(size, 1, 3, 3) for size in (4, 3)]
    recalibrate(model, batches)
    with torch.no_grad():
        seen = [model[0](batch).numpy().swapaxes(0, 1).reshape(2, -1) for batch in batches]
    np.testing.assert_allclose(model[1].running_mean, np.mean([each.mean(1) for each in seen], 0), rtol=1e-5)
    np.testing.assert_allclose(model[1].running_var, np.mean([each.var(1, ddof=1) for each in seen], 0), rtol=1e-5)
    assert model[1].momentum == 0.3
    assert [module.training for module in model] == [True, True, False, True]
    assert all(torch.equal(value, weights[name]) for name, value in model.named_parameters())
    assert model[1].num_batches_tracked == 2


def test_processes_with_batches_of_their_own_get_the_statistics_of_all():
    batches = [torch.rand(4, 1, 3, 3) for _ in range(5)]
    alone, shares = network(), [network(), network()]
    recalibrate(alone, batches)
    sums = {}
    for rank, model in enumerate(shares):  # what each gives to the sum, first
        recalibrate(
            model,
            batches[rank::2],
            lambda tensors: [sums.setdefault(k, []).append(v) for k, v in tensors.items()] and tensors,
        )
    totals = {name: sum(values) for name, values in sums.items()}
    for rank, model in enumerate(shares):
        recalibrate(model, batches[rank::2], lambda tensors: totals)
        torch.testing.assert_close(model[1].running_mean, alone[1].running_mean)
        torch.testing.assert_close(model[1].running_var, alone[1].running_var)
        assert model[1].num_batches_tracked == 5


def test_a_network_without_statistics_is_left_alone():
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 2), nn.BatchNorm1d(2, track_running_stats=False))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recalibrate(model, [torch.rand(2, 1, 3, 3)])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_layers_that_wait_for_every_process_are_refused_on_several():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(network())
    check_layers(model, 1)
    check_layers(network(), 2)
    with pytest.raises(InputError, match=r"refresh_statistics=true: cannot be had with trainer\.sync_batchnorm on sev"):
        check_layers(model, 2)
