"""Errors of parts name their own argument from Python, and the option's whole path on the command line."""

import ast
import copy
import pickle
from pathlib import Path

import pytest
from helpers.backbones import TINY
from helpers.runs import refused
from lightning.pytorch import seed_everything

import medunlearn
import medunlearn.methods.unlearner as unlearner
from medunlearn import ForgetSpec, InputError, MedMNISTDataModule, Retrain, SalUn, Train, UnlearningMetrics
from medunlearn.errors import PARTS, DataError, FileError, RunError, counted, owned_by, suggestion
from medunlearn.models import build_backbone

FORGET = "--data.forget.rate=0.25"
PACKAGE = Path(medunlearn.__file__).parent
QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def error(call, *args, **given):
    """Return the error that a call must raise."""
    with pytest.raises(InputError) as caught:
        call(*args, **given)
    return caught.value


# Each kind of part


@pytest.mark.parametrize(
    ("call", "options", "part", "says"),
    [
        (lambda npz: Train(2, lr=-1.0), ["--model.init_args.lr=-1"], "model.init_args", "lr=-1.0: give a number of 0"),
        (
            lambda npz: SalUn(2, original="t", mask_ratio=2.0),
            ["--model.init_args.mask_ratio=2"],
            "model.init_args",
            "mask_ratio=2.0: ",
        ),
        (lambda npz: build_backbone("resnt18"), ["--model.init_args.backbone=resnt18"], "model.init_args", "backbone="),
        (
            lambda npz: build_backbone("densenet121", stem="imagenet"),
            ["--model.init_args.backbone=densenet121", "--model.init_args.stem=imagenet"],
            "model.init_args",
            "stem=imagenet: densenet121 has no stem",
        ),
        (lambda npz: MedMNISTDataModule(file=npz, batch_size=0), ["--data.batch_size=0"], "data", "batch_size=0: give"),
        (lambda npz: ForgetSpec(rate=2.0), ["--data.forget.rate=2"], "data.forget", "rate=2.0: give a share"),
        (lambda npz: UnlearningMetrics(seed=-1), ["--evaluation.seed=-1"], "evaluation", "seed=-1: give a whole"),
        (
            lambda npz: UnlearningMetrics(extra=["zzz"]),
            ["--evaluation.extra=[zzz]"],
            "evaluation",
            "extra=zzz: no such",
        ),
    ],
)
def test_a_part_names_its_own_argument_and_the_command_line_its_path(npz, capsys, call, options, part, says):
    found = error(call, npz)
    assert found.part == part
    assert str(found).startswith(says)
    assert found.for_command_line == f"{part}.{found}"
    argv = ["fit", "--model=SalUn", "--model.init_args.original=t", "--run_dir=s", f"--data.file={npz}"]
    if "mask_ratio" not in says:
        argv[1:3] = ["--model=Train"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medunlearn.cli.fit.check_finished", lambda *_: None)  # an original is no matter here
        assert refused(capsys, *argv, *options) == f"{part}.{found}"


@pytest.fixture
def make(npz):
    """Return a function that calls `medunlearn.fit` on tiny images."""

    def run(method, run_dir="s", **given):
        seed_everything(3, verbose=False)
        data = MedMNISTDataModule(file=npz, batch_size=8, forget=ForgetSpec(rate=0.25))
        built = method(**{"num_classes": data.num_classes, "backbone": TINY} | given.pop("arguments", {}))
        return medunlearn.fit(built, data, run_dir, **{"max_epochs": 1} | QUIET | given)

    return run


def test_an_original_that_is_not_there_is_named_alike(make, fit, capsys):
    found = error(make, SalUn, arguments={"original": "none"})
    call = "medunlearn.fit(medunlearn.Train(data.num_classes), data, run_dir='none')"
    assert str(found) == f"original=none: no run there; make it with `{call}`"
    fit("SalUn", "s", FORGET, "--model.init_args.original=none", status=2)
    assert "medunlearn: error: model.init_args.original=none: no run there" in capsys.readouterr().err


def test_an_error_within_that_names_another_argument_gets_no_path(fit, capsys):
    Path("configs").mkdir()
    Path("configs/broken.yaml").write_text("a: [")
    fit("SalUn", "s", FORGET, "--model.init_args.original=none", status=2)
    assert "medunlearn: error: config=configs/broken.yaml: cannot be read" in capsys.readouterr().err


def test_the_trainer_is_named_alike(make, fit, capsys):
    assert str(error(make, Retrain, precision="bf16-true")).startswith("precision=bf16-true: weights must stay")
    assert str(error(make, Retrain, max_epochs="two")).startswith("max_epochs=two: give a whole number")
    fit("Retrain", "r", FORGET, "--trainer.precision=bf16-true", status=2)
    assert "medunlearn: error: trainer.precision=bf16-true: weights must stay" in capsys.readouterr().err


def test_a_late_error_is_named_alike(make, fit, capsys, monkeypatch):
    fit.original("t", epochs=1)

    def diverged(*_, **__):
        raise ValueError("Expected argument `gradients` to be numbers")

    monkeypatch.setattr(unlearner, "saliency_mask", diverged)
    found = error(make, SalUn, "p", arguments={"original": "t"})
    assert str(found).startswith("original=t: its gradients are not numbers")
    fit("SalUn", "s", FORGET, "--model.init_args.original=t", epochs=1, status=2)
    assert "medunlearn: error: model.init_args.original=t: its gradients are not" in capsys.readouterr().err


def test_fit_keeps_kind_and_part_of_an_error(make, fit):
    fit.original("t", epochs=1)
    Path("t/predictions.npz").write_bytes(b"")
    found = error(make, SalUn, arguments={"original": "t"})
    assert (type(found), found.part) == (RunError, "model.init_args")


# The errors themselves


@pytest.mark.parametrize("kind", [InputError, DataError, RunError, FileError])
@pytest.mark.parametrize("again", [lambda found: pickle.loads(pickle.dumps(found)), copy.copy, copy.deepcopy])
def test_a_copy_keeps_the_part(kind, again):
    found = again(kind("rate=2: give\na share", part="data.forget"))
    assert type(found) is kind
    assert (str(found), found.part) == ("rate=2: give a share", "data.forget")
    assert found.for_command_line == "data.forget.rate=2: give a share"


def test_a_message_without_a_part_is_the_same_everywhere():
    found = InputError("run_dir=r: is a file; name a directory")
    assert (found.part, found.for_command_line) == ("", str(found))


@pytest.mark.parametrize(
    ("message", "part", "says"),
    [
        ("data.forget.rate=2: x", "data.forget", "rate=2: x"),
        ("data.forget: x", "data", "forget: x"),
        ("model.init_args.lr=2: x", "model.init_args", "lr=2: x"),
        ("model.class_path=a: x", "", "model.class_path=a: x"),
        ("data: x", "", "data: x"),
    ],
)
def test_an_options_path_is_taken_apart(message, part, says):
    found = InputError.of_option(message)
    assert (found.part, str(found), found.for_command_line) == (part, says, message)


@pytest.mark.parametrize(
    ("raised", "part"),
    [
        (InputError("original=t: x"), "model.init_args"),
        (InputError("original: x"), "model.init_args"),
        (InputError("originals=t: x"), ""),
        (InputError("config=t: x"), ""),
        (InputError("original=t: x", part="data"), "data"),
    ],
)
def test_owned_by_is_for_its_argument_alone(raised, part):
    with pytest.raises(InputError) as caught, owned_by("model.init_args", "original"):
        raise raised
    assert caught.value is raised
    assert raised.part == part


# The sources


def _texts(tree):
    """Yield the beginnings of texts that are an argument of a call, other than a part, or are given a name."""
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Call):
            owner = isinstance(node.func, ast.Name) and node.func.id == "owned_by"
            found = [] if owner else [*node.args, *(each.value for each in node.keywords if each.arg != "part")]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            found = [node.value]
        elif isinstance(node, ast.Tuple):
            found = [each for each in node.elts if isinstance(each, ast.JoinedStr)]
        for each in found:
            first = each.values[0] if isinstance(each, ast.JoinedStr) and each.values else each
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield each.lineno, first.value


@pytest.mark.parametrize("folder", ["methods", "models", "data", "callbacks", "training", "runs", "metrics"])
def test_messages_of_parts_do_not_begin_with_an_options_path(folder):
    """Also not by way of a name or an argument that a message begins with."""
    paths = tuple(f"{part}." for part in PARTS)
    found = [
        f"{file.name}:{line}: {text}"
        for file in sorted((PACKAGE / folder).glob("*.py"))
        for line, text in _texts(ast.parse(file.read_text()))
        if text.startswith(paths) and text not in (*PARTS, "trainer.limit")  # compared with a key in configuration.py
    ]
    assert found == []


def test_counted_has_a_plural_for_all_but_one():
    found = [counted(number, "epoch") for number in (0, 1, 2, 1000)]
    assert found == ["0 epochs", "1 epoch", "2 epochs", "1,000 epochs"]
    assert [counted(2, noun) for noun in ("class", "batch", "image")] == ["2 classes", "2 batches", "2 images"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("batch_sise", "did you mean data.batch_size? "),
        ("bat", "did you mean data.batch_size? "),
        ("learning_rate", "did you mean data.lr? "),
        ("l", "did you mean data.lr? "),
        ("xyz", ""),
    ],
)
def test_suggestion_is_the_closest_name_or_one_that_begins_so_or_has_its_initials(name, text):
    assert suggestion(name, ["batch_size", "root", "lr"], "data.") == text
