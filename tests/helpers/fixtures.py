"""The fixtures of all tests: an empty folder each, tiny images, `medunlearn fit`, finished runs."""

import hashlib
import io
import logging
import os
import shutil
import sys
from collections.abc import Generator
from functools import partial
from itertools import count, takewhile
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torchvision.models.resnet import ResNet

from helpers.backbones import TINY
from helpers.runs import QUIET, write_npz
from medunlearn.__main__ import main
from medunlearn.models import ResNet18

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

FAILED = pytest.StashKey[bool]()
"""Whether a test has failed so far."""


@pytest.fixture(scope="session")
def numbered(tmp_path_factory):
    """Return names of folders, one after another; pytest would look through all earlier ones for each."""
    folder = tmp_path_factory.mktemp("tests")
    return (folder / str(number) for number in count())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def tmp_path(numbered, request):
    """Return an empty folder, which is kept if the test fails: a run of a ResNet-18 holds 130 MB of weights."""
    folder = next(numbered)
    folder.mkdir()
    yield folder
    if not request.node.stash[FAILED]:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _workplace(tmp_path, numbered, monkeypatch):
    """Run every test in an empty folder, without a W&B login, and in the same number of threads."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)
    home = next(numbered)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    monkeypatch.setattr(os, "fsync", lambda number: None)  # here no power is cut, and each waits for the disk
    last = next(reversed(sys.modules))
    yield
    # Modules that a test has written, or the next one would find them.
    for name in [*takewhile(lambda name: name != last, reversed(sys.modules))]:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    os.environ.pop("WANDB_MODE", None)
    if getattr(sys.modules.get("wandb"), "run", None) is not None:  # which the next test would be given as its own
        sys.modules["wandb"].teardown()
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def tiny_resnet18(monkeypatch):
    """Give ResNet-18 an eighth of its channels, where pages and configs name it: there its answers do not matter.

    No fewer: oneDNN (torch 2.14, a CPU with AVX2 and no AVX-512) writes past its buffers in the backward pass of a 1x1
    convolution with stride 2 on fewer than 8 channels in channels-last order (its issue 6035).
    """
    begin, layer = ResNet18.__init__, ResNet._make_layer

    def narrow(self, num_classes, *rest, **options):
        begin(self, num_classes, *rest, **options)
        self.fc = nn.Linear(64, num_classes)

    def narrow_layer(self, block, planes, *rest, **options):
        return layer(self, block, planes // 8, *rest, **options)

    monkeypatch.setattr(ResNet18, "__init__", narrow)
    monkeypatch.setattr(ResNet, "_make_layer", narrow_layer)


@pytest.fixture
def logged():
    """Return a buffer of what is logged; pytest's own plug-in for this costs every test as much as starting it."""
    buffer = io.StringIO()
    handler = logging.StreamHandler(buffer)
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values() if not _passes_on(each))]
    for logger in loggers:
        logger.addHandler(handler)
    yield buffer
    for logger in loggers:
        logger.removeHandler(handler)


def _passes_on(logger: logging.Logger | logging.PlaceHolder) -> bool:
    """Return whether messages reach the root logger, or there are none."""
    return not isinstance(logger, logging.Logger) or logger.propagate


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the drawing of a report, four fifths of its time; return a list for names of figures to draw anyway."""
    drawn, draw = [], Figure.savefig

    def save(self, file, **options):
        if Path(file).name in drawn:
            draw(self, file, **options)
        else:
            Path(file).touch()

    monkeypatch.setattr(Figure, "savefig", save)
    return drawn


@pytest.fixture
def npz(tmp_path):
    return write_npz(tmp_path / "tiny.npz")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return a folder for runs that this process makes once, see `fit`, and their images."""
    folder = tmp_path_factory.mktemp("once")
    write_npz(folder / "tiny.npz")
    return folder


@pytest.fixture
def fit(npz, made_once):
    """Return a function that runs `medunlearn fit` on tiny images and a small network and expects it to succeed.

    Its `once(method, run_dir, *options)` puts the finished run of that command there, for tests in which nothing about
    making it is observed: each process of the tests makes it once. Its config names equal images in another folder.
    """

    def run(
        method: str,
        run_dir: str,
        *options: str,
        file: Path = npz,
        status: int = 0,
        epochs: int = 2,
        backbone: str = TINY,
    ) -> Path:
        words = ["fit", f"--model={method}", f"--run_dir={run_dir}", f"--data.file={file}", "--data.batch_size=8"]
        words += [f"--model.init_args.backbone={backbone}"]
        words += [f"--trainer.max_epochs={epochs}", *QUIET, *options]
        assert main(words) == status
        return Path(run_dir)

    def once(method: str, run_dir: str, *options: str, epochs: int = 2, backbone: str = TINY) -> Path:
        command = repr((method, run_dir, options, epochs, backbone))
        kept = made_once / hashlib.sha256(command.encode()).hexdigest()
        if not kept.exists():
            run(method, run_dir, *options, file=made_once / "tiny.npz", epochs=epochs, backbone=backbone)
            shutil.copytree(run_dir, kept)
        else:
            shutil.copytree(kept, run_dir)
        return Path(run_dir)

    run.once = once
    run.original = partial(once, "Train")
    return run


@pytest.fixture
def trio(fit):
    """Return the run directories of a tiny Train, Retrain and SalUn."""
    forget = "--data.forget.rate=0.25"
    train = fit.original("runs/train")
    retrain = fit.once("Retrain", "runs/retrain", forget)
    original = f"--model.init_args.original={train}", f"--reference={retrain}"
    return train, retrain, fit.once("SalUn", "runs/salun", forget, *original)
