"""Runs of patients who withdraw: what may depend on their images, and requests one after another."""

import json
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from helpers.backbones import TINY
from helpers.bare import QUIET
from helpers.runs import COUNTS, same, weights, write_npz
from lightning.pytorch import seed_everything

import medunlearn
from medunlearn import ForgetSpec, MedMNISTDataModule
from medunlearn.audit import read_subjects
from medunlearn.callbacks.configuration import Configuration
from medunlearn.callbacks.earlier_runs import check_after
from medunlearn.callbacks.request import SHOWN, copies, copies_note
from medunlearn.data.duplicates import Duplicates
from medunlearn.errors import InputError
from medunlearn.methods import Retrain
from medunlearn.plugins import find
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record

METHODS = ("FineTune", "HeldOutTwins", "ReGUn", "SalUn")
PATIENTS = 5
FIRST, SECOND = ["P0017"], ["P3"]
HASHES = {"files", "split_sha256", "data_sha256", "training_sha256", "runtime", "RTE"}


def name(row):
    return "P0017" if row % PATIENTS == 1 else f"P{row % PATIENTS}"


def rows(split, *names):
    return [row for row in range(COUNTS[split]) if name(row) in names]


def clinic(folder, **changes):
    """Write images of which some are changed, and the table of whose they are, into a new folder."""
    folder.mkdir()
    lines = [f"{split},{row},{name(row)}" for split, count in COUNTS.items() for row in range(count)]
    (folder / "clinic.csv").write_text("\n".join(["split,index,patient", *lines]))
    write_npz(folder / "clinic.npz", **changes)


def made(method, run, groups=None, after=None, original=None, reference=None, test=True):
    """Make a run in the working directory, without the parser, which takes most of the time; return its directory."""
    seed_everything(0, verbose=False)
    forget = ForgetSpec(groups=groups, after=after)
    data = MedMNISTDataModule(file="clinic.npz", batch_size=7, groups="clinic.csv", forget=forget, test=test)
    arguments = {} if original is None else {"original": original}
    module = find("methods", method)(data.num_classes, backbone=TINY, **arguments)
    quiet = QUIET | {"enable_checkpointing": True, "accelerator": "cpu", "max_epochs": 1, "precision": "32-true"}
    with patch(
        "medunlearn.callbacks.fitting.configuration", return_value=Configuration({"trainer": {"logger": False}})
    ):
        medunlearn.fit(module, data, run, reference=reference, **quiet)
    return run


def others(split, names):
    """Return a split's images and labels, those of some patients changed."""
    with np.load("a/clinic.npz") as arrays:
        images, labels = arrays[f"{split}_images"].copy(), arrays[f"{split}_labels"].copy()
    chosen = rows(split, *names)
    images[chosen], labels[chosen] = 255 - images[chosen], (labels[chosen] + 1) % 4
    return {f"{split}_images": images, f"{split}_labels": labels}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Return a folder of runs: on images `a`, and on `b` and `c`, where those of the first patient are others."""
    folder = tmp_path_factory.mktemp("clinic")
    with pytest.MonkeyPatch.context() as context:
        context.chdir(folder)
        clinic(Path("a"))
        clinic(Path("b"), **others("val", FIRST), **others("test", FIRST))
        clinic(Path("c"), **others("train", FIRST))
        for each in ("a", "b", "c"):
            context.chdir(folder / each)
            made("Retrain", "retrain", FIRST)
        for each in ("a", "b"):
            context.chdir(folder / each)
            made("Train", "train")
            for method in METHODS:
                made(method, method, FIRST, original="train", reference="retrain")
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder / "a")


def metrics(run):
    return json.loads((Path(run) / "metrics.json").read_text())


def test_retrain_has_seen_no_training_image_of_a_withdrawn_patient(folder):
    assert same(weights(folder / "a/retrain"), weights(folder / "c/retrain"))


@pytest.mark.parametrize("method", ["retrain", *METHODS])
def test_no_figure_depends_on_a_withdrawn_patients_validation_and_test_images(folder, method):
    first, second = folder / "a" / method, folder / "b" / method
    with np.load(folder / "a/train/predictions.npz") as a, np.load(folder / "b/train/predictions.npz") as b:
        assert not np.array_equal(a["val_probs"], b["val_probs"]), "the original was measured on these"
    assert same(weights(first), weights(second))
    figures = [{key: value for key, value in metrics(run).items() if key not in HASHES} for run in (first, second)]
    assert figures[0] == figures[1]
    assert figures[0]["n"] == {"forget": 7, "retain": 25, "test": 9, "val": 6}
    if method != "retrain":
        assert None not in (*figures[0]["before"].values(), figures[0]["AG"], figures[0]["proxy"]["gap"])
    with np.load(first / "predictions.npz") as a, np.load(second / "predictions.npz") as b:
        assert all(np.array_equal(a[key], b[key]) for key in a)
        assert a["val_index"].tolist() == [row for row in range(8) if name(row) != "P0017"]


def test_figures_by_patient_are_those_of_the_predictions():
    found = metrics("SalUn")["by_group"]
    with np.load("SalUn/predictions.npz") as arrays:
        wrong = arrays["forget_probs"].argmax(1) != arrays["forget_labels"]
        for part, split in (("forget", "train"), ("retain", "train"), ("val", "val"), ("test", "test")):
            same_group = arrays[f"{part}_group"][:, None] == arrays[f"{part}_group"][None]
            whose = np.array([name(row) for row in arrays[f"{part}_index"]])
            assert np.array_equal(same_group, whose[:, None] == whose[None]), split
    assert found["UA"] == pytest.approx(100 * wrong.mean()), "one patient"
    assert found["recognised"] == 100 * (not wrong.all())
    assert found["MIA"] == 100 * (metrics("SalUn")["MIA"] >= 50)
    assert found["by"] == "patient"
    assert found["n"] == {"forget": 1, "retain": 4, "test": 4, "val": 4}
    assert metrics("train")["by_group"]["UA"] is None


def test_an_audit_draws_by_patient(folder):
    (subject,) = read_subjects(["SalUn"])
    for split in COUNTS:
        kept = np.array([row for row in range(COUNTS[split]) if split == "train" or name(row) != "P0017"])
        found = subject.groups_of(split, kept)
        whose = np.array([name(row) for row in kept])
        assert np.array_equal(found[:, None] == found[None], whose[:, None] == whose[None])
    assert [len(getattr(subject.original.predictions, part).labels) for part in ("val", "test")] == [6, 9]


def test_a_second_request_is_measured_against_a_retrain_of_both():
    union = made("Retrain", "union", FIRST + SECOND)
    second = made("FineTune", "second", SECOND, after="SalUn", original="SalUn", reference=union)
    split, own = RunDir(second).read_split("run"), metrics(second)
    assert own["split_sha256"] == metrics(union)["split_sha256"]
    assert own["AG"] is not None
    assert split["indices"] == rows("train", *FIRST, *SECOND)
    assert split["dropped"] == {part: rows(part, *FIRST, *SECOND) for part in ("val", "test")}
    assert [each["run"] for each in split["requests"]] == ["SalUn", None]
    assert split["requests"][0]["proxy_gap"] == metrics("SalUn")["proxy"]["gap"]
    made("SalUn", "from_retrain", SECOND, after="retrain", original="retrain", reference=union)
    made("SalUn", "from_the_original", SECOND, after="SalUn", original="train", reference=union)
    says = "another forget set; use the same data.forget for both"
    assert says in refused("FineTune", "x", SECOND, after="SalUn", original="SalUn", reference="retrain")
    says = "another forget set; use the same data.forget, an original trained without one, or add that run's by"
    assert says in refused("FineTune", "x", SECOND, after="SalUn", original="FineTune")
    assert says in refused("FineTune", "x", SECOND, original="SalUn")
    own = Record(Path("SalUn"))
    with pytest.raises(InputError, match=r"^after=SalUn: is this run's own run_dir; name another run_dir"):
        check_after(own, MedMNISTDataModule(file="clinic.npz", forget=ForgetSpec(groups=SECOND, after="SalUn")))


@pytest.mark.parametrize("original", ["train", "SalUn", "retrain"])
def test_a_second_request_may_do_without_test_images(original):
    after = "retrain" if original == "retrain" else "SalUn"
    with pytest.raises(_Begun):
        begun(made, "FineTune", f"untested_{original}", SECOND, after=after, original=original, test=False)
    says = "another forget set; use the same data.forget"
    assert says in refused("FineTune", "x", SECOND, after=after, original="FineTune", test=False)


class _Begun(Exception):
    pass


def begun(call, *args, **options):
    """Call what makes a run, and stop it where everything has been checked."""
    with patch("medunlearn.callbacks.session.train", side_effect=_Begun):
        call(*args, **options)


def refused(method, run, *args, **options):
    with pytest.raises(InputError) as error:
        begun(made, method, run, *args, **options)
    assert not Path("x").exists()
    return error.value.for_command_line


def test_copies_that_stay_are_counted_listed_and_remarked():
    found = Duplicates([(row, row + 100) for row in range(30)], [(40, 140)], 31)
    content = copies(SimpleNamespace(duplicates=found))["copies"]
    assert (content["exact"], content["near"]) == (30, 1)
    assert content["pairs"] == {"exact": [[row, row + 100] for row in range(SHOWN)], "near": [[40, 140]]}
    (note,) = copies_note(SimpleNamespace(duplicates=Duplicates([], [(40, 140)], 3)))
    assert note == (
        "1 forgotten image has a copy among the retained (0 exact, 1 near; such as training images 40 and 140): what "
        "these teach is not forgotten"
    )
    assert copies_note(SimpleNamespace(duplicates=found))[0].startswith("31 forgotten images have a copy among the ret")
    assert copies(SimpleNamespace(duplicates=Duplicates([], [], 3))) == {}
    assert copies_note(SimpleNamespace()) == [], "of a data module of one's own"


def test_a_run_with_copies_says_so():
    with np.load("clinic.npz") as arrays:
        images = arrays["train_images"].copy()
    images[0] = images[rows("train", *FIRST)[0]]
    with pytest.MonkeyPatch.context() as context:
        clinic(Path("copies"), train_images=images)
        context.chdir("copies")
        made(Retrain.__name__, "r", FIRST)
        assert metrics("r")["copies"]["pairs"]["exact"] == [[1, 0]]
        assert metrics("r")["notes"][-1].startswith(
            "1 forgotten image has a copy among the retained (1 exact, 0 near; "
        )
