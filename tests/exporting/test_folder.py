"""The exported folder: one run, unlearned, in every format at once; the tests read what is there."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.backbones import TINY
from helpers.refusals import DATA, fit_words
from helpers.runs import QUIET, write_npz
from safetensors import safe_open
from safetensors.torch import load_file

import medunlearn
from medunlearn.__main__ import _run, main
from medunlearn.exporting.folder import FORMATS

CLASSES = ["basophil", "a|b <i>", "eosinophil", "neutrophil"]
PATIENT = "P0017"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with a Train and a Retrain, `t` and `r`, and a SalUn in a folder of a patient's name."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_npz(Path(DATA))
        named, forget = f"--data.class_names={json.dumps(CLASSES)}", "--data.forget.rate=0.25"
        for words in (
            fit_words("Train", "t", named),
            fit_words("Retrain", "r", named, forget),
            fit_words("SalUn", f"{PATIENT}/s", named, forget, "--model.init_args.original=t", "--reference=r"),
        ):
            _run("fit", words[1:])
        Path(PATIENT, "s", "receipt.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def exported(runs):
    """Return the folder of the SalUn's export, and what the command printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs)
        content = medunlearn.export(f"{PATIENT}/s", [*FORMATS], "out", backbone=TINY)
    return runs / "out", content


@pytest.fixture
def model(runs):
    return medunlearn.load_model(runs / PATIENT / "s", TINY)


@pytest.fixture
def images(runs):
    pixels = np.load(runs / "d.npz")["test_images"]
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255)


def test_every_file_is_listed_with_its_hash_and_was_compared_on_the_runs_own_images(exported):
    folder, content = exported
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert json.loads((folder / "export.json").read_text()) == content
    assert files == content["files"].keys() | {"export.json"}
    assert content["checks"]["onnx"]["images"] == content["checks"]["torch_export"]["images"] == "12 test images"
    assert content["checks"]["onnx"]["largest_difference"] < 1e-4
    assert json.loads((folder / "labels.json").read_text()) == {
        str(number): name for number, name in enumerate(CLASSES)
    }


def test_no_file_holds_a_path_or_the_name_of_a_patient(exported, runs):
    folder, _ = exported
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (PATIENT.encode(), str(runs).encode(), str(Path(medunlearn.__file__).parent).encode(), b".py"):
            assert secret not in content, f"{path.name} holds {secret}"


def test_safetensors_hold_the_weights_and_what_a_reader_needs(exported, model):
    path = exported[0] / "model.safetensors"
    found = load_file(path)
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in model.state_dict().items())
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    assert json.loads(facts["architecture"])["backbone"] == TINY
    assert json.loads(facts["labels"])["0"] == "basophil"
    assert (facts["image_size"], facts["mean"], facts["std"], facts["role"]) == ("8", "0.5", "0.5", "unlearned")
    assert all(re.fullmatch("[0-9a-f]{64}", facts[f"{name}_sha256"]) for name in ("model", "split", "data", "receipt"))


def test_onnx_takes_any_number_of_images_in_0_to_1_and_names_its_classes(exported, model, images):
    path = exported[0] / "model.onnx"
    session = onnxruntime.InferenceSession(path)
    with torch.no_grad():
        for count in (1, 5, 12):
            (found,) = session.run(["logits"], {"images": images[:count].numpy()})
            np.testing.assert_allclose(found, model(images[:count]).numpy(), atol=1e-5)
    program = onnx.load(path)
    assert [(each.domain, each.version) for each in program.opset_import] == [("", 18)]
    assert json.loads({each.key: each.value for each in program.metadata_props}["labels"])["3"] == "neutrophil"


def test_graph_of_torch_export_gives_the_same_logits(exported, model, images):
    extra = {"medunlearn.json": ""}
    program = torch.export.load(exported[0] / "model.pt2", extra_files=extra)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(images[:3]), model(images[:3]))
    assert json.loads(extra["medunlearn.json"])["image_size"] == "8"


def test_card_says_what_the_model_is_what_was_forgotten_and_what_it_is_not_for(exported):
    from huggingface_hub import ModelCard

    text = (exported[0] / "README.md").read_text()
    (result,) = ModelCard(text).data.eval_results
    metrics = json.loads((exported[0].parent / PATIENT / "s" / "metrics.json").read_text())
    assert (result.task_type, result.metric_type) == ("image-classification", "accuracy")
    assert result.metric_value == pytest.approx(metrics["TA"] / 100, abs=1e-6)
    for says in (
        "Not for clinical use",
        "8 forgotten, 24 retained",
        "licence is not stated",
        "| receipt",
        "a\\|b \\<i\\>",
    ):
        assert says in text
    assert f"`{exported[1]['model']['receipt_sha256']}`" in text


def test_bundle_describes_input_and_classes_as_monai_reads_them(exported):
    content = json.loads((exported[0] / "configs" / "metadata.json").read_text())
    formats = content["network_data_format"]
    assert formats["inputs"]["image"]["spatial_shape"] == [8, 8]
    assert formats["outputs"]["pred"]["channel_def"]["0"] == "basophil"
    needed = "version monai_version pytorch_version numpy_version required_packages_version task description authors"
    assert content.keys() >= {*needed.split(), "schema", "copyright", "changelog", "intended_use", "eval_metrics"}
    assert torch.load(exported[0] / "models" / "model.pt", weights_only=True).keys()


def test_originals_and_retrains_are_exported_and_random_images_serve_where_the_data_are_gone(runs, tmp_path, capsys):
    for name in ("t", "r"):
        shutil.copytree(runs / name, name)
        assert main(["export", name, "--backbone", TINY, "--format", "safetensors", "--format", "torch_export"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "safetensors: 26 tensors, equal to the run's bit for bit"
        assert lines[1].startswith("torch_export: the same classes on 100 random images")
        assert lines[2].startswith(f"Written to {name}/export: README.md, labels.json, model.pt2")
        assert not [path for path in Path(name).iterdir() if ".part" in path.name]


def test_what_fails_leaves_the_earlier_folder_as_it_was(runs, monkeypatch):
    shutil.copytree(runs / "t", "t")
    words = ["export", "t", "--backbone", TINY, "--overwrite", "true"]
    assert main(words) == 0
    before = {path: path.read_bytes() for path in Path("t").rglob("*") if path.is_file()}
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("medunlearn.exporting.folder.card", lambda *_: 1 / 0)
        main(words)
    assert {path: path.read_bytes() for path in Path("t").rglob("*") if path.is_file()} == before
    assert medunlearn.export("t", overwrite=True, backbone=TINY)["formats"] == ["safetensors"]


def test_a_model_from_elsewhere_says_so_on_its_card(runs):
    shutil.copytree(runs / "t", "t")
    shutil.copy(runs / "d.npz", "d.npz")
    torch.save(torch.load("t/checkpoints/model.ckpt")["state_dict"], "w.pt")
    words = fit_words("Pretrained", "p", "--model.init_args.weights=w.pt", "--trainer.max_epochs=0", *QUIET)
    _run("fit", words[1:])
    medunlearn.export("p", backbone=TINY)
    assert "It was trained elsewhere; what it was trained on is not known." in Path("p/export/README.md").read_text()
