import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.fake_runs import KEYS, chain, records, write

from medunlearn.report.published import DIFFERENCES, published, tables


def test_gaps_are_paired_by_seed_and_averaged_over_seeds():
    shifts = (0.0, 2.0, -1.0)
    out = write(*(run for seed, shift in enumerate(shifts) for run in chain(seed, shift)))
    found = {(line["method"], int(line["seed"])): line for line in records(out)}
    assert len(found) == 9
    by_hand = []
    for seed, shift in enumerate(shifts):
        gaps = [abs(4.0 - (5.0 + shift)), 1.0, 0.5, 1.0]
        by_hand.append(sum(gaps) / 4)
        assert float(found["SalUn", seed]["AG"]) == pytest.approx(by_hand[-1])
        assert float(found["SalUn", seed]["gap_UA"]) == pytest.approx(gaps[0])
        before = [abs(1.0 - (5.0 + shift)), 1.0, 1.0, 6.0]
        assert float(found["Original", seed]["AG"]) == pytest.approx(sum(before) / 4)
    mean = sum(by_hand) / 3
    deviation = math.sqrt(sum((value - mean) ** 2 for value in by_hand) / 2)
    shown = f"{mean:.2f} ± {deviation:.2f}"
    assert shown in (out / "report.md").read_text()
    assert shown in (out / "report.html").read_text()
    assert shown.replace("±", r"$\pm$") in (out / "tables.tex").read_text()


def test_a_gap_is_never_taken_to_another_seed_split_or_preset():
    _, retrain, salun = chain(seed=0)
    other_seed, other_preset = chain(seed=1), chain(seed=0, augmentation="NoAug")
    lines = records(write(salun, other_seed[1], other_preset[1]))
    assert [line["AG"] for line in lines if line["method"] == "SalUn"] == [""]
    lines = records(write(salun, retrain, other_seed[1], other_preset[1], out="with"))
    (line,) = [line for line in lines if line["method"] == "SalUn"]
    assert line["reference"] == retrain
    assert float(line["AG"]) == pytest.approx(0.875)


def test_the_papers_values_stand_beside_measured_ones_with_a_footnote():
    out = write(*chain())
    text = (out / "report.md").read_text()
    assert (
        "| *SalUn, Falcao & Cordeiro 2025* | 0.00 (0.84) | 99.92 (0.12) | 98.89 (0.32) | 0.17 (1.59) | 0.72 | 1.1 | 1 |"
    ) in text
    assert "relabel none" in text
    assert "Falcao &amp; Cordeiro 2025" in (out / "report.html").read_text()
    plain = write(*chain(data="mine"), out="mine")
    assert "Falcao" not in (plain / "report.md").read_text()
    noaug = write(*chain(augmentation="NoAug"), out="noaug")
    assert "0.72" not in (noaug / "report.md").read_text(), "the paper's tables are of Default"


def test_published_values_add_up():
    """AG as printed is the mean of the four printed differences, to rounding; at 50 % it is not, and that is said."""
    rows = {(row["dataset"], row["forgotten"], row["method"]): row for row in tables().to_dict("records")}
    assert len(rows) == 12
    of_differences = {}
    for (data, forgotten, method), row in rows.items():
        reference = rows[data, forgotten, "Retrain"]
        gap = sum(abs(row[key] - reference[key]) for key in KEYS) / 4
        of_differences[data, forgotten, method] = round(gap, 2)
        if forgotten == "10 %" or method == "Retrain":
            assert gap == pytest.approx(row["AG"], abs=0.011), (data, forgotten, method)
    odd = [of_differences[f"{data}mnist 64", "50 %", "SalUn"] for data in ("blood", "organa", "path")]
    assert ", ".join(f"{gap:.2f}" for gap in odd) in DIFFERENCES
    assert published("bloodmnist 64", "10 %", "Default").set_index("method").RTE["SalUn"] == 1.1
    assert published("bloodmnist 64", "10 %", "NoAug").empty


def test_what_was_not_run_is_said():
    _, retrain, _ = chain()
    text = (write(retrain) / "report.md").read_text()
    assert "| SalUn | not run | not run | not run | not run |" in text
    assert "| Original | not run |" in text


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sources, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing():
    out = write(*chain(), *chain(seed=1))
    text = (out / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.open
    assert "script" not in page.tags
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "Some &amp; Processor" in text
    answer = text.index("SalUn ends 0.88")
    assert answer < text.index("<table>"), "the answer comes first"


def test_reports_come_out_the_same_each_time():
    runs = [*chain(), *chain(seed=1)]
    first, second = write(*runs, out="a"), write(*reversed(runs), out="b")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_latex_escapes_and_balances():
    text = (write(*chain(data="our_data & more")) / "tables.tex").read_text()
    assert r"our\_data \& more" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert text.count("{") == text.count("}")
    body = [line.removesuffix("{%") for line in text.splitlines() if not line.startswith("%")]
    assert not any(re.search(r"(?<!\\)[%#_]", line) for line in body)
    assert r"\textbf{" in text
    assert all(
        line.count("&") - line.count(r"\&") == 6 for line in body if line.startswith(("SalUn", "Retrain", "Original"))
    )


@pytest.mark.parametrize("missing", ["predictions.npz", "checkpoints/model.ckpt", "logs/version_0/metrics.csv"])
def test_a_figure_without_its_data_is_left_out(missing):
    train, retrain, salun = chain()
    for run in (train, retrain, salun):
        (Path(run) / missing).unlink(missing_ok=True)
    out = write(train, retrain, salun)
    assert "SalUn ends" in (out / "report.html").read_text()


def test_wrong_runs_are_refused_in_one_line(capsys):
    train, _, salun = chain()
    write("nowhere", status=2)
    assert "nowhere: holds no finished run" in capsys.readouterr().err
    write(train, status=2)
    assert "none of the runs forgets anything" in capsys.readouterr().err
    Path("file").write_text("")
    write(salun, out="file", status=2)
    assert "out=file: is a file; name a directory" in capsys.readouterr().err
    metrics = json.loads((Path(salun) / "metrics.json").read_text())
    (Path(salun) / "metrics.json").write_text(
        json.dumps({key: value for key, value in metrics.items() if key != "RTE"})
    )
    write(salun, status=2)
    assert "lacks RTE; run that stage again" in capsys.readouterr().err
