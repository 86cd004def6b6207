"""Files of a run that were altered after the fact are noticed by their hashes."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET, write_npz

from medunlearn.__main__ import main


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_weight(path):
    """A change that leaves a checkpoint as readable as it was."""
    content = torch.load(path, weights_only=True)
    value = next(iter(content["state_dict"].values()))
    value[(0,) * value.ndim] += 1e-3
    torch.save(content, path)


def change_an_index(path):
    content = json.loads(path.read_text())
    outside = min(set(range(content["train_size"])) - set(content["indices"]))
    content["indices"] = sorted([outside, *content["indices"][1:]])
    path.write_text(json.dumps(content))


def change_a_probability(path):
    arrays = dict(np.load(path))
    arrays["test_probs"][0] = np.roll(arrays["test_probs"][0], 1)
    np.savez(path, **arrays)


ALTERED = {
    "checkpoints/model.ckpt": (flip_a_bit, change_a_weight, Path.unlink),
    "split.json": (change_an_index, Path.unlink),
    "predictions.npz": (flip_a_bit, change_a_probability),
    "config.yaml": (lambda path: path.write_text(path.read_text() + "# edited\n"),),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished Train and Retrain, and a Retrain that was killed before its end."""
    folder = tmp_path_factory.mktemp("altered")
    npz = write_npz(folder / "tiny.npz")
    for method in ("Train", "Retrain"):
        assert main(fit(npz, method, folder / method)) == 0
    shutil.copytree(folder / "Retrain", folder / "unfinished")
    (folder / "unfinished" / "metrics.json").unlink()
    return folder


def fit(npz, method, run, *options):
    forget = [] if method == "Train" else ["--data.forget.rate=0.25"]
    argv = ["fit", f"--model={method}", f"--run_dir={run}", f"--data.file={npz}", "--data.batch_size=8"]
    return [*argv, "--trainer.max_epochs=2", *forget, WITH_TINY, *QUIET, *options]


@contextmanager
def altered(path, alter):
    """Alter a file for a `with` block."""
    before = path.read_bytes()
    alter(path)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("role", ["original", "reference", "validated", "reported"])
@pytest.mark.parametrize(("name", "alter"), [(name, alter) for name, all_ in ALTERED.items() for alter in all_])
def test_an_altered_run_is_refused(folder, capsys, role, name, alter):
    run = folder / ("Train" if role == "original" else "Retrain")
    if role == "original" and alter is change_an_index:
        pytest.skip("an original that forgets nothing has no index to change")
    npz, train, retrain = folder / "tiny.npz", folder / "Train", folder / "Retrain"
    salun = fit(npz, "SalUn", "new", f"--model.init_args.original={train}", f"--reference={retrain}")
    validate = ["validate", "--model=Retrain", f"--run_dir={retrain}", f"--data.file={npz}", *QUIET]
    command = {"original": salun, "reference": salun, "validated": validate, "reported": ["report", str(retrain)]}[role]
    with altered(run / name, alter):
        assert main(command) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("medunlearn: error: ")
    problem = "is missing" if alter is Path.unlink else "is not the file that the run wrote"
    assert f"={run}: {name} {problem}" in line
    assert not Path("new").exists()


def resume(folder):
    return main(fit(folder / "tiny.npz", "Retrain", folder / "unfinished", "--resume=true"))


@pytest.mark.parametrize(
    ("name", "alter", "says"),
    [
        ("checkpoints/last.ckpt", flip_a_bit, "last.ckpt is not the checkpoint that the run wrote"),
        ("checkpoints/last.ckpt", change_a_weight, "last.ckpt is not the checkpoint that the run wrote"),
        ("checkpoints/last.ckpt.sha256", Path.unlink, "last.ckpt has no last.ckpt.sha256 beside it"),
        ("split.json", change_an_index, "its data or forget set has changed since it was started"),
    ],
)
def test_an_altered_run_is_not_resumed(folder, capsys, name, alter, says):
    with altered(folder / "unfinished" / name, alter):
        assert resume(folder) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_an_unaltered_run_is_taken(folder):
    """Also where it has been moved."""
    assert resume(folder) == 0
    (folder / "Train").rename(folder / "elsewhere")
    original = f"--model.init_args.original={folder / 'elsewhere'}"
    assert main(fit(folder / "tiny.npz", "SalUn", "new", original, f"--reference={folder / 'Retrain'}")) == 0
    assert main(["report", str(folder / "Retrain"), "new"]) == 0
