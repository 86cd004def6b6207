"""Refusals of `medunlearn.methods`, with inputs that reach them."""

from types import SimpleNamespace

import torch
from helpers.backbones import TINY
from torch import nn

import medunlearn
from medunlearn.methods.hooks import check_prepared
from medunlearn.methods.losses import check_losses, check_step, check_trained
from medunlearn.methods.rewind import judge
from medunlearn.methods.roles import check_role
from medunlearn.methods.schedules import check_end
from medunlearn.methods.statistics import check_choice, check_layers


def train(**options):
    return lambda at: medunlearn.Train(2, backbone=TINY, **options)


def salun(**options):
    return lambda at: medunlearn.SalUn(2, backbone=TINY, original="t", **options)


def tiny_mask(at):
    at.take("t")
    at.fit(
        "--data.forget.rate=0.25", "--model.init_args.original=t", "--model.init_args.mask_ratio=1e-6", method="SalUn"
    )


def editing(method, **options):
    return lambda at: getattr(medunlearn, method)(2, **{"backbone": TINY, "original": "t", **options})


def diverged_in_two_parts(at):
    at.take("t")
    found = {"w": torch.full((9,), torch.nan)}
    at.patch.setattr("medunlearn.methods.masked_small_gradients.forget_gradients", lambda *_: found)
    at.fit("--data.forget.rate=0.25", "--model.init_args.original=t", method="MaskedSmallGradients")


def endless_pull(at):
    at.take("t")
    options = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.max_epochs=-1")
    at.fit(*options, method="SalUnSoft")


def unlearned(method, *options):
    """Run a method on the original of these tests."""

    def call(at):
        at.take("t")
        at.fit("--data.forget.rate=0.25", "--model.init_args.original=t", *options, method=method)

    return call


def lost_damping(at):
    def lost(*_):
        raise ValueError

    at.patch.setattr("medunlearn.methods.influence.damped_solution", lost)
    unlearned("Influence", "--model.init_args.damping=1e-300", "--trainer.max_epochs=0")(at)


def diverged(at):
    at.take("t")
    at.patch.setattr("medunlearn.methods.unlearner.forget_gradients", lambda *_: {"w": torch.full((9,), torch.nan)})
    at.fit("--data.forget.rate=0.25", "--model.init_args.original=t", method="SalUn")


def unlearner(kind, **options):
    return lambda at: getattr(medunlearn, kind)(2, backbone=TINY, original="t", **options)


def untrained_head(at):
    head = nn.Linear(2, 1)
    head(torch.ones(1, 2)).sum().backward()
    check_trained(head.named_parameters(), [], "Own")


ROWS = [
    (
        lambda at: medunlearn.Pretrained(2, backbone=TINY, weights="w.pt", mean=[0.5, 0.4]),
        "model.init_args.mean=[0.5, 0.4]: has 2 numbers for 3 channel(s); give one, or one for each channel",
    ),
    (
        untrained_head,
        "trained: Own.weight gets a gradient and is not trained; return it from `trained` beside the backbone's "
        "weights, or keep gradients out by `requires_grad_(False)`",
    ),
    (
        lambda at: check_prepared(nn.Linear(2, 2), ()),
        "prepare: returns Linear; return a dict of tensors by name, which becomes `self.kept`",
    ),
    (
        salun(learning_rate=0.1),
        "learning_rate: SalUn has no such argument; did you mean lr? It takes mask_ratio, …, gamma",
    ),
    (
        lambda at: check_losses(0.5, 3, "Own", first=True),
        "losses: Own.losses must return one loss per image, a tensor of shape (3,), but returned float; return real "
        "numbers, such as `loss.float()`",
    ),
    (
        lambda at: check_losses(torch.tensor(0.5), 3, "Own", first=True),
        "losses: Own.losses must return one loss per image, a tensor of shape (3,), but returned a tensor of shape (); "
        "leave out its mean or sum",
    ),
    (
        lambda at: check_losses(torch.full((3,), torch.nan), 3, "Own", first=True),
        "losses: Own.losses returned nan for 3 images of 3 in the first step; look for a logarithm, root or division "
        "of 0 there",
    ),
    (
        lambda at: check_step(torch.ones((), requires_grad=True), 0.5, "Own", first=True),
        "penalty: Own.penalty must return one number, a tensor of shape (), or None, but returned float; return its "
        "sum or mean",
    ),
    (
        lambda at: check_step(torch.ones(()), None, "Own", first=True),
        "losses: Own.losses does not depend on the weights; take it of `self(batch.images)`, without `detach`, "
        "`no_grad` or `argmax`",
    ),
    (lambda at: check_prepared({}, {"old"}), "prepare: sets self.old, a network, which a resumed run would lack; …"),
    (unlearner("SCRUB", kl_weight=-1), "model.init_args.kl_weight=-1: give a number of 0 or more"),
    (unlearner("SCRUB", temperature=0), "model.init_args.temperature=0: give a number above 0"),
    (unlearner("HeldOutTwins", wrong_share=1), "model.init_args.wrong_share=1: give a share of 0 or more and below 1"),
    (
        unlearner("ReGUn", rewind=True),
        "model.init_args.rewind=true: ReGUn learns from the original's answers on the validation images, which then "
        "cannot judge its epochs; leave it out",
    ),
    (
        lambda at: judge(SimpleNamespace(callbacks=[])),
        "model.init_args.rewind=true: UnlearningMetrics measures the epochs, and is not among the Trainer's callbacks; "
        "list it there, as in `Trainer(callbacks=[UnlearningMetrics()])`",
    ),
    (unlearner("ReGUn", mixture="mean"), "model.init_args.mixture=mean: choose one of classes, prior"),
    (unlearner("ReGUn", retain_weight="x"), "model.init_args.retain_weight='x': give a number of 0 or more"),
    (train(lr=-1.0), "model.init_args.lr=-1.0: give a number of 0 or more"),
    (train(gamma="x"), "model.init_args.gamma='x': give a number of 0 or more"),
    (train(lr_schedule="linear"), "model.init_args.lr_schedule=linear: choose one of …"),
    (salun(relabel="all"), "model.init_args.relabel=all: choose one of …"),
    (salun(schedule="both"), "model.init_args.schedule=both: choose one of mixed, sequential"),
    (salun(mask_ratio=2), "model.init_args.mask_ratio=2: give a share above 0 and up to 1, such as 0.5"),
    (tiny_mask, "model.init_args.mask_ratio=1e-06: leaves none of … weights free; give at least 0.0001"),
    (
        diverged,
        "model.init_args.original=t: its gradients are not numbers: the model has diverged; train it again with a "
        "lower learning rate",
    ),
    (
        lambda at: check_role("all", "retrained", "Mine"),
        "images=all: Mine has the role retrained, which trains on retain; return one of them, or set another role",
    ),
    (lambda at: check_role(["all"], "retrained", "Mine"), "images=['all']: unknown draw; choose one of all, retain, …"),
    (
        lambda at: check_end(None, -1),
        "model.init_args.lr_schedule=cosine: needs the end of the run; set trainer.max_epochs",
    ),
    (
        lambda at: check_choice(True, True),
        "model.init_args.freeze_statistics=true: contradicts refresh_statistics=true; keep one of them",
    ),
    (
        lambda at: check_layers(nn.SyncBatchNorm(2), 2),
        "model.init_args.refresh_statistics=true: does not work with trainer.sync_batchnorm on several processes; "
        "leave one of them out",
    ),
    (
        editing("WeightNegation", backbone="helpers.convolutions.FlatNet"),
        "model.init_args.backbone=helpers.convolutions.FlatNet: has no convolution (nn.Conv2d), whose weights this "
        "method edits; choose a network that has one",
    ),
    (
        editing("WeightNegation", freeze_statistics=True),
        "model.init_args.freeze_statistics=true: this method edits the weights, whose outputs the original's "
        "statistics no longer describe; leave it out, or set refresh_statistics=true",
    ),
    (
        editing("KernelTranspose", backbone="helpers.convolutions.OblongNet"),
        "model.init_args.backbone=helpers.convolutions.OblongNet: its convolution conv has kernel_size=(3, 1), and "
        "only square ones can be transposed; choose another network",
    ),
    (
        editing("MaskedSmallGradients", kept_factor=2),
        "model.init_args.kept_factor=2: give a share from 0 to 1",
    ),
    (
        diverged_in_two_parts,
        "model.init_args.original=t: its gradients are not numbers: the model has diverged; train it again with a "
        "lower learning rate",
    ),
    (editing("SalUnSoft", beta=-1), "model.init_args.beta=-1: give a number of 0 or more"),
    (endless_pull, "model.init_args.beta=1e-05: falls to 0 at the end of the run; set trainer.max_epochs"),
    (
        unlearned("L1Sparse", "--trainer.max_epochs=-1"),
        "model.init_args.l1: falls over the epochs of the run; set trainer.max_epochs",
    ),
    (
        unlearned("L1Sparse", "--model.init_args.l1_free_epochs=1"),
        "model.init_args.l1_free_epochs=1: leaves none of 1 epochs to the penalty; give less",
    ),
    (
        unlearned("SSD"),
        "trainer.max_epochs=1: SSD changes the weights once and trains for no epoch; give 0",
    ),
    (
        unlearned("SSD", "--model.init_args.lr=0.5", "--trainer.max_epochs=0"),
        "model.init_args.lr=0.5: SSD trains for no epoch, so it would change nothing; leave it out",
    ),
    (lost_damping, "model.init_args.damping=1e-300: too small for float64; raise it"),
    (
        editing("CoUn", backbone="squeezenet1_1", image_size=32),
        "model.init_args.backbone=squeezenet1_1: this method needs the features that a last linear layer takes, and it "
        "has none; choose another, such as resnet18",
    ),
    (
        unlearned("CoUn", "--data.augmentation=NoAug"),
        "data.augmentation=NoAug: this method compares two augmented views of each image; choose Default",
    ),
]
