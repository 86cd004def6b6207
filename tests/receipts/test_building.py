"""What a receipt states, what it never holds, and how requests are chained."""

import base64
import html
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.withdrawn import DROPPED, FIRST_ROWS, KEY, PATIENT, SECOND, STATED

from medunlearn.data.npz import read_npz
from medunlearn.errors import InputError
from medunlearn.receipts import build, prove, verify
from medunlearn.receipts.commitments import commitment
from medunlearn.receipts.envelope import read_envelope, receipt_file
from medunlearn.runs import RunDir

pytestmark = pytest.mark.xdist_group("receipts")
RUN = Path("runs/request_1")


def again(run=RUN, **arguments):
    """Make the receipt of a run again."""
    for name in ("receipt.json", "receipt.html", "receipt_salts.json"):
        Path(run, name).unlink(missing_ok=True)
    return build(run, **arguments)


def predicate(run=RUN):
    return json.loads(read_envelope(Path(run, "receipt.json"), "test").body())["predicate"]


def test_receipt_states_figures_numbers_and_hashes(clinic):
    found, metrics = predicate(), RunDir(RUN).read_metrics("test")
    assert found["evidence"]["model"] == {name: metrics[name] for name in ("UA", "RA", "TA", "MIA")}
    assert found["evidence"]["untouched"] == metrics["before"]
    assert found["evidence"]["AG"] == metrics["AG"]
    assert found["evidence"]["reference"]["sha256"] == RunDir("runs/retrain").weights_sha256()
    assert len(found["evidence"]["audit"]) == 6
    removed = {name: split["removed"] for name, split in found["data"]["images"].items()}
    assert removed == {"train": len(FIRST_ROWS), **{name: len(rows) for name, rows in DROPPED.items()}}
    before = found["data"]["images"]["test"]["before"]
    assert sum(before.values()) - len(DROPPED["test"]) == sum(found["data"]["images"]["test"]["after"].values())
    assert found["data"]["groups"] == 1 and found["data"]["group_by"] == "patient"
    assert found["request"]["case"] == STATED.case
    assert found["process"]["deterministic"] is True
    assert found["evidence"]["by_group"] == {"by": "patient", "UA": 50.0, "recognised": 100.0, "MIA": None}
    assert found["data"]["copies"] == {"exact": 1, "near": 0}
    assert any(
        "1 removed training image has a copy among the retained ones (1 exact, 0 near)" in line
        for line in found["statement"]["shows"]
    )


def test_copies_are_searched_for_where_the_run_has_named_none(clinic):
    assert build("runs/retrain").statement.predicate.data.copies.exact == 0
    Path("scans of P0017.npz").unlink()
    assert again("runs/retrain").statement.predicate.data.copies is None
    assert any("copies" in line for line in predicate("runs/retrain")["statement"]["not_done"])


def test_hash_after_removal_is_that_of_a_file_without_the_images(clinic):
    arrays = dict(np.load("scans of P0017.npz"))
    for split, rows in {"train": FIRST_ROWS, **DROPPED}.items():
        for kind in ("images", "labels"):
            arrays[f"{split}_{kind}"] = np.delete(arrays[f"{split}_{kind}"], rows, axis=0)
    np.savez("after.npz", **arrays)
    assert predicate()["data"]["sha256_after"] == read_npz("after.npz").sha256


@pytest.mark.parametrize("kind", ["salted", "keyed"])
def test_no_output_holds_a_name_a_path_or_a_pixel(clinic, capsys, kind):
    for run in (RUN, "runs/request_2"):
        built = again(run, key=KEY, stated=STATED, commitments=kind, runs=Path("runs"))
        envelope = json.loads(built.receipt.read_bytes())
        outputs = [base64.b64decode(envelope.pop("payload")), built.page.read_bytes(), built.salts.read_bytes()]
        assert set(envelope) == {"payloadType", "signatures"}
        names = [PATIENT, SECOND, "Anna", "scans", "runs/", ".npz", "/home", str(clinic)]
        spelt = {each.encode() for name in names for each in (name, html.escape(name), json.dumps(name)[1:-1])}
        allowed = b"predictions.npz"  # the name of a file of every run
        images = np.load("scans of P0017.npz")["train_images"][FIRST_ROWS]
        for output in outputs:
            assert not [name for name in spelt if name.lower() in output.replace(allowed, b"").lower()]
            for image in images:
                for pixels in (
                    image.tobytes()[:24],
                    base64.b64encode(image.tobytes())[:32],
                    image.tobytes().hex().encode()[:48],
                ):
                    assert pixels not in output
    assert capsys.readouterr().out == ""


def test_word_of_a_guarantee_is_not_used(clinic):
    for name in ("receipt.html", "receipt.json"):
        assert b"certif" not in (RUN / name).read_bytes().lower()
    assert "certif" not in json.dumps(predicate()).lower()


def test_commitments_open_with_their_salts_and_with_nothing_else(clinic):
    found = predicate()["data"]["commitments"]
    salts = [bytes.fromhex(each) for each in json.loads((RUN / "receipt_salts.json").read_text())["values"]]
    image = np.load("scans of P0017.npz")["train_images"][FIRST_ROWS[0]]
    assert commitment("salted", salts[0], image).hex() == found["train"][0]
    assert commitment("salted", salts[1], image).hex() != found["train"][0]
    assert commitment("salted", salts[0], image.reshape(4, 16, 3)).hex() != found["train"][0], "the shape counts"
    assert len(set(salts)) == 6
    assert (RUN / "receipt_salts.json").stat().st_mode & 0o077 == 0


def test_keyed_commitments_are_verified_with_their_key(clinic):
    again(commitments="keyed")
    line = next(line for line in verify(RUN / "receipt.json") if line.subject.startswith("commitments"))
    assert line.answer == "OK"


def test_second_request_names_the_first_and_the_images_of_both(clinic):
    found = predicate("runs/request_2")
    first = read_envelope(RUN / "receipt.json", "test")
    assert found["identity"]["previous"] == {"id": predicate()["identity"]["id"], "sha256": first.sha256}
    assert found["data"]["images"]["train"]["removed"] == 4
    assert found["data"]["groups"] == 2
    (earlier,) = found["data"]["requests"]
    assert earlier["removed"] == {"train": 3, "val": 1, "test": 2}
    assert earlier["model_sha256"] == RunDir(RUN).weights_sha256()
    assert predicate()["identity"]["previous"] is None


def test_a_run_directory_is_its_receipt_from_python_too(clinic, monkeypatch):
    again("runs/request_2", previous=RUN)
    assert predicate("runs/request_2")["identity"]["previous"]["id"] == predicate()["identity"]["id"]
    assert verify("runs/request_2", previous=RUN) == verify(
        "runs/request_2/receipt.json", previous=RUN / "receipt.json"
    )
    with pytest.raises(InputError, match=r"verify=runs/receipt.json: "):
        verify("runs")
    assert prove(RUN, ["train:3"], Path("proof"), RUN / "receipt_salts.json") == 1
    monkeypatch.setattr(Path, "is_dir", refuse)
    assert receipt_file(RUN) == RUN, "whoever reads it is told why it cannot be read"


def refuse(path):
    raise PermissionError(13, "Permission denied", str(path))


def test_previous_receipt_may_be_given_where_it_has_moved(clinic):
    (RUN / "receipt.json").rename("kept.json")
    again("runs/request_2", previous=Path("kept.json"))
    assert predicate("runs/request_2")["identity"]["previous"] is not None
    answers = {line.subject: line.answer for line in verify("runs/request_2/receipt.json")}
    assert answers["receipt before"] == "not checkable here"
    answers = {line.subject: line.answer for line in verify("runs/request_2/receipt.json", previous=Path("kept.json"))}
    assert answers["receipt before"] == "OK"


def test_other_models_made_from_the_old_one_are_listed_if_asked(clinic):
    assert predicate()["aftermath"]["descendants"] is None
    found = again(runs=Path("runs")).statement.predicate.aftermath.descendants
    assert [(each.method, each.removed_too) for each in found] == [("FineTune", True)], "not what this run led to"
    assert found[0].model_sha256 == RunDir("runs/deep/trial").weights_sha256()
    metrics = RunDir("runs/request_2").read_metrics("test")
    RunDir("runs/request_2").write_json(
        Path("runs/request_2/metrics.json"), metrics | {"original_sha256": found[0].model_sha256}
    )
    found = again(runs=Path("runs")).statement.predicate.aftermath.descendants
    assert [(each.method, each.removed_too) for each in found] == [("FineTune", True), ("SalUn", True)]


def test_unsigned_receipt_says_so_everywhere(clinic):
    built = again()
    assert built.keyid is None
    assert "not signed" in built.page.read_text().lower()
    assert any("is not signed" in line for line in built.statement.predicate.statement.not_done)
    assert "not checkable here" in str(verify(built.receipt)[0])


def test_receipt_without_the_data_has_no_commitments_and_says_so(clinic):
    Path("scans of P0017.npz").rename("away.npz")
    built = again(key=KEY)
    data = built.statement.predicate.data
    assert data.commitments is None and data.sha256_after is None and built.salts is None
    assert data.images.val.before is None and data.images.train.before is not None
    assert any("No commitments" in line for line in built.statement.predicate.statement.not_done)
    answers = {line.subject: line.answer for line in verify(built.receipt)}
    assert "differs" not in answers.values()
    assert {answers["data"], answers["Merkle root"]} == {"not checkable here"}
    moved = again(data_file=Path("away.npz"))
    assert moved.statement.predicate.data.commitments is not None


def test_retrained_run_has_a_receipt_too(clinic):
    built = build("runs/retrain")
    assert built.statement.predicate.process.role == "retrained"
    assert "trained again without 3 training images" in built.statement.predicate.statement.shows[0]
    assert "differs" not in {line.answer for line in verify(built.receipt)}


def test_class_that_is_a_withdrawn_group_is_not_named(clinic):
    split = RunDir(RUN).read_split("test")
    RunDir(RUN).write_json(RUN / "split.json", split | {"class_names": [PATIENT, "b", "c", "d"]})
    metrics = RunDir(RUN).read_metrics("test")
    RunDir(RUN).write_json(RUN / "metrics.json", metrics | {"files": RunDir(RUN).hashes()})
    assert again().statement.predicate.data.class_names is None


def test_text_that_names_a_patient_is_refused_and_the_name_not_repeated(clinic):
    with pytest.raises(InputError, match="backups: holds the name of a withdrawn group") as refused:
        again(stated=replace(STATED, backups="scans of p0017 expire in May"))
    assert PATIENT.lower() not in str(refused.value).lower()
    assert not (RUN / "receipt.json").exists()


def test_altered_run_has_no_receipt(clinic):
    (RUN / "split.json").write_text("{}")
    with pytest.raises(InputError, match=r"split\.json is not the file that the run wrote"):
        again()


def test_nothing_is_left_where_a_file_cannot_be_written(clinic, monkeypatch):
    def fail(*_, **__):
        raise InputError("receipt: full")

    monkeypatch.setattr("medunlearn.receipts.building.write_new", fail)
    with pytest.raises(InputError, match="full"):
        again()
    assert not [file.name for file in RUN.iterdir() if file.name.startswith("receipt")]


def test_page_escapes_what_looks_like_markup(clinic):
    page = again(stated=replace(STATED, case="<b>x</b>")).page.read_text()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "Some &amp; Processor" in page
