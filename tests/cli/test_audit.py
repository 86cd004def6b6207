"""What `medunlearn audit` prints and writes. (What it finds: `tests/audit/`.)"""

import csv
import json
from pathlib import Path

import pytest
from helpers.audited import TEST, TRAIN, VAL, family

from medunlearn.__main__ import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def audit(*argv):
    assert main(["audit", *argv, "--draws", "50"]) == 0


def test_answers_are_printed_in_a_narrow_table(capsys):
    own, retrains = family(retrains=2, learned_forget=3.0)
    audit(own, "--against", *retrains)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "SalUn, runs/own: 80 forgotten images, 300 non-members, 2 Retrains"
    assert lines[2].startswith("| question ")
    assert max(map(len, lines[:12])) <= 120
    row = next(line for line in lines if "be recognised" in line)
    assert row.rstrip("| ").endswith("outside")
    assert lines.count("- outside: above the band of Retrains") == 1, "a reason once, whatever number of answers it has"
    assert not Path("out").exists()


def test_files_hold_every_figure_every_image_and_a_page(capsys):
    own, retrains = family(retrains=2)
    audit("runs", "--out", "out")
    assert "Written to out/audit.html, with audit.md, audit.json, audit.csv and 3 figures" in capsys.readouterr().out
    content = json.loads(Path("out/audit.json").read_text())
    (run,) = content["runs"]
    assert run["run"] == own
    assert [model["run"] for model in run["models"]] == [own, "runs/train", *retrains]
    assert {row["attack"] for row in run["attacks"]} >= {"confidence", "margin", "loss", "entropy", "modified_entropy"}
    assert len(run["verdicts"]) == 7
    with Path("out/audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == TRAIN + TEST + VAL
    assert {row["part"] for row in rows} == {"forget", "retain", "test", "val"}
    page = Path("out/audit.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    markdown = Path("out/audit.md").read_text()
    for verdict in run["verdicts"]:
        assert verdict["question"] in page
        assert verdict["question"] in markdown
    assert "certified" not in page.lower()


def test_an_audit_is_the_same_bytes_each_time():
    family(retrains=2)
    for out in ("a", "b"):
        audit("runs", "--out", out)
    for file in Path("a").iterdir():
        assert file.read_bytes() == Path("b", file.name).read_bytes(), file.name


def test_names_that_look_like_markup_stay_text():
    family(retrains=2)
    Path("runs").rename("<b>runs|x")
    # the runs name each other by the old path, so that nothing but the Retrains given is compared with
    audit("<b>runs|x/own", "--against", "<b>runs|x/retrain_0", "<b>runs|x/retrain_1", "--out", "out")
    assert "<b>runs" not in Path("out/audit.html").read_text()
    assert "&lt;b&gt;runs" in Path("out/audit.html").read_text()
    assert "\\<b\\>runs\\|x" in Path("out/audit.md").read_text()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "audit: no run directories given"),
        (["nowhere"], "audit=nowhere: no run there"),
        (["runs/own", "--nonmembers", "train"], "argument --nonmembers: invalid choice"),
        (["runs/own", "--draws", "0"], "draws=0: give a number from 1 to 100000"),
        (["runs/own", "--agianst", "x"], "unrecognized arguments"),
    ],
)
def test_wrong_options_give_one_line(capsys, argv, says):
    family(retrains=1)
    capsys.readouterr()
    assert main(["audit", *argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
