"""The written report: escaping in each format, and when the paper's figures stand beside measured ones."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.metrics import wilson
from medunlearn.report.templating import markdown, tex
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
    assert {line.replace("\\|", "").count("|") for line in table} == {9, 6}, "the figures, and whether it was forgotten"


@pytest.mark.parametrize(
    "data",
    [{"size": 28}, {"file": "bloodmnist.npz", "dataset": None}, {"file": "bloodmnist.npz"}, {"size": None}],
    ids=["28x28", "file", "file beside a name", "unknown size"],
)
def test_published_figures_stand_beside_the_official_data_at_64x64_alone(undrawn, data):
    undrawn.append("gap_by_preset.svg")
    runs = chain()
    assert all("Falcao" in text for text in texts(write(*runs)).values())
    for run in runs:
        change(run, data=data)
    out = write(*runs, out="other")
    assert not any("Falcao" in text for text in texts(out).values())
    assert "as published" not in (out / "gap_by_preset.svg").read_text()
    assert "not run" not in (out / "report.md").read_text()


def test_published_figures_are_left_out_where_one_run_has_other_data(undrawn):
    runs = [*chain(seed=0), *chain(seed=1)]
    for run in runs[3:]:
        change(run, data={"file": "bloodmnist.npz", "size": None})
    change(runs[0], data={"file": None})
    for run in runs[:3]:
        change(run, data={"size": None})
    assert not any("Falcao" in text for text in texts(write(*runs)).values())


def test_the_nearest_answer_first_and_many_more_are_folded_away(undrawn):
    train, retrain, _ = chain()
    gaps = [9, 2, 7, 1, 8, 3, 6, 5]
    more = {"before": (1, 99, 96, 4), "original": train}
    runs = [fake(f"runs/lr{at}", "SalUn", (1.0 + gap, 99, 96, 5), lr=gap, **more) for at, gap in enumerate(gaps)]
    page = (write(train, retrain, *runs) / "report.html").read_text()
    said = list(re.finditer(r"SalUn \(lr \d\) ends ([\d.]+)", page))
    found = [float(each[1]) for each in said]
    assert len(found) == 8 and found == sorted(found)
    assert said[5].start() < page.index("<details><summary>2 more</summary>") < said[6].start()
    few = (write(train, retrain, *runs[:6], out="few") / "report.html").read_text()
    assert "<details>" not in few.partition("<h2")[0]


def test_the_column_of_seeds_says_how_many(undrawn):
    text = (write(*chain(seed=3), *chain(seed=5)) / "report.md").read_text()
    row, _ = [line for line in text.splitlines() if line.startswith("| SalUn |")]
    assert row.endswith(" | 2 |")


def test_epoch_is_no_plural_where_it_is_one(undrawn):
    runs = chain()
    for run, epochs in zip(runs, (1, 1, 2), strict=True):
        change(run, data={"batch_size": 256}, epochs=epochs)
    for text in texts(write(*runs)).values():
        assert "Retrain: 1 epoch, batch" in text
        assert "SalUn: 2 epochs, batch" in text


def test_heads_of_tables_say_which_way_is_better(undrawn):
    found = texts(write(*chain()))
    assert (
        "| method | UA (near Retrain) | RA (near Retrain) | TA (near Retrain) | MIA (near Retrain) "
        "| AG (lower) | RTE (min, lower) | seeds |" in (found["report.md"])
    )
    assert "Method & UA (near Retrain) &" in found["tables.tex"]
    head = "<th>method</th><th>AG <small>lower</small></th><th>RTE <small>min, lower</small></th>"
    assert f"{head}<th>UA <small>near Retrain</small></th>" in found["report.html"], "AG and RTE in front"
    assert all("lower is better" in text for text in found.values()), "in the legend, of the gaps in brackets"


def test_results_have_intervals_and_remarks(undrawn):
    runs = chain()
    change(runs[2], notes=["nothing moved", "few images"], TA_retained_classes=96.5)
    (line,) = [line for line in records(write(*runs)) if line["method"] == "SalUn"]
    counts = {"UA": 4000, "RA": 36_000, "TA": 12_000, "MIA": 4000}
    for key, images in counts.items():
        limits = [float(line[f"{key}_{end}"]) for end in ("low", "high")]
        assert limits == pytest.approx(wilson(float(line[key]), images))
    assert line["notes"] == "nothing moved; few images"
    assert line["TA_retained_classes"] == "96.5"


def test_page_has_remarks_below_the_table_and_intervals_of_few_images(undrawn):
    runs = chain()
    for run in runs[1:]:
        change(run, notes=["<b>few</b> images"], n={"forget": 30, "retain": 270, "test": 240, "val": 8})
    found = texts(write(*runs))
    assert "<td>SalUn<sup>1</sup></td>" in found["report.html"]
    assert "<li>&lt;b&gt;few&lt;/b&gt; images</li>" in found["report.html"]
    assert "0.6 to 16.7" in found["report.html"]
    assert "| SalUn \\[1\\] |" in found["report.md"]
    assert markdown("[1] <b>few</b> images") in found["report.md"]


def test_page_on_a_phone_names_each_figure_beside_it(undrawn):
    """There the head of the table is hidden and each row is a card."""
    page = texts(write(*chain()))["report.html"]
    for name in ("AG, lower", "RTE, min", "UA", "RA", "TA", "MIA", "seeds"):
        assert f'data-head="{name}"' in page
    assert ".stacked thead { display: none; }" in page
    assert page.count("<table") == page.count('<table class="stacked">') == 3, "the figures, the audit, those by class"
    for name in ("forgotten", "test", "UA SalUn", "TA SalUn", "UA Original", "TA Retrain"):
        assert f'data-head="{name}"' in page
    assert "max-width: 100%" in page, "charts fit the window"


def test_the_proxy_gap_of_unlearned_models_stands_in_page_and_markdown_with_its_legend(undrawn):
    runs = chain()
    change(runs[2], proxy={"gap": 2.345})
    found = texts(write(*runs))
    assert "<th>proxy gap <small>lower</small></th>" in found["report.html"]
    assert found["report.html"].count('data-head="proxy gap">2.35<') == 1, "an original and a Retrain have none"
    assert "| proxy gap (lower) |" in found["report.md"]
    row, _ = [line for line in found["report.md"].splitlines() if line.startswith("| SalUn |")]
    assert row.endswith("| 2.35 | 1 |")
    for name in ("report.html", "report.md"):
        assert "Proxy gap: AG as predicted from validation images" in found[name]


def test_a_report_without_a_proxy_gap_does_without_its_column(undrawn):
    found = texts(write(*chain()))
    assert not any("proxy" in text.lower() for text in found.values())


def test_a_missing_gap_has_its_reason(undrawn):
    train, retrain, salun = chain()
    change(salun, reference="elsewhere/retrain", AG=7.53)
    out = write(train, retrain, salun)
    (line,) = [line for line in records(out) if line["method"] == "SalUn"]
    assert (float(line["AG"]), line["gap_UA"]) == (7.53, ""), "what the run measured, and no distance to another model"
    assert "its gap was taken to elsewhere/retrain, which is not among the runs" in (out / "report.md").read_text()


def test_methods_of_any_name_are_what_their_role_says(undrawn):
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


def test_names_of_classes_stand_in_every_format_and_chart_as_text():
    names = ["<script>", r"\input{/etc/passwd}", "a|b", "$x$ & y"]
    runs = chain(data="hostile")
    for run in runs:
        forget = {"classes": ["<script>", 1, 3]} if run == runs[1] else {"classes": [0, r"\input{/etc/passwd}", 3]}
        change(run, data={"forget": {} if run == runs[0] else forget})
        split = RunDir(run).read_split("test") | {"class_names": names}
        RunDir(run).write_json(RunDir(run).split, split)
    out = write(*runs)
    found, shown = texts(out), r"classes <script>, \input{/etc/passwd}, $x$ & y"
    assert {line["forgotten"] for line in records(out)} == {shown}, "by name or by number, one experiment"
    assert "<script>" not in found["report.html"]
    assert "classes &lt;script&gt;, " in found["report.html"]
    assert markdown(shown) in found["report.md"]
    assert tex(shown) in found["tables.tex"]
    (chart,) = out.glob("classes_*.svg")
    drawn = chart.read_text()
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "$x$ &amp; y" in drawn
