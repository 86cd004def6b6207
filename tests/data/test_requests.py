"""What a run is to forget: patients in every split, and requests one after another."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.runs import COUNTS, write_npz

from medunlearn.data import ForgetSpec, MedMNISTDataModule
from medunlearn.data.groups import Groups
from medunlearn.data.requests import forget_set
from medunlearn.errors import InputError
from medunlearn.runs import RunDir

PATIENTS = 8
"""Patient Pk has every image whose number leaves the remainder k; P7 has no training image, and P6 no other."""


@pytest.fixture
def clinic():
    """Write the images and the table of who they belong to."""
    lines = ["split,index,patient,site"]
    for split, count in COUNTS.items():
        few = PATIENTS - 1 if split == "train" else PATIENTS
        lines += [f"{split},{row},{_name(split, row % few)},{'AB'[row % 2]}" for row in range(count)]
    Path("clinic.csv").write_text("\n".join(lines))
    return write_npz(Path("clinic.npz"))


def _name(split, number):
    return f"P{number}" if split == "train" or number != 6 else "P5"


def data(*names, after=None, test=True, **forget):
    forget = {"groups": list(names)} | forget if names else forget
    return MedMNISTDataModule(
        file="clinic.npz", batch_size=8, groups="clinic.csv", forget=ForgetSpec(after=after, **forget), test=test
    )


def finished(name, module, model="a", role="unlearned", gap=1.5):
    """Write what a later request reads of a finished run."""
    run = RunDir(name)
    run.write_config("{}")
    run.checkpoints.mkdir(exist_ok=True)
    torch.save({"state_dict": {"weight": torch.tensor(float(ord(model)))}, "architecture": {}}, run.weights)
    run.write_predictions({})
    run.write_json(run.split, json.loads(json.dumps(module.split_record())))
    run.write_json(run.metrics, {"role": role, "proxy": {"gap": gap}, "files": run.hashes()})
    return name


def test_a_withdrawn_patient_leaves_every_split(clinic):
    chosen = data("P2").forget_set
    assert chosen.indices.tolist() == [2, 9, 16, 23, 30]
    assert {split: rows.tolist() for split, rows in chosen.dropped.items()} == {"val": [2], "test": [2, 10]}
    record = data("P2").split_record()
    assert record["how"] == {"groups": ["P2"], "group_by": "patient"}
    assert record["dropped"] == {"val": [2], "test": [2, 10]}
    assert "requests" not in record, "the first one"
    assert data("P6").forget_set.dropped == {}
    assert "dropped" not in data("P6").split_record()


def test_groups_are_sites_where_these_are_asked_for(clinic):
    chosen = data("B", group_by="site").forget_set
    assert chosen.indices.tolist() == list(range(1, 32, 2))
    assert chosen.dropped["val"].tolist() == [1, 3, 5, 7]


def test_images_that_are_left_out_change_the_hash_of_the_split(clinic):
    Path("rows.txt").write_text("2\n9\n16\n23\n30\n")
    listed, named = data(indices="rows.txt").split_record(), data("P2").split_record()
    assert listed["indices"] == named["indices"]
    assert listed["sha256"] != named["sha256"]
    assert listed["data_sha256"] == named["data_sha256"]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_other_image_is_measured_once_by_however_many_processes(clinic, processes):
    seen = {}
    for rank in range(processes):
        module = data("P2", "P5")
        module.trainer = SimpleNamespace(global_rank=rank, world_size=processes)
        for part, loader in module.evaluation_dataloaders().items():
            seen.setdefault(part, []).extend(row for batch in loader for row in batch.rows.tolist())
    own = [row for row in range(32) if row % 7 in (2, 5)]
    assert sorted(seen["forget"]) == own
    assert sorted(seen["retain"]) == sorted({*range(32)} - {*own})
    assert sorted(seen["val"]) == [0, 1, 3, 4, 7]
    assert sorted(seen["test"]) == [0, 1, 3, 4, 7, 8, 9, 11]
    module = data("P2", "P5")
    for loader in (module.val_dataloader(), module.part_dataloader("val")):
        assert [row for batch in loader for row in batch.rows.tolist()] == [0, 1, 3, 4, 7]
    at = module.part_dataloader("val", at=torch.tensor([1, 4]))
    assert [row for batch in at for row in batch.rows.tolist()] == [1, 7], "places among those that are left"


@pytest.mark.parametrize("test", [True, False])
def test_two_requests_and_both_at_once_have_one_split(clinic, test):
    first = finished("one", data("P2", test=test))
    second, union = data("P5", "P6", after=first, test=test), data("P6", "P2", "P5", test=test)
    records = second.split_record(), union.split_record()
    for key in ("sha256", "indices", "dropped", "data_sha256", "training_sha256"):
        assert records[0][key] == records[1][key]
    assert data("P5", after=first, test=test).split_record()["sha256"] != records[0]["sha256"]
    assert ("test" in records[0]["dropped"]) == test


def test_the_chain_says_what_each_request_was_and_which_model_answered_it(clinic):
    first = finished("one", data("P2"), "a", gap=1.5)
    second = finished("two", data("P5", after=first), "b", role="retrained", gap=None)
    third = data("P2", "P6", after=second)
    split, before = third.split_record(), [RunDir(run).read_split("run") for run in (first, second)]
    assert len(before[1]["requests"]) == 2
    assert before[1]["requests"][0] == split["requests"][0]
    assert split["requests"] == [
        {
            "how": {"groups": ["P2"], "group_by": "patient"},
            "n": {"train": 5, "val": 1, "test": 2},
            "split_sha256": before[0]["sha256"],
            "run": "one",
            "model_sha256": RunDir("one").weights_sha256(),
            "proxy_gap": 1.5,
            "role": "unlearned",
        },
        {
            "how": {"groups": ["P5"], "group_by": "patient"},
            "n": {"train": 4, "val": 2, "test": 2},
            "split_sha256": before[1]["sha256"],
            "run": "two",
            "model_sha256": RunDir("two").weights_sha256(),
            "proxy_gap": None,
            "role": "retrained",
        },
        {
            "how": {"groups": ["P2", "P6"], "group_by": "patient"},
            "n": {"train": 4, "val": 0, "test": 0},
            "split_sha256": split["sha256"],
            "run": None,
            "model_sha256": None,
        },
    ]
    assert split["sha256"] == data("P2", "P5", "P6").split_record()["sha256"]
    assert json.loads(json.dumps(split)) == split


def test_a_request_by_patient_may_follow_one_of_another_kind(clinic):
    first = finished("one", data(rate=0.25))
    chosen = data("P2", after=first).forget_set
    assert chosen.indices.tolist() == sorted({*data(rate=0.25).forget_indices, *data("P2").forget_indices})
    assert chosen.requests[0]["n"] == {"train": 8, "val": 0, "test": 0}
    assert chosen.dropped["val"].tolist() == [2]
    later = data(rate=0.5, after=finished("two", data("P2"))).forget_set
    assert later.dropped["val"].tolist() == [2], "who has withdrawn stays withdrawn"


def refused(build):
    with pytest.raises(InputError) as error:
        _ = build().forget_set
    return error.value.for_command_line


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ["P7"],
            "data.forget.groups=P7: no training image is of this patient, so no model has learned from one; delete 2 ",
        ),
        (["P22"], "data.forget.groups=P22: no image of clinic.csv is of this patient; did you mean P2?"),
        ([f"P{number}" for number in range(7)], "data.forget.groups=P0,P1,P2,P3,P4,P5,P6: nothing is left to retain"),
    ],
)
def test_patients_that_cannot_be_forgotten_are_refused(clinic, names, says):
    assert refused(lambda: data(*names)).startswith(says)


@pytest.mark.parametrize(("split", "name"), [("val", "validation"), ("test", "test")])
def test_nothing_left_to_measure_on_is_refused(clinic, split, name):
    lines = [line if not line.startswith(split) else f"{split},{line.split(',')[1]},P1,A" for line in table()]
    Path("clinic.csv").write_text("\n".join(lines))
    assert refused(lambda: data("P1")).startswith(f"data.forget: every {name} image is of those to be forgotten, so")
    if split == "test":
        assert data("P1", test=False).forget_set.dropped["val"].tolist() == [1]


def table():
    return Path("clinic.csv").read_text().splitlines()


def test_groups_without_a_table_and_earlier_runs_that_do_not_fit_are_refused(clinic):
    spec = ForgetSpec(groups=["P1"])
    without = refused(lambda: MedMNISTDataModule(file="clinic.npz", forget=spec))
    assert without.startswith("data.forget.groups=P1: no table says who an image belongs to; give it by data.groups")
    first, nothing = finished("one", data("P2")), finished("none", data())
    finished("most", data("P0", "P1", "P2", "P3", "P4", "P5"))
    assert refused(lambda: data("P2", after=first)).startswith(
        "data.forget.after=one: has already forgotten every image"
    )
    assert refused(lambda: data("P2", after=nothing)).startswith("data.forget.after=none: has forgotten nothing; leave")
    assert refused(lambda: data("P2", after="gone")).startswith("data.forget.after=gone: no run there; make it with `")
    assert refused(lambda: data("P6", after="most")).startswith("data.forget: nothing is left to retain of 32 training")
    write_npz(clinic, train_images=np.zeros((32, 8, 8, 3), np.uint8))
    assert refused(lambda: data("P1", after=first)).startswith("data.forget.after=one: its request is of other data;")
    split = Path("one/split.json")
    split.write_text(split.read_text().replace("30", "29"))
    assert refused(lambda: data("P1", after=first)).startswith("data.forget.after=one: split.json is not the file that")


def test_a_patients_test_images_are_not_forgotten_about_by_way_of_a_run_without_any(clinic):
    first, full = finished("one", data("P2", test=False)), finished("full", data("P2"))
    assert refused(lambda: data("P5", after=first)).startswith(
        "data.forget.after=one: did without test images, so those"
    )
    assert data("P5", after=first, test=False).forget_set.dropped["val"].tolist() == [2, 5, 6]
    assert [*data("P5", after=full, test=False).forget_set.dropped] == ["val"]
    by_rate = finished("rate", data(rate=0.25, test=False))
    assert data("P5", after=by_rate).forget_set.dropped["test"].tolist() == [5, 6]


def test_rows_that_are_left_out_are_taken_from_a_split_alone(clinic):
    module = data("P2")
    chosen = forget_set(
        module.data, 4, ForgetSpec(groups=["x"]), Groups("patient", {"train": np.array(["x", *["y"] * 31])})
    )
    assert (chosen.indices.tolist(), chosen.dropped) == ([0], {})
    assert module.forget_set.kept("val", 8).tolist() == [0, 1, 3, 4, 5, 6, 7]
