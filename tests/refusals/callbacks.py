"""Refusals of `medunlearn.callbacks`, with inputs that reach them."""

import io
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from helpers.backbones import TINY, TinyNet
from lightning.pytorch import seed_everything

import medunlearn
from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics
from medunlearn.callbacks.before_fit import (
    check_batches,
    check_callbacks,
    check_epochs,
    check_free,
    check_nonmembers,
    check_sizes,
)
from medunlearn.callbacks.earlier_runs import check_after
from medunlearn.callbacks.extra_metrics import measure_extra
from medunlearn.callbacks.results import _count_parameters
from medunlearn.callbacks.unlearning_metrics import _check_finite
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record

FORGET = "--data.forget.rate=0.25"
LISTED = "list them as `Trainer(callbacks=[RunTime(), UnlearningMetrics(), RunRecord(...)])`"


def listed(*callbacks):
    return lambda at: check_callbacks(SimpleNamespace(callbacks=list(callbacks)), RunRecord)


def free(name):
    return lambda at: check_free(RunDir(at.write(name).parts[0]), False)


def sizes(**options):
    def call(at):
        method = medunlearn.Train(**{"num_classes": 4, "backbone": TINY, **options})
        return check_sizes(method, medunlearn.MedMNISTDataModule(file=at.npz()))

    return call


def salun(*options, runs=("t",), original="t", forget=FORGET):
    def call(at):
        at.take(*runs)
        at.fit(forget, f"--model.init_args.original={original}", *options, method="SalUn")

    return call


def rewound_by_one_validation_image(at):
    at.npz(val_images=np.zeros((1, 8, 8, 3), np.uint8), val_labels=np.zeros((1, 1), np.int64))
    at.fit()
    Path("n").rename("t")
    at.fit(FORGET, "--model.init_args.original=t", "--model.init_args.rewind=true", method="FineTune")


def of_one_image(*options):
    def call(at):
        at.write("one.txt", "3")
        salun(*options, forget="--data.forget.indices=one.txt")(at)

    return call


def not_of_all_images(at):
    (train,) = map(RunDir, at.take("t"))
    arrays = train.read_predictions("test")
    arrays |= {name: array[:-1] for name, array in arrays.items() if name.startswith("retain_")}
    train.write_predictions(arrays)
    at.patch.setattr(RunDir, "check_unaltered", lambda *_, **__: None)
    at.fit(FORGET, "--model.init_args.original=t", method="SalUn")


def python(**trainer):
    """Call `medunlearn.fit` with these arguments of the Trainer."""

    def call(at):
        seed_everything(0, verbose=False)
        data = medunlearn.MedMNISTDataModule(file=at.npz(), batch_size=8)
        return medunlearn.fit(medunlearn.Train(4, backbone=TINY), data, "n", **trainer)

    return call


def moved(at):
    at.take("t")
    method = medunlearn.SalUn(4, backbone=TINY, original="t")
    medunlearn.models.load_weights(method.backbone, "t")
    method.mask = {
        name: torch.zeros_like(value, dtype=torch.bool) for name, value in method.backbone.named_parameters()
    }
    with torch.no_grad():
        method.backbone.fc.bias += 1
    return _count_parameters(method)


def another_original(change):
    def call(at):
        at.take("t")
        record = RunRecord("n")
        record._original_sha256 = "another"
        change(RunDir("t"))
        return record._check_original(SimpleNamespace(original=Path("t")))

    return call


def printed(make):
    """Return what is printed where a run goes on without what it refuses."""

    def call(at):
        with redirect_stderr(io.StringIO()) as told:
            make(at)
        return told.getvalue().strip()

    return call


def compared(at):
    at.take("t")
    data = medunlearn.MedMNISTDataModule(file="d.npz", forget=medunlearn.ForgetSpec(rate=0.25))
    return RunRecord("n", "t")._compared(SimpleNamespace(datamodule=data), UnlearningMetrics())


def diverged(at):
    network = TinyNet(2)
    torch.nn.init.constant_(network.fc.bias, torch.nan)
    method = SimpleNamespace(backbone=network, diverged=medunlearn.Train.diverged)
    return _check_finite(method, SimpleNamespace(to_arrays=lambda: {"test_probs": np.zeros(1)}))


ROWS = [
    (lambda at: medunlearn.fit("SalUn", None, "n"), "method='SalUn': give a method, such as medunlearn.Train(...)"),
    (
        lambda at: medunlearn.fit(medunlearn.Train(4, backbone=TINY), "B.npz", "n"),
        "data='B.npz': give medunlearn.MedMNISTDataModule(...)",
    ),
    # The parts of a run
    (listed(UnlearningMetrics()), f"callbacks=['UnlearningMetrics']: RunTime is missing; {LISTED}"),
    (
        lambda at: listed(RunTime(), RunRecord("n"), UnlearningMetrics())(at),
        f"callbacks=['RunTime', 'RunRecord', 'UnlearningMetrics']: UnlearningMetrics is listed after RunRecord; "
        f"{LISTED}",
    ),
    (
        lambda at: check_nonmembers(medunlearn.ReGUn(4, backbone=TINY, original="t"), {"nonmembers": "val"}),
        "evaluation.nonmembers=val: ReGUn learns from the original's answers on the validation images, so these are "
        "not non-members; give nonmembers=test, also to the runs that it is compared with",
    ),
    (
        salun("--model.init_args.rewind=true", "--trainer.max_epochs=0"),
        "model.init_args.rewind=true: keeps the best of several epochs, and max_epochs=0 trains none; leave it out",
    ),
    (
        rewound_by_one_validation_image,
        "model.init_args.rewind=true: needs the proxy gap, which cannot be measured: it needs two validation images, "
        "and there is 1; leave it out",
    ),
    (free("n"), "run_dir=n: is a file; name a directory"),
    (
        free("n/metrics.json"),
        "run_dir=n: already holds a finished run; name another run_dir, or delete that one",
    ),
    (
        free("n/config.yaml"),
        "run_dir=n: already holds an unfinished run; go on with it by `ckpt_path='n/checkpoints/last.ckpt'` or …",
    ),
    (sizes(num_classes=3), "num_classes=3: the data have 4 classes; give num_classes=4, the data's num_classes"),
    (
        sizes(in_channels=1),
        "in_channels=1: the data's images have 3; give in_channels=3, the data's in_channels",
    ),
    (
        lambda at: check_epochs(SimpleNamespace(max_epochs=1000, max_steps=-1), medunlearn.Train(4, backbone=TINY)),
        "max_epochs=1000: is Lightning's default where none is given; give `Trainer(max_epochs=200)`, the default of "
        "Train, or another number",
    ),
    (
        of_one_image("--model.init_args.schedule=sequential"),
        "data.forget: the forget set holds 1 of the images, and BatchNorm needs two in each process where images of "
        "8x8 "
        "shrink to one pixel, whatever the batch size; forget more images, or `schedule` mixed of the method, whose "
        "batches hold both sets",
    ),
    (
        lambda at: check_batches(1, 1, 31, 8, 1),
        "data.batch_size=31: it leaves 1 of the images for the smallest batch, and BatchNorm needs two in each process "
        "where images of 8x8 shrink to one pixel; choose another",
    ),
    # Earlier runs
    (
        salun(original="n", runs=()),
        "model.init_args.original=n: no run there; make it with `medunlearn fit --config configs/NAME.yaml --data.file "
        "d.npz --run_dir n`",
    ),
    (
        salun("--overwrite=true", "--run_dir=t"),
        "model.init_args.original=t: is this run's own run_dir; name another run_dir",
    ),
    (
        salun(runs=("r",), original="r"),
        "model.init_args.original=r: it never saw the forget set; name a model trained on all images",
    ),
    (
        not_of_all_images,
        "model.init_args.original=t: t/predictions.npz does not cover every training image; run that stage again",
    ),
    (
        lambda at: check_after(Record(Path("r")), SimpleNamespace(forget=SimpleNamespace(after="r"))),
        "data.forget.after=r: is this run's own run_dir; name another run_dir",
    ),
    (salun("--reference=n"), "reference=n: is this run's own run_dir; name a Retrain run"),
    (
        salun("--reference=t"),
        "reference=t: its model has seen the forget set; name a Retrain run of this forget set",
    ),
    (
        another_original(lambda run: None),
        "model.init_args.original=t: holds another model than this run started from; bring it back, or …",
    ),
    (
        another_original(lambda run: run.weights.unlink()),
        "model.init_args.original=t: its checkpoints/model.ckpt is missing, which this run started from; bring it "
        "back, "
        "or start this run again with `--overwrite true`",
    ),
    (
        printed(compared),
        "AG is null: reference=t: its model has seen the forget set; name a Retrain run of this forget set",
    ),
    # From Python
    (python(max_epochs="two"), "trainer.max_epochs=two: give a whole number…"),
    (python(accelerator="none"), "trainer: …; `help(lightning.Trainer)` lists its arguments"),
    (
        python(max_epoch=2),
        "max_epoch=2: neither medunlearn.fit nor Lightning's Trainer takes it; did you mean max_epochs?",
    ),
    # What is measured
    (
        lambda at: UnlearningMetrics(every_n_epochs=-1),
        "evaluation.every_n_epochs=-1: give a number of epochs, or 0 for none",
    ),
    (lambda at: UnlearningMetrics(seed=-1), "evaluation.seed=-1: give a whole number of 0 or more"),
    (lambda at: UnlearningMetrics(feature="loss"), "evaluation.feature=loss: choose one of confidence, …"),
    (lambda at: UnlearningMetrics(extra="own"), "evaluation.extra=own: give a list of names, as in [own]"),
    (
        printed(lambda at: measure_extra({"own": lambda _: 1 / 0}, None)),
        "evaluation.extra=own: is null in metrics.json (ZeroDivisionError: division by zero); fix its plug-in",
    ),
    (
        diverged,
        "model.init_args.lr: the model has diverged, its weights or outputs are not finite; lower the learning rate "
        "and "
        "start again with `--overwrite true`",
    ),
    (
        moved,
        "model.init_args.mask_ratio: 4 frozen weights have moved since the last step; take out the hook or callback "
        "that "
        "changes them, and start again with `--overwrite true`",
    ),
]
