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
from helpers.stages import prepare, start_all, start_anew

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
    fit.original("t", epochs=1)
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
    original = fit.original("t", epochs=1)
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


STAGES = {
    "whole": ("distil", "--model.init_args.lr_schedule=cosine"),
    "part": ("distil", "--model.init_args.lr_schedule=cosine"),
    "fresh": ("FineTune", "--model.init_args.refresh_statistics=true", "--trainer.max_epochs=0"),
    "still": ("helpers.methods.StillDistil", "--model.init_args.lr=0.1"),
}


def command(method, run, *options, processes=1):
    """Return a stage's run directory and command."""
    several = ["--trainer.strategy=ddp", f"--trainer.devices={processes}"] if processes > 1 else []
    words = ["fit", f"--model={method}", f"--model.init_args.backbone={TINY}", "--data.file=nine.npz"]
    words += [f"--run_dir={run}", "--data.batch_size=7", "--trainer.max_epochs=2", *QUIET, *several]
    return run, [*words, *EXACT, "--model.init_args.lr=0.01", *options]


def stage(name, processes, *more):
    """Return one of the stages that start from the original, on one process or on two."""
    method, *options = STAGES[name]
    given = [FORGET, "--model.init_args.original=t", *options, *more]
    return command(method, f"{name}_{processes}", *given, processes=processes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with nine.npz, the installed package of the method, and every stage on one process and on two.

    `part` was asked to end and has gone on. Stages share their processes: to start them takes longest.
    """
    folder = tmp_path_factory.mktemp("two")
    prepare(folder)
    install(folder, {"methods": {"distil": "distilling:Distil"}}, Path(own.__file__).read_text(), "distilling")
    (folder / "helpers").symlink_to(HELPERS / "helpers")
    start_all(folder, "one", [command("Train", "t"), *(stage(name, 1) for name in ("whole", "fresh", "still"))])
    with pytest.MonkeyPatch.context() as here:
        here.setenv("ASKED", "1 1 2")  # the second process, in the middle of the second epoch
        ended = start_anew(folder, "-m", "medunlearn", *stage("part", 2)[1])
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr[-2000:]
    assert not (folder / "part_2" / "metrics.json").exists()
    others = [stage(name, 2) for name in ("whole", "fresh", "still")]
    start_all(folder, "two", [stage("part", 2, "--resume=true"), *others])
    return folder


@pytest.mark.timeout(600)
def test_on_two_processes_it_does_what_it_does_on_one_and_goes_on(folder):
    assert same(weights(folder / "whole_2"), weights(folder / "part_2"))
    masks = [check_mask(folder / "t", folder / run) for run in ("whole_1", "whole_2")]
    assert (masks[0] != masks[1]).sum() <= 2, "two that tie at the threshold may change places"
    facts = [metrics(folder / run)["facts"]["largest_prior"] for run in ("whole_1", "whole_2", "part_2")]
    assert facts == pytest.approx([facts[0]] * 3, rel=1e-5)


@pytest.mark.timeout(600)
def test_refreshed_statistics_do_not_depend_on_the_number_of_processes(folder):
    """Zero epochs: the original's own weights, and statistics of 24 retained images in batches of six."""
    before, one, two = (weights(folder / run) for run in ("t", "fresh_1", "fresh_2"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-7)
        assert torch.equal(before[name], value) == ("running" not in name and "num_batches" not in name), name
    assert metrics(folder / "fresh_2")["RA"] == metrics(folder / "fresh_1")["RA"]


@pytest.mark.timeout(600)
def test_paired_steps_on_two_processes_are_those_of_one(folder):
    """With BatchNorm kept out of training, whose statistics are each process's own."""
    start_, one, two = (weights(folder / run) for run in ("t", "still_1", "still_2"))
    free = content(folder / "still_1")["saliency_mask"]
    gaps = [(one[name] - two[name]).abs().max().item() for name in free]
    moves = [(one[name] - start_[name]).abs().max().item() for name in free]
    assert max(gaps) < max(moves) / 100
    assert max(gaps) < NOISE
