"""Refusals of `medunlearn.methods`, with inputs that reach them."""

import torch
from helpers.backbones import TINY
from torch import nn

import medunlearn
from medunlearn.methods.hooks import check_prepared
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


def diverged(at):
    at.take("t")
    at.patch.setattr("medunlearn.methods.unlearner.forget_gradients", lambda *_: {"w": torch.full((9,), torch.nan)})
    at.fit("--data.forget.rate=0.25", "--model.init_args.original=t", method="SalUn")


ROWS = [
    (
        lambda at: check_prepared(nn.Linear(2, 2), ()),
        "prepare: returns Linear; return a dict of tensors by name, which becomes `self.kept`",
    ),
    (lambda at: check_prepared({}, {"old"}), "prepare: sets self.old, a network, which a resumed run would lack; …"),
    (train(lr=-1.0), "model.init_args.lr=-1.0: give a number of 0 or more"),
    (train(gamma="x"), "model.init_args.gamma=x: give a number of 0 or more"),
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
        "model.init_args.refresh_statistics=true: cannot be had with trainer.sync_batchnorm on several processes; "
        "leave one of them out",
    ),
]
