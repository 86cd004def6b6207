import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.fake_runs import chain, records, write


def test_gaps_are_paired_by_seed_and_averaged_over_seeds(undrawn):
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


def test_a_gap_is_never_taken_to_another_seed_split_or_preset(undrawn):
    _, retrain, salun = chain(seed=0)
    other_seed, other_preset = chain(seed=1), chain(seed=0, augmentation="NoAug")
    lines = records(write(salun, other_seed[1], other_preset[1]))
    assert [line["AG"] for line in lines if line["method"] == "SalUn"] == [""]
    lines = records(write(salun, retrain, other_seed[1], other_preset[1], out="with"))
    (line,) = [line for line in lines if line["method"] == "SalUn"]
    assert line["reference"] == retrain
    assert float(line["AG"]) == pytest.approx(0.875)


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


def test_page_is_whole_and_fetches_nothing():
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
    assert answer < text.index("<table"), "the answer comes first"


def test_reports_come_out_the_same_each_time():
    runs = [*chain(), *chain(seed=1)]
    first, second = write(*runs, out="a"), write(*reversed(runs), out="b")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_latex_escapes_and_balances(undrawn):
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
def test_a_figure_without_its_data_is_left_out(undrawn, missing):
    train, retrain, salun = chain()
    for run in (train, retrain, salun):
        (Path(run) / missing).unlink(missing_ok=True)
    out = write(train, retrain, salun)
    assert "SalUn ends" in (out / "report.html").read_text()


def test_runs_that_cannot_be_reported_are_refused_in_one_line(undrawn, capsys):
    train, _, salun = chain()
    write("nowhere", status=2)
    assert "nowhere: no run there; make it with `medunlearn fit " in capsys.readouterr().err
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
