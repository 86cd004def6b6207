"""A method of one's own, in a package of its own, through the command line: loss, teacher, mask, two processes."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import own
from helpers.backbones import TINY, TinyNet
from helpers.plugin_package import install
from helpers.runs import QUIET, same, weights
from helpers.stages import prepare, start

HELPERS = Path(own.__file__).parents[1]
FORGET = "--data.forget.rate=0.25"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true", "--trainer.callbacks+=helpers.methods.AskToEnd")
NOISE = 1e-5  # of weights that move by a thousandth and more, from the order of sums


def content(run):
    return torch.load(Path(run) / "checkpoints" / "model.ckpt", weights_only=True)


def metrics(run):
    return json.loads(Path(run, "metrics.json").read_text())


def check_mask(original, run):
    """The largest three tenths were free; nothing else has moved."""
    before, after = content(original)["state_dict"], content(run)
    mask = torch.cat([free.flatten() for free in after["saliency_mask"].values()])
    assert int(mask.sum()) == int(0.3 * len(mask))
    moved = torch.cat([(after["state_dict"][name] != before[name]).flatten() for name in after["saliency_mask"]])
    assert not (moved & ~mask).any()
    assert moved.sum() > 0.9 * mask.sum()
    return mask


def test_a_method_takes_under_forty_lines():
    assert len(Path(own.__file__).read_text().splitlines()) < 50, "with docstrings, imports and blank lines"
    lines = [line for line in Path(own.__file__).read_text().splitlines() if line.strip()]
    assert len(lines) < 40


def test_a_method_of_ones_own_resumed_within_an_epoch_gives_what_the_uninterrupted_gives(fit, monkeypatch):
    fit("Train", "t", epochs=1)
    options = (FORGET, "--model.init_args.original=t", *EXACT, "--model.init_args.lr_schedule=cosine")
    whole = fit("helpers.own.Distil", "whole", *options)
    monkeypatch.setenv("ASKED", "0 1 2")
    fit("helpers.own.Distil", "part", *options, status=128 + signal.SIGTERM)
    monkeypatch.delenv("ASKED")
    monkeypatch.setattr(own.Distil, "prepare", lambda self: pytest.fail("prepared again"))
    part = fit("helpers.own.Distil", "part", *options, "--resume=true")
    assert same(weights(whole), weights(part))
    check_mask("t", whole)
    assert metrics(whole)["facts"] == metrics(part)["facts"]
    last = torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)
    network = [name for name in last["state_dict"] if name.startswith("backbone.")]
    assert len(network) == len(TinyNet(4).state_dict()), "no teacher"
    assert len(last["optimizer_states"][0]["param_groups"][0]["params"]) == len(list(TinyNet(4).parameters()))


def test_its_loss_is_weighed_within_each_of_the_two_sets(fit, npz, monkeypatch):
    """Against a direct computation of the first step's loss, from the files alone."""
    original = fit("Train", "t", epochs=1)
    seen = {}
    losses = own.Distil.losses

    def watched(self, batch):
        self.backbone.eval()
        result = losses(self, batch)
        seen.setdefault("rows", batch.rows.clone())
        seen.setdefault("images", batch.images.clone())
        seen.setdefault("loss", float((result * batch.weight).sum()))
        return result

    monkeypatch.setattr(own.Distil, "losses", watched)
    run = fit("helpers.own.Distil", "s", FORGET, "--model.init_args.original=t", "--trainer.precision=32-true")
    model = TinyNet(4).eval()
    model.load_state_dict(weights(original))
    forget = np.array(json.loads((run / "split.json").read_text())["indices"])
    with np.load(npz) as arrays, torch.no_grad():
        retain = np.setdiff1d(np.arange(32), forget)
        images = torch.from_numpy(arrays["train_images"][retain]).permute(0, 3, 1, 2).float() / 255
        prior = model((images - 0.5) / 0.5).softmax(1).mean(0)
        logits = model((seen["images"] - 0.5) / 0.5)
    forgotten = torch.from_numpy(np.isin(seen["rows"].numpy(), forget))
    assert (int(forgotten.sum()), int((~forgotten).sum())) == (4, 4)
    probs = logits.softmax(1)
    far = (prior * (prior.log() - probs.log())).sum(1)[forgotten].mean()
    near = F.cross_entropy(logits, probs, reduction="none")[~forgotten].mean()
    assert seen["loss"] == pytest.approx(float(near + 0.2 * far), rel=1e-4)
    assert metrics(run)["facts"]["largest_prior"] == pytest.approx(float(prior.max()), rel=1e-4)


# On two processes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with nine.npz, the original, trained by one process, and the installed package of the method."""
    folder = tmp_path_factory.mktemp("two")
    prepare(folder)
    install(folder, {"methods": {"distil": "distilling:Distil"}}, Path(own.__file__).read_text(), "distilling")
    (folder / "helpers").symlink_to(HELPERS / "helpers")
    assert command(folder, "Train", "t").returncode == 0
    return folder


def command(folder, method, run, *options, processes=1):
    """Run one stage in processes of its own."""
    several = ["--trainer.strategy=ddp", f"--trainer.devices={processes}"] if processes > 1 else []
    words = ["fit", f"--model={method}", f"--model.init_args.backbone={TINY}", "--data.file=nine.npz"]
    words += [f"--run_dir={run}", "--data.batch_size=7", "--trainer.max_epochs=2", *QUIET, *several]
    return start(folder, "-m", "medunlearn", *words, *EXACT, "--model.init_args.lr=0.01", *options)


@pytest.mark.timeout(600)
def test_on_two_processes_it_does_what_it_does_on_one_and_goes_on(folder, monkeypatch):
    options = (FORGET, "--model.init_args.original=t", "--model.init_args.lr_schedule=cosine")
    for run, processes in (("one", 1), ("whole", 2)):
        ended = command(folder, "distil", run, *options, processes=processes)
        assert ended.returncode == 0, ended.stderr[-2000:]
    monkeypatch.setenv("ASKED", "1 1 2")  # the second process, in the middle of the second epoch
    ended = command(folder, "distil", "part", *options, processes=2)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr[-2000:]
    assert not (folder / "part" / "metrics.json").exists()
    monkeypatch.delenv("ASKED")
    ended = command(folder, "distil", "part", *options, "--resume=true", processes=2)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert same(weights(folder / "whole"), weights(folder / "part"))
    masks = [check_mask(folder / "t", folder / run) for run in ("one", "whole")]
    assert (masks[0] != masks[1]).sum() <= 2, "two that tie at the threshold may change places"
    facts = [metrics(folder / run)["facts"]["largest_prior"] for run in ("one", "whole", "part")]
    assert facts == pytest.approx([facts[0]] * 3, rel=1e-5)


@pytest.mark.timeout(600)
def test_refreshed_statistics_do_not_depend_on_the_number_of_processes(folder):
    """Zero epochs: the original's own weights, and statistics of 24 retained images in batches of six."""
    options = (FORGET, "--model.init_args.original=t", "--model.init_args.refresh_statistics=true")
    for run, processes in (("fresh_1", 1), ("fresh_2", 2)):
        ended = command(folder, "FineTune", run, *options, "--trainer.max_epochs=0", processes=processes)
        assert ended.returncode == 0, ended.stderr[-2000:]
    before, one, two = (weights(folder / run) for run in ("t", "fresh_1", "fresh_2"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-7)
        assert torch.equal(before[name], value) == ("running" not in name and "num_batches" not in name), name
    assert metrics(folder / "fresh_2")["RA"] == metrics(folder / "fresh_1")["RA"]


@pytest.mark.timeout(600)
def test_paired_steps_on_two_processes_are_those_of_one(folder):
    """With BatchNorm kept out of training, whose statistics are each process's own."""
    options = (FORGET, "--model.init_args.original=t", "--model.init_args.lr=0.1")
    for run, processes in (("still_1", 1), ("still_2", 2)):
        ended = command(folder, "helpers.methods.StillDistil", run, *options, processes=processes)
        assert ended.returncode == 0, ended.stderr[-2000:]
    start_, one, two = (weights(folder / run) for run in ("t", "still_1", "still_2"))
    free = content(folder / "still_1")["saliency_mask"]
    gaps = [(one[name] - two[name]).abs().max().item() for name in free]
    moves = [(one[name] - start_[name]).abs().max().item() for name in free]
    assert max(gaps) < max(moves) / 100
    assert max(gaps) < NOISE
