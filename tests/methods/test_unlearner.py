"""What every unlearner is given: mask, preparation, teacher, images by epoch, statistics."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import methods
from helpers.backbones import TINY, TinyNet
from helpers.methods import Noise, Phases
from helpers.runs import same, weights
from lightning.pytorch import Trainer

from medunlearn import ForgetSpec, InputError, MedMNISTDataModule, load_model
from medunlearn.methods import Classifier, FineTune, SalUn, Unlearner

FORGET = "--data.forget.rate=0.25"
ORIGINAL = "--model.init_args.original=t"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


def metrics(run):
    return json.loads(Path(run, "metrics.json").read_text())


def bits(values):
    return values.detach().view(torch.int32)


def counts(run, original="t"):
    """Count, from the files alone, how many weights are free, have changed, and have changed though frozen."""
    content = torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)
    before, after, mask = weights(Path(original)), content["state_dict"], content["saliency_mask"]
    moved = {name: bits(after[name]) != bits(before[name]) for name in mask}
    frozen = sum(int((moved[name] & ~mask[name]).sum()) for name in mask)
    return sum(int(free.sum()) for free in mask.values()), sum(int(each.sum()) for each in moved.values()), frozen


def interrupted(fit, monkeypatch, method, run_dir, at, *options, **kwargs):
    """Ask a run to end within an epoch, and go on with it."""
    monkeypatch.setenv("ASKED", f"0 {at[0]} {at[1]}")
    options = (FORGET, ORIGINAL, *EXACT, *options, "--trainer.callbacks+=helpers.methods.AskToEnd")
    fit(method, run_dir, *options, status=128 + signal.SIGTERM, **kwargs)
    assert not Path(run_dir, "metrics.json").exists()
    monkeypatch.delenv("ASKED")
    return fit(method, run_dir, *options, "--resume=true", **kwargs)


# The mask


@pytest.mark.parametrize("method", ["AdamSalUn", "FusedSalUn", "WrappedSalUn", "DecayingSalUn", "SteppingSalUn"])
@pytest.mark.parametrize(
    "options", [(), (*EXACT, "--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.1")]
)
def test_mask_holds_whatever_a_method_brings(fit, method, options):
    """Optimisers with weight decay, fused, wrapped, and weights that are changed in the method's own hooks."""
    fit.original("t", epochs=1)
    run = fit(f"helpers.methods.{method}", "s", FORGET, ORIGINAL, *options)
    free, changed, frozen = counts(run)
    assert frozen == 0
    assert changed > 0.9 * free
    total = sum(weight.numel() for weight in TinyNet(4).parameters())
    found = metrics(run)["parameters"]
    assert (found["total"], found["free"], found["changed"]) == (total, total // 2, changed)


@pytest.mark.parametrize(
    "hook",
    [
        *("on_fit_start", "on_train_start", "on_train_batch_start", "on_before_backward", "on_before_optimizer_step"),
        *("on_before_zero_grad", "on_train_batch_end", "on_train_epoch_end", "on_validation_end", "on_train_end"),
        "on_fit_end",
    ],
)
def test_mask_holds_whatever_a_callback_changes(fit, hook):
    fit.original("t", epochs=1)
    options = (f"--trainer.callbacks=[{{class_path: helpers.methods.Meddler, init_args: {{hook: {hook}}}}}]",)
    run = fit("SalUn", "s", FORGET, ORIGINAL, *options)
    free, changed, frozen = counts(run)
    assert frozen == 0
    assert metrics(run)["parameters"]["changed"] == changed > 0.9 * free
    logits = load_model(run, TINY)(torch.zeros(1, 3, 8, 8))
    assert logits.isfinite().all()


def test_a_run_whose_frozen_weights_moved_is_not_finished(fit, monkeypatch, capsys):
    fit.original("t", epochs=1)
    monkeypatch.setattr(Unlearner, "hold", lambda self: None)
    run = fit("SalUn", "s", FORGET, ORIGINAL, status=2)
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error: ")]
    assert len(error) == 1
    assert "frozen weights have moved since the last step; take out the hook or callback that changes them" in error[0]
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_train_epoch_end"])
def test_checkpoints_hold_frozen_weights_as_the_originals(fit, monkeypatch, hook):
    """Whatever a callback does before a checkpoint is written, in the middle of an epoch or at its end."""
    fit.original("t", epochs=1)
    before, seen = weights(Path("t")), []
    save = Trainer.save_checkpoint

    def look(trainer, path, *args):
        save(trainer, path, *args)
        content = torch.load(path, weights_only=True)
        for name, free in content["saliency_mask"].items():
            seen.append(torch.equal(bits(content["state_dict"][f"backbone.{name}"])[~free], bits(before[name])[~free]))

    monkeypatch.setattr(Trainer, "save_checkpoint", look)
    fit(
        "SalUn",
        "s",
        FORGET,
        ORIGINAL,
        f"--trainer.callbacks=[{{class_path: helpers.methods.Meddler, init_args: {{hook: {hook}}}}}]",
    )
    assert seen
    assert all(seen)


def test_clipping_sees_the_gradients_of_free_weights_alone(fit, monkeypatch):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, *EXACT, "--trainer.gradient_clip_val=0.5")
    spiked = fit("helpers.methods.SpikedSalUn", "a", *options)
    monkeypatch.setattr(methods.SpikedSalUn, "spike", 0.0)
    plain = fit("helpers.methods.SpikedSalUn", "b", *options)
    free = fit("helpers.methods.SpikedSalUn", "c", *options[:-1])
    assert same(weights(spiked), weights(plain))
    assert not same(weights(plain), weights(free)), "there was something to clip"


@pytest.mark.parametrize("method", ["AdamSalUn", "SteppingSalUn", "DecayingSalUn"])
def test_a_masked_run_resumed_within_an_epoch_gives_what_the_uninterrupted_gives(fit, monkeypatch, method):
    fit.original("t", epochs=1)
    whole = fit(f"helpers.methods.{method}", "whole", FORGET, ORIGINAL, *EXACT)
    part = interrupted(fit, monkeypatch, f"helpers.methods.{method}", "part", (1, 1))
    assert same(weights(whole), weights(part))
    assert metrics(whole)["parameters"] == metrics(part)["parameters"]
    assert counts(part)[2] == 0


def test_weights_without_a_mask_are_all_free(fit):
    fit.original("t", epochs=1)
    found = metrics(fit("FineTune", "s", FORGET, ORIGINAL))["parameters"]
    assert found["free"] == found["total"] >= found["changed"] > 0.5 * found["total"]
    assert metrics("t")["parameters"].keys() == {"total"}


# Preparation


def files(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def test_preparation_comes_once_and_is_kept(fit, monkeypatch):
    fit.original("t", epochs=1)
    Noise.prepared = 0
    whole = fit("helpers.methods.Noise", "whole", FORGET, ORIGINAL, *EXACT)
    assert Noise.prepared == 1
    part = interrupted(fit, monkeypatch, "helpers.methods.Noise", "part", (1, 1))
    assert Noise.prepared == 2, "not again where it went on"
    assert same(weights(whole), weights(part))
    kept = torch.load(part / "checkpoints" / "last.ckpt", weights_only=True)["kept"]
    assert torch.equal(kept["noise"], torch.randn(4, generator=torch.Generator().manual_seed(0)))
    for run in (whole, part):
        assert metrics(run)["facts"] == {"noise": pytest.approx(float(kept["noise"].sum())), "kind": "normal"}
        runtime = metrics(run)["runtime"]
        assert runtime["preparation"] > 0
        assert metrics(run)["RTE"] * 60 == pytest.approx(runtime["preparation"] + runtime["training"])


def test_preparation_changes_weights_before_the_first_step(fit):
    """Zero epochs: what is left is the original with its first layer turned round."""
    fit.original("t", epochs=1)
    run = fit("helpers.methods.Noise", "s", FORGET, ORIGINAL, epochs=0)
    before, after = weights(Path("t")), weights(run)
    assert torch.equal(after["conv1.weight"], -before["conv1.weight"])
    assert all(torch.equal(after[name], value) for name, value in before.items() if name != "conv1.weight")
    assert metrics(run)["parameters"]["changed"] == int((before["conv1.weight"] != 0).sum())


def test_run_without_an_epoch_leaves_every_file_of_a_run(fit):
    """Killed before it is measured, it is resumed from a checkpoint that knows what was prepared."""
    trained = fit.original("t", epochs=1)
    run = fit("helpers.methods.Noise", "s", FORGET, ORIGINAL, epochs=0)
    assert files(run) == files(trained)
    whole, kept = weights(run), torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["kept"]
    (run / "metrics.json").unlink()
    Noise.prepared = 0
    resumed = fit("helpers.methods.Noise", "s", FORGET, ORIGINAL, "--resume=true", epochs=0)
    assert (Noise.prepared, same(weights(resumed), whole)) == (0, True)
    assert metrics(resumed)["facts"]["noise"] == pytest.approx(float(kept["noise"].sum()))


def test_preparation_that_puts_a_network_into_the_method_is_refused_before_the_first_step(fit, capsys):
    """A resumed run does not prepare again, and would lack it."""
    fit.original("t", epochs=1)
    run = fit("helpers.methods.KeepsTeacher", "s", FORGET, ORIGINAL, status=2)
    assert "prepare: sets self.old, a network, which a resumed run would lack;" in capsys.readouterr().err
    assert not (run / "checkpoints" / "last.ckpt").exists()


def test_preparation_cannot_move_frozen_weights(fit):
    fit.original("t", epochs=1)
    run = fit("helpers.methods.Noise", "s", FORGET, ORIGINAL, "--model.init_args.mask_ratio=0.1", epochs=0)
    _, changed, frozen = counts(run)
    assert frozen == 0
    assert changed > 0


# Teacher and untrained


@pytest.fixture
def python(npz):
    """Return a function that fits a method from Python and returns it."""

    def run(method, epochs=1, **arguments):
        torch.manual_seed(0)
        data = MedMNISTDataModule(file=npz, batch_size=8, forget=ForgetSpec(rate=0.25))
        quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
        trainer = Trainer(accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, **quiet)
        made = method(data.num_classes, original="t", backbone=TINY, **arguments)
        trainer.fit(made, data)
        return made

    return run


def test_teacher_is_the_original_and_no_part_of_the_model(fit, python):
    fit.original("t", epochs=1)
    method = python(FineTune)
    names = list(method.state_dict())
    teacher = method.teacher()
    method.train()
    assert teacher is method.teacher()
    assert same(teacher.state_dict(), weights(Path("t")))
    assert not same(method.backbone.state_dict(), weights(Path("t")))
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert list(method.state_dict()) == names
    assert not {id(each) for each in method.parameters()} & {id(each) for each in teacher.parameters()}
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    assert teacher(images).sum().backward() is None, "images may take a gradient through it"
    assert images.grad.abs().sum() > 0


def test_untrained_is_drawn_from_the_seed_and_draws_nothing_else(fit, python):
    fit.original("t", epochs=1)
    method = python(FineTune)
    state = torch.random.get_rng_state()
    first, again = method.untrained().state_dict(), method.untrained().state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert same(first, again)
    assert first.keys() == method.backbone.state_dict().keys()
    assert not torch.equal(first["conv1.weight"], weights(Path("t"))["conv1.weight"])


@pytest.mark.parametrize(("part", "size"), [("forget", 8), ("retain", 24), ("val", 8)])
def test_batches_are_a_part_of_the_data_in_order(fit, python, part, size):
    fit.original("t", epochs=1)
    method = python(FineTune)
    batches = list(method.batches(part))
    rows = torch.cat([batch.rows for batch in batches]).tolist()
    assert len(rows) == size
    assert rows == sorted(rows)
    assert all(batch.images.dtype == torch.float32 and batch.images.max() <= 1 for batch in batches)
    with pytest.raises(InputError, match="part='test': unknown; choose one of retain, forget, val"):
        list(method.batches("test"))


# Images


@pytest.fixture
def met(monkeypatch):
    """Return the rows of each batch of each epoch, as training meets them."""
    met = {}
    step = Classifier.training_step

    def watched(self, batch, number):
        met.setdefault(self.current_epoch, []).append(batch.rows[batch.weight > 0].tolist())
        return step(self, batch, number)

    monkeypatch.setattr(Classifier, "training_step", watched)
    return met


def check_phases(met, forget):
    retain = np.setdiff1d(np.arange(32), forget).tolist()
    rows = {epoch: [row for batch in batches for row in batch] for epoch, batches in met.items()}
    assert sorted(rows[0]) == sorted(forget)
    assert [len(batch) for batch in met[1]] == [8] * 6, "24 retained images, four a step, and as many forgotten ones"
    assert sorted(row for row in rows[1] if row in retain) == retain
    assert sorted(row for row in rows[1] if row in forget) == sorted(3 * forget)
    assert sorted(rows[2]) == retain
    assert sorted(rows[3]) == list(range(32))
    assert sorted(rows[4][:8]) == sorted(forget)
    assert sorted(rows[4][8:]) == retain


def test_images_may_differ_between_epochs_from_the_command_line(fit, met):
    fit.original("t", epochs=1)
    met.clear()
    run = fit("helpers.methods.Phases", "s", FORGET, ORIGINAL, epochs=5)
    check_phases(met, json.loads((run / "split.json").read_text())["indices"])
    assert metrics(run)["trained_on"] == "forget+paired+retain+all+forget_then_retain"


def test_images_may_differ_between_epochs_from_python(fit, python, met):
    """Lightning reads a loader's length once; the method sets what makes it read again."""
    fit.original("t", epochs=1)
    met.clear()
    method = python(Phases, epochs=5)
    check_phases(met, method.datamodule.forget_indices.tolist())


@pytest.mark.parametrize("at", [(1, 2), (1, 5), (2, 0), (2, 1), (4, 3)])
def test_a_run_of_different_epochs_resumed_gives_what_the_uninterrupted_gives(fit, monkeypatch, at):
    """Within an epoch, at its first batch, and at its last, after which the epoch's own checkpoint is used."""
    fit.original("t", epochs=1)
    cosine = "--model.init_args.lr_schedule=cosine"
    whole = fit("helpers.methods.Phases", "whole", FORGET, ORIGINAL, *EXACT, cosine, epochs=5)
    part = interrupted(fit, monkeypatch, "helpers.methods.Phases", "part", at, cosine, epochs=5)
    assert same(weights(whole), weights(part))


def test_an_unknown_draw_is_one_line_with_the_choice(fit, python, capsys):
    fit.original("t", epochs=1)
    fit("helpers.methods.Unknown", "s", FORGET, ORIGINAL, status=2)
    choice = "all, retain, forget, forget_then_retain, paired, paired_by_forget"
    says = f"images=forgotten: unknown draw; choose one of {choice}"
    assert capsys.readouterr().err.splitlines()[-1] == f"medunlearn: error: {says}"
    assert not Path("s").exists()
    with pytest.raises(InputError, match=says):
        python(methods.Unknown, epochs=2)


def test_an_unlearner_needs_a_forget_set(fit, capsys):
    fit.original("t", epochs=1)
    fit("FineTune", "s", ORIGINAL, status=2)
    assert "data.forget: this method needs a forget set and none is named" in capsys.readouterr().err


# Statistics


def test_refreshed_statistics_are_those_of_the_retain_set(fit, npz):
    """Against a direct computation, in which nothing but the statistics differs from a run without."""
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, *EXACT, "--data.augmentation=NoAug")
    plain = fit("FineTune", "plain", *options)
    run = fit("FineTune", "s", *options, "--model.init_args.refresh_statistics=true")
    before, after = weights(plain), weights(run)
    names = {name for name in before if "running" in name}
    assert all(torch.equal(before[name], after[name]) for name in before if "running" not in name and "num" not in name)
    model = load_model(plain, TINY)
    with np.load(npz) as arrays:
        retain = np.setdiff1d(np.arange(32), json.loads((run / "split.json").read_text())["indices"])
        images = torch.from_numpy(arrays["train_images"][retain]).permute(0, 3, 1, 2).float() / 255
    found = {name: torch.zeros_like(before[name]) for name in names}

    def note(name):
        def hook(module, inputs):
            values = inputs[0].transpose(0, 1).flatten(1)
            found[f"{name}.running_mean"] += values.mean(1) / 3
            found[f"{name}.running_var"] += values.var(1) / 3

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
            module.register_forward_pre_hook(note(name))
    with torch.no_grad():
        for batch in images.split(8):
            model(batch)
    for name in names:
        torch.testing.assert_close(after[name], found[name], rtol=1e-4, atol=1e-6)
        assert not torch.equal(after[name], before[name])
    runtime = metrics(run)["runtime"]
    assert runtime["statistics"] > 0
    assert metrics(run)["RTE"] * 60 == pytest.approx(runtime["statistics"] + runtime["training"])


def test_statistics_are_refreshed_also_where_no_epoch_is_left(fit, monkeypatch):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, *EXACT, "--model.init_args.refresh_statistics=true")
    whole = fit("FineTune", "whole", *options)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "predict_step", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit("FineTune", "part", *options)
    assert same(weights(whole), weights(fit("FineTune", "part", *options, "--resume=true")))


# What is written and refused


def test_departures_are_the_arguments_that_differ_from_the_methods_defaults(fit):
    fit.original("t", epochs=1)
    options = ("--model.init_args.mask_ratio=0.2", "--model.init_args.lr=0.013", "--model.init_args.milestones=[3]")
    found = metrics(fit("SalUn", "s", FORGET, ORIGINAL, *options))
    assert found["departures"] == {"mask_ratio": 0.2, "milestones": [3], "backbone": TINY}
    assert found["role"] == "unlearned"
    assert metrics("t")["departures"] == {"backbone": TINY}
    assert metrics("t")["role"] == "original"


@pytest.mark.parametrize("ratio", [0, -1, 1.5])
def test_a_mask_ratio_out_of_range_is_refused(ratio):
    with pytest.raises(InputError, match=r"mask_ratio=.*: give a share above 0 and up to 1"):
        SalUn(4, original="t", backbone=TINY, mask_ratio=ratio)


def test_a_loss_that_is_not_one_an_image_is_refused(fit, python):
    fit.original("t", epochs=1)
    line = (
        r"losses: Scalar.losses must return one loss per image, a tensor of shape \(8,\), but returned a tensor of sha"
    )
    with pytest.raises(InputError, match=line):
        python(methods.Scalar)


@pytest.mark.parametrize("method", ["SalUn", "RandomLabels", "FineTune"])
def test_help_lists_the_arguments_of_every_base(capsys, method):
    from medunlearn.__main__ import main

    with pytest.raises(SystemExit):
        main(["fit", f"--model.help={method}"])
    text = capsys.readouterr().out
    wanted = {"original", "mask_ratio", "refresh_statistics", "lr", "lr_schedule", "lr_min", "momentum", "backbone"}
    assert all(f"--model.init_args.{name} " in text for name in wanted)
    assert "kwargs" not in text


def test_original_is_required(fit, capsys):
    fit("RandomLabels", "s", FORGET, status=2)
    assert "original" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_of_zero_epochs_leaves_what_a_run_leaves(fit):
    fit.original("t", epochs=1)
    run = fit("SalUn", "s", FORGET, ORIGINAL, "--model.init_args.refresh_statistics=true", epochs=0)
    found = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert found >= {"config.yaml", "split.json", "predictions.npz", "metrics.json", "checkpoints/model.ckpt"}
    assert metrics(run)["parameters"]["changed"] == 0
    assert metrics(run)["runtime"]["saliency"] > 0
