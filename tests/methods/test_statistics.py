"""Recalibrated BatchNorm, against NumPy, and BatchNorm whose statistics are held while weights move."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import WITH_TINY, TinyNet
from helpers.runs import FORGET, QUIET, refused, same, weights
from helpers.stages import start
from torch import nn

from medunlearn.errors import InputError
from medunlearn.methods.statistics import check_layers, hold_statistics, recalibrate

ORIGINAL = "--model.init_args.original=t"
FROZEN = "--model.init_args.freeze_statistics=true"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


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
    with pytest.raises(InputError, match=r"refresh_statistics=true: does not work with trainer\.sync_batchnorm on sev"):
        check_layers(model, 2)


# Held statistics


def buffers(run):
    """Return what a run's model keeps beside its weights, counters included."""
    names = {name for name, _ in TinyNet(4).named_buffers()}
    return {name: value for name, value in weights(Path(run)).items() if name in names}


def parameters(run):
    return json.loads(Path(run, "metrics.json").read_text())["parameters"]


@pytest.mark.parametrize("sync", [False, True], ids=["plain", "synchronised"])
def test_held_layers_use_their_statistics_and_do_not_move_them(sync):
    model = nn.Sequential(*network(), nn.InstanceNorm2d(2, track_running_stats=True))
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model) if sync else model
    model[1].running_mean += 1
    before = {name: value.clone() for name, value in model.named_buffers()}
    model.train()
    hold_statistics(model)
    assert [module.training for module in model] == [True, False, True, True, False]
    images = torch.rand(4, 1, 3, 3)
    model[2].eval()
    together = model(images)
    assert same(dict(model.named_buffers()), before)
    torch.testing.assert_close(torch.cat([model(image) for image in images.split(1)]), together)


def test_layers_without_statistics_stay_in_training():
    model = nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False), nn.GroupNorm(1, 2), nn.Dropout()).train()
    hold_statistics(model)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    "method", ["SalUn", "RandomLabels", "FineTune", "helpers.methods.Noise", "helpers.methods.TrainingFineTune"]
)
def test_frozen_statistics_stay_the_originals_bit_for_bit_under_any_method(fit, method):
    """Also where the mask, a preparation, validation or the method's own hooks set the mode again."""
    fit.original("t", epochs=1)
    run = fit(method, "s", FORGET, ORIGINAL, FROZEN, "--trainer.val_check_interval=0.5")
    assert same(buffers(run), buffers("t"))
    assert parameters(run)["statistics_changed"] == 0
    assert parameters(run)["changed"] > 0


def test_statistics_that_move_under_the_mask_are_counted(fit):
    fit.original("t", epochs=1)
    run = fit("SalUn", "s", FORGET, ORIGINAL)
    before, after = buffers("t"), buffers(run)
    moved = sum(int((after[name] != before[name]).sum()) for name in before if "running" in name)
    assert parameters(run)["statistics"] == 2 * (8 + 16 + 24 + 16)
    assert parameters(run)["statistics_changed"] == moved > 0
    assert "statistics" not in parameters("t")


@pytest.mark.parametrize("at", ["0 0 1", "0 1 0"])
def test_frozen_statistics_of_a_resumed_run_stay_too(fit, monkeypatch, at):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, FROZEN, *EXACT, "--trainer.callbacks+=helpers.methods.AskToEnd")
    whole = fit("SalUn", "whole", *options)
    monkeypatch.setenv("ASKED", at)
    fit("SalUn", "part", *options, status=128 + signal.SIGTERM)
    monkeypatch.delenv("ASKED")
    part = fit("SalUn", "part", *options, "--resume=true")
    assert same(weights(part), weights(whole))
    assert same(buffers(part), buffers("t"))


def test_frozen_statistics_on_two_processes_stay_too(fit, npz):
    fit.original("t", epochs=1)
    several = ("--trainer.devices=2", "--trainer.strategy=ddp")
    words = ["fit", "--model=SalUn", "--run_dir=s", f"--data.file={npz}", "--data.batch_size=8", WITH_TINY, ORIGINAL]
    done = start(Path.cwd(), "-m", "medunlearn", *words, FORGET, FROZEN, "--trainer.max_epochs=1", *QUIET, *several)
    assert done.returncode == 0, done.stderr[-2000:]
    assert same(buffers("s"), buffers("t"))
    assert parameters("s")["statistics_changed"] == 0
    assert parameters("s")["changed"] > 0


def test_statistics_are_not_frozen_and_refreshed_at_once(fit, capsys, npz):
    fit.original("t", epochs=1)
    words = ["fit", "--model=FineTune", "--run_dir=s", f"--data.file={npz}", WITH_TINY, FORGET, ORIGINAL, *QUIET]
    line = refused(capsys, *words, FROZEN, "--model.init_args.refresh_statistics=true")
    problem = "freeze_statistics=true: contradicts refresh_statistics=true; keep one of them"
    assert line == f"model.init_args.{problem}"


def test_a_batch_of_one_image_will_do_where_statistics_are_frozen(fit, capsys):
    """BatchNorm would find no variance in it."""
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, "--data.batch_size=31")
    fit("SalUn", "a", *options, status=2)
    assert "it leaves 1 of the images for the smallest batch" in capsys.readouterr().err
    assert same(buffers(fit("SalUn", "b", *options, FROZEN)), buffers("t"))
