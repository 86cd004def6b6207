"""The written report: escaping in each format, and when the paper's figures stand beside measured ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report.render import markdown, tex
from medunlearn.runs import RunDir

FORMATS = ("report.html", "report.md", "tables.tex")
HOSTILE = r"<script>alert(1)</script> \input{/etc/passwd} $x$ | `a` [b](c) *d* ~ ^ # % & _"


def texts(out):
    return {name: (out / name).read_text() for name in FORMATS}


def test_values_of_strangers_are_text_in_every_format():
    runs = chain(data="hostile", relabel=HOSTILE)
    for run in runs:
        change(run, hardware={"name": HOSTILE}, precision=HOSTILE)
        metrics = json.loads((Path(run) / "metrics.json").read_text())
        RunDir(run).write_json(RunDir(run).metrics, metrics | {"data": HOSTILE})
    found = texts(write(*runs))
    assert "<script>" not in found["report.html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found["report.html"]
    assert markdown(HOSTILE) in found["report.md"]
    assert "<script>" not in found["report.md"].replace("\\<script\\>", "")
    assert tex(HOSTILE) in found["tables.tex"]
    assert "\\input" not in found["tables.tex"]
    rows = [line for line in found["tables.tex"].splitlines() if line.startswith(("Original", "Retrain", "SalUn"))]
    assert len(rows) == 3
    assert all(line.replace(r"\&", "").count("&") == 6 for line in rows)
    table = [line for line in found["report.md"].splitlines() if line.startswith("| ") and "method" not in line]
    assert {line.replace("\\|", "").count("|") for line in table} == {9}


@pytest.mark.parametrize(
    "data",
    [{"size": 28}, {"file": "bloodmnist.npz", "dataset": None}, {"file": "bloodmnist.npz"}, {"size": None}],
    ids=["28x28", "file", "file beside a name", "unknown size"],
)
def test_published_figures_stand_beside_the_official_data_at_64x64_alone(data):
    runs = chain()
    assert all("Falcao" in text for text in texts(write(*runs)).values())
    for run in runs:
        change(run, data=data)
    out = write(*runs, out="other")
    assert not any("Falcao" in text for text in texts(out).values())
    assert "as published" not in (out / "gap_by_preset.svg").read_text()
    assert "not run" not in (out / "report.md").read_text()


def test_published_figures_are_left_out_where_one_run_has_other_data():
    runs = [*chain(seed=0), *chain(seed=1)]
    for run in runs[3:]:
        change(run, data={"file": "bloodmnist.npz", "size": None})
    change(runs[0], data={"file": None})
    for run in runs[:3]:
        change(run, data={"size": None})
    assert not any("Falcao" in text for text in texts(write(*runs)).values())


def test_the_column_of_seeds_says_how_many():
    text = (write(*chain(seed=3), *chain(seed=5)) / "report.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| SalUn |")]
    assert row.endswith(" | 2 |")


def test_epoch_is_no_plural_where_it_is_one():
    runs = chain()
    for run, epochs in zip(runs, (1, 1, 2), strict=True):
        change(run, epochs=epochs)
    for text in texts(write(*runs)).values():
        assert "Retrain: 1 epoch, batch" in text
        assert "SalUn: 2 epochs, batch" in text


def test_heads_of_tables_say_which_way_is_better():
    found = texts(write(*chain()))
    assert (
        "| method | UA (gap ↓) | RA (gap ↓) | TA (gap ↓) | MIA (gap ↓) | AG ↓ | RTE (min) ↓ | seeds |"
        in (found["report.md"])
    )
    assert r"Method & UA (gap $\downarrow$) &" in found["tables.tex"]
    assert "<th>method</th><th>AG ↓</th><th>UA <small>(gap ↓)</small></th>" in found["report.html"], "AG in front"


def test_a_missing_gap_has_its_reason():
    train, retrain, salun = chain()
    change(salun, reference="elsewhere/retrain", AG=7.53)
    out = write(train, retrain, salun)
    (line,) = [line for line in records(out) if line["method"] == "SalUn"]
    assert (float(line["AG"]), line["gap_UA"]) == (7.53, ""), "what the run measured, and no distance to another model"
    assert "its gap was taken to elsewhere/retrain, which is not among the runs" in (out / "report.md").read_text()


def test_methods_of_any_name_are_what_their_role_says():
    train, _, salun = chain(data="own")
    own = fake("runs/own", "MyRetrain", (5.0, 98, 95, 10), data="own")
    out = write(train, own, salun)
    assert {line["method"]: float(line["AG"]) for line in records(out)} == {
        "Original": 3,
        "MyRetrain": 0,
        "SalUn": 0.875,
    }
    text = (out / "report.md").read_text()
    assert "not run" not in text
    assert "SalUn ends 0.88 points from retraining" in text


def test_help_and_the_package_do_not_wait_for_pandas():
    code = (
        "import sys, medunlearn; from medunlearn.__main__ import main; main(['--help']); print('pandas' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == "False"
