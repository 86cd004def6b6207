"""What must always hold (design, 'invariants'), each run through the command line and broken on purpose beside it."""

import json
import math
import time

import numpy as np
import pytest
import torch
from helpers.backbones import TinyNet
from helpers.runs import same, weights, write_npz

import medunlearn.methods.classifier as classifier
from medunlearn.methods import Classifier, SalUn
from medunlearn.models import load_model
from medunlearn.runs import RunDir

FORGET = "--data.forget.rate=0.25"


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def forget_set(run):
    return np.array(json.loads((run / "split.json").read_text())["indices"])


def altered(path, npz, rows):
    """Write a copy of `npz` in which the training images and labels in `rows` are others."""
    with np.load(npz) as arrays:
        images, labels = arrays["train_images"].copy(), arrays["train_labels"].copy()
    images[rows] = 255 - images[rows]
    labels[rows] = (labels[rows] + 1) % 4
    return write_npz(path, train_images=images, train_labels=labels)


# 1. Retrain's weights do not depend on the forget set.


def test_retrain_is_bit_identical_whatever_the_forget_set_holds(fit, npz, tmp_path):
    first = fit.once("Retrain", "a", FORGET)
    other = altered(tmp_path / "other.npz", npz, forget_set(first))
    assert same(weights(first), weights(fit("Retrain", "b", FORGET, file=other)))


def test_retrain_does_depend_on_each_retained_image(fit, npz, tmp_path):
    first = fit.once("Retrain", "a", FORGET)
    retained = np.setdiff1d(np.arange(32), forget_set(first))[:1]
    other = altered(tmp_path / "other.npz", npz, retained)
    assert not same(weights(first), weights(fit("Retrain", "b", FORGET, file=other)))


def test_retrain_starts_from_scratch(fit, monkeypatch):
    """Both begin with the weights that the seed gives, not with anything trained."""
    started = []
    monkeypatch.setattr(
        Classifier, "on_train_start", lambda self: started.append(self.backbone.conv1.weight.detach().clone())
    )
    fit("Train", "a")
    fit("Retrain", "b", FORGET)
    assert torch.equal(*started)


def test_retrain_never_meets_a_forgotten_image(fit, monkeypatch):
    met = []
    step = Classifier.training_step
    monkeypatch.setattr(
        Classifier, "training_step", lambda self, batch, n: (met.extend(batch.rows.tolist()), step(self, batch, n))[1]
    )
    run = fit("Retrain", "a", FORGET, epochs=3)
    assert sorted(met) == sorted(np.tile(np.setdiff1d(np.arange(32), forget_set(run)), 3))


# 2. After SalUn exactly floor(ratio x parameters) coordinates were free, and no other has moved.


@pytest.mark.parametrize(
    ("ratio", "options"),
    [
        (0.5, []),
        (0.1, ["--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.1"]),
        (0.3, ["--trainer.precision=bf16-mixed", "--model.init_args.schedule=sequential"]),
        (0.5, ["--trainer.precision=32-true", "--model.init_args.relabel=random_other"]),
        (1.0, ["--model.init_args.relabel=none"]),
    ],
)
def test_salun_moves_the_masked_share_and_nothing_else(fit, ratio, options):
    original = fit.original("train", epochs=1)
    run = fit(
        "SalUn",
        "salun",
        FORGET,
        f"--model.init_args.original={original}",
        f"--model.init_args.mask_ratio={ratio}",
        "--model.init_args.weight_decay=0.5",
        "--model.init_args.momentum=0.99",
        *options,
    )
    content = torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)
    before, after, mask = weights(original), content["state_dict"], content["saliency_mask"]
    total = sum(parameter.numel() for parameter in TinyNet(4).parameters())
    assert sum(int(free.sum()) for free in mask.values()) == math.floor(ratio * total)
    moved = {name: after[name].view(torch.int32) != before[name].view(torch.int32) for name in mask}
    assert all(not (moved[name] & ~mask[name]).any() for name in mask)
    changed = sum(int(some.sum()) for some in moved.values())
    found = metrics(run)["parameters"]
    assert (found["total"], found["free"], found["changed"]) == (total, math.floor(ratio * total), changed)
    assert changed > 0.9 * ratio * total


def test_mask_is_of_the_whole_forget_set_and_of_nothing_else(fit, npz, monkeypatch):
    """Against a plain computation: one batch, evaluation mode, absolute sum, the largest half."""
    monkeypatch.setattr("medunlearn.data.loading.EVALUATION_PIXELS", 5 * 8 * 8)  # the last batch is smaller
    original = fit.original("train", epochs=1)
    # A small share: on 8x8 images the padding around 1x1 maps leaves most gradients of the last layers exactly zero.
    argv = ("--model.init_args.mask_ratio=0.05", f"--model.init_args.original={original}")
    run = fit("SalUn", "salun", FORGET, "--data.batch_size=5", *argv)
    model = load_model(original, TinyNet)
    rows = forget_set(run)
    with np.load(npz) as arrays:
        images, labels = arrays["train_images"][rows], arrays["train_labels"][rows, 0]
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    torch.nn.functional.cross_entropy(model(batch), torch.from_numpy(labels), reduction="sum").backward()
    plain = torch.cat([parameter.grad.abs().flatten() for parameter in model.parameters()])
    expected = plain >= plain.sort(descending=True).values[int(0.05 * len(plain)) - 1]
    saved = torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)["saliency_mask"]
    found = torch.cat([free.flatten() for free in saved.values()])
    assert (found != expected).float().mean() < 1e-4  # ties and rounding at the threshold


@pytest.mark.parametrize("relabel", ["random", "random_other", "none"])
@pytest.mark.parametrize("schedule", ["mixed", "sequential"])
def test_relabelled_targets_reach_the_loss(fit, npz, monkeypatch, relabel, schedule):
    original = fit.original("train", epochs=1)
    seen, loss = [], classifier.F.cross_entropy
    rows = []
    step = Classifier.training_step
    monkeypatch.setattr(
        Classifier, "training_step", lambda self, batch, n: (rows.append(batch.rows), step(self, batch, n))[1]
    )

    def spy(logits, targets, **options):
        if options.get("reduction") == "none":  # the training loss; not the mask's
            seen.append(targets.clone())
        return loss(logits, targets, **options)

    monkeypatch.setattr(classifier.F, "cross_entropy", spy)
    run = fit(
        "SalUn",
        "salun",
        FORGET,
        f"--model.init_args.original={original}",
        f"--model.init_args.relabel={relabel}",
        f"--model.init_args.schedule={schedule}",
        epochs=8,
    )
    with np.load(npz) as arrays:
        true = arrays["train_labels"][:, 0]
    index, targets = torch.cat(rows).numpy(), torch.cat(seen).numpy()
    forgotten = np.isin(index, forget_set(run))
    wrong = targets != true[index]
    assert len(index) == 8 * 32
    assert not wrong[~forgotten].any()
    share = wrong[forgotten].mean()  # of 64 draws
    assert {"random": 0.5 < share < 0.95, "random_other": share == 1, "none": share == 0}[relabel]
    epochs = targets[forgotten].reshape(8, -1)
    assert (relabel == "none") or len({tuple(epoch) for epoch in epochs}) > 1, "labels are drawn again each epoch"
    if schedule == "sequential":
        assert forgotten.reshape(8, 32)[:, :8].all()


# 3. One comparison, one forget set.


def test_runs_of_one_comparison_share_their_split(trio):
    train, retrain, salun = trio
    assert metrics(retrain)["split_sha256"] == metrics(salun)["split_sha256"]
    assert metrics(train)["data_sha256"] == metrics(salun)["data_sha256"]
    assert np.array_equal(forget_set(retrain), forget_set(salun))


@pytest.mark.parametrize("option", ["--data.forget.seed=1", "--data.forget.rate=0.5"])
def test_a_reference_with_another_split_is_refused(trio, fit, option, capsys):
    train, retrain, _ = trio
    argv = (FORGET, option, f"--model.init_args.original={train}", f"--reference={retrain}")
    fit("SalUn", "other", *argv, status=2)
    assert "another forget set" in capsys.readouterr().err


# 4. The figures do not depend on how the work is cut.


@pytest.mark.parametrize("images", [1, 3, 7])
@pytest.mark.parametrize("options", [["--data.batch_size=3"], ["--data.num_workers=1"]])
def test_figures_do_not_depend_on_batch_size_or_workers(trio, fit, monkeypatch, options, images):
    """Zero epochs: the original's own weights, measured a few images at a time."""
    train, _, _ = trio
    argv = (FORGET, f"--model.init_args.original={train}")
    plain = fit.once("SalUn", "plain", *argv, epochs=0)
    monkeypatch.setattr("medunlearn.data.loading.EVALUATION_PIXELS", images * 8 * 8)
    cut = fit("SalUn", "cut", *argv, *options, epochs=0)
    with np.load(plain / "predictions.npz") as a, np.load(cut / "predictions.npz") as b:
        assert a.keys() == b.keys()
        for name in a:
            if name.endswith(("_probs", "_logits")):
                np.testing.assert_allclose(a[name], b[name], atol=1e-5)
            else:
                assert np.array_equal(a[name], b[name])
    keys = ("UA", "RA", "TA", "MIA")
    assert {key: metrics(plain)[key] for key in keys} == {key: metrics(cut)[key] for key in keys}
    assert metrics(plain)["before"] == {key: metrics(plain)[key] for key in keys}


def test_images_are_counted_once(trio):
    for run in trio:
        with np.load(run / "predictions.npz") as arrays:
            train = np.concatenate([arrays["forget_index"], arrays["retain_index"]])
            assert np.array_equal(np.sort(train), np.arange(32))
            assert np.array_equal(arrays["test_index"], np.arange(12))
            assert np.array_equal(arrays["val_index"], np.arange(8))


@pytest.mark.parametrize("method", ["Train", "SalUn"])
def test_deterministic_mode_repeats_bit_for_bit(fit, monkeypatch, method):
    argv = ["--trainer.deterministic=true", "--data.augmentation=Default+RandAugment"]
    if method == "SalUn":
        argv += [FORGET, f"--model.init_args.original={fit('Train', 'original', epochs=1)}"]
    step, enforced = Classifier.training_step, []

    def watched(*args):
        enforced.append(torch.are_deterministic_algorithms_enabled())
        return step(*args)

    monkeypatch.setattr(Classifier, "training_step", watched)
    first, second = fit(method, "first", *argv), fit(method, "second", *argv, "--data.num_workers=2")
    assert enforced
    assert all(enforced)
    assert same(weights(first), weights(second))
    assert (first / "predictions.npz").read_bytes() == (second / "predictions.npz").read_bytes()


# 5. RTE is what the method needs.


def test_run_time_has_mask_and_updates_but_no_evaluation(fit, monkeypatch):
    train = fit.original("train", epochs=1)
    slow = {"saliency": 0.5, "evaluation": 0.7, "validation": 0.9}
    predict, validate, mask = Classifier.predict_step, Classifier.validation_step, SalUn._saliency_mask

    def delayed(call, stage):
        return lambda *args: (time.sleep(slow[stage]), call(*args))[1]

    monkeypatch.setattr(Classifier, "predict_step", delayed(predict, "evaluation"))
    monkeypatch.setattr(Classifier, "validation_step", delayed(validate, "validation"))
    monkeypatch.setattr(SalUn, "_saliency_mask", delayed(mask, "saliency"))
    run = fit("SalUn", "salun", FORGET, f"--model.init_args.original={train}", "--evaluation.every_n_epochs=1")
    found = metrics(run)
    seconds = found["runtime"]
    assert seconds["saliency"] >= 0.5
    assert seconds["validation"] >= 2 * 0.9
    assert seconds["evaluation"] >= 3 * 4 * 0.7, "two curve points and the end, four parts each"
    assert found["RTE"] * 60 == pytest.approx(seconds["saliency"] + seconds["training"])
    assert seconds["training"] < 10


# 6. The test set chooses nothing; the last epoch's weights are the model.


def test_test_images_change_the_figures_only(fit, tmp_path):
    first = fit.original("a")
    with np.load("tiny.npz") as arrays:
        other = write_npz(tmp_path / "other.npz", test_images=255 - arrays["test_images"])
    assert same(weights(first), weights(fit("Train", "b", file=other)))


def test_the_model_is_that_of_the_last_epoch(fit):
    run = fit.original("a")
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert same(weights(run), {k.removeprefix("backbone."): v for k, v in last.items() if k.startswith("backbone.")})


# 7. A killed run never looks finished, and resuming it gives what the uninterrupted run gives.


@pytest.mark.parametrize("method", ["Train", "Retrain", "SalUn"])
@pytest.mark.parametrize("where", ["training", "evaluation"])
def test_a_resumed_run_gives_what_the_uninterrupted_one_gives(fit, monkeypatch, method, where):
    train = fit.original("original", epochs=1)
    options = [] if method == "Train" else [FORGET]
    options += [f"--model.init_args.original={train}"] if method == "SalUn" else []
    whole = fit.once(method, "whole", *options, epochs=3)
    with monkeypatch.context() as patch:
        hook = "training_step" if where == "training" else "predict_step"
        call = getattr(Classifier, hook)

        def dies(self, batch, number):
            if where == "evaluation" or self.current_epoch == 2:
                raise RuntimeError("killed")
            return call(self, batch, number)

        patch.setattr(Classifier, hook, dies)
        with pytest.raises(RuntimeError, match="killed"):
            fit(method, "part", *options, epochs=3)
    part = whole.parent / "part"
    assert not (part / "metrics.json").exists()
    if where == "evaluation":  # nothing is left to train, only to measure
        monkeypatch.setattr(Classifier, "training_step", lambda *_: pytest.fail("trained again"))
    fit(method, "part", *options, "--resume=true", epochs=3)
    assert same(weights(whole), weights(part))
    keys = ("UA", "RA", "TA", "MIA", "n", "parameters", "before", "epochs")
    assert {key: metrics(whole)[key] for key in keys} == {key: metrics(part)[key] for key in keys}
    assert metrics(part)["runtime"]["training"] > 0


def test_a_resumed_run_adds_up_its_time(fit, monkeypatch):
    call = Classifier.training_step

    def dies(self, batch, number):
        time.sleep(0.2)
        if self.current_epoch == 1:
            raise RuntimeError("killed")
        return call(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "training_step", dies)
        with pytest.raises(RuntimeError, match="killed"):
            fit("Train", "a")
    run = fit("Train", "a", "--resume=true")
    assert metrics(run)["runtime"]["training"] > 4 * 0.2, "the first epoch's four slow batches"


# 8. Nothing in a file is run. (The readers' own tests hold the rest.)


def test_a_pickled_original_is_refused_and_not_run(trio, fit, tmp_path, capsys):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_run"), "w"))

    train, _, _ = trio
    torch.save({"state_dict": Payload(), "architecture": {}}, train / "checkpoints" / "model.ckpt")
    metrics = json.loads((train / "metrics.json").read_text())  # whoever puts it there can also put its hash there
    metrics["files"] = RunDir(train).hashes()
    (train / "metrics.json").write_text(json.dumps(metrics))
    fit("SalUn", "other", FORGET, f"--model.init_args.original={train}", status=2)
    assert "cannot be read as weights" in capsys.readouterr().err
    assert not (tmp_path / "was_run").exists()
