"""The paper's figures: that they add up, and with which data they are shown."""

import csv
from pathlib import Path

import pytest
from helpers.fake_runs import KEYS, chain, write

import medunlearn.report.published as module
from medunlearn.report.published import DIFFERENCES, published, tables

pytestmark = pytest.mark.usefixtures("undrawn")


def test_the_papers_values_stand_beside_measured_ones_with_a_footnote():
    out = write(*chain())
    text = (out / "report.md").read_text()
    assert (
        "| *SalUn, Falcao & Cordeiro 2025* | 0.00 (0.84) | 99.92 (0.12) | 98.89 (0.32) | 0.17 (1.59) | 0.72 | 1.1 | 1 |"
    ) in text
    assert "relabel none" in text
    assert "Falcao &amp; Cordeiro 2025" in (out / "report.html").read_text()
    plain = write(*chain(data="own"), out="own")
    assert "Falcao" not in (plain / "report.md").read_text()
    noaug = write(*chain(augmentation="NoAug"), out="noaug")
    assert "0.72" not in (noaug / "report.md").read_text(), "the paper's tables are of Default"


def test_published_values_add_up():
    """AG as printed is the mean of the four printed differences, to rounding; at 50 % it is not, and a note says so."""
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


def test_tables_hold_what_the_file_says_and_distances_by_hand():
    with Path(module.__file__).with_name("published.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    found = tables().to_dict("records")
    assert len(found) == len(lines)
    retrained = {(line["dataset"], line["forgotten"]): line for line in lines if line["role"] == "retrained"}
    assert len(retrained) == 6
    for row, line in zip(found, lines, strict=True):
        reference = retrained[line["dataset"], line["forgotten"]]
        for key in KEYS:
            assert row[key] == float(line[key])
            assert row[f"gap_{key}"] == pytest.approx(abs(float(line[key]) - float(reference[key])))
        assert (row["AG"], row["RTE"]) == (float(line["AG"]), float(line["RTE"]))


def test_tables_hold_rows_that_are_possible():
    rows = tables()
    assert rows[list(KEYS)].stack().between(0, 100).all()
    assert (rows.RTE > 0).all()
    assert rows[rows.role == "retrained"].AG.eq(0).all()
    assert rows.groupby(["dataset", "forgotten"]).role.agg(list).map(sorted).map(tuple).unique().tolist() == [
        ("retrained", "unlearned")
    ]


@pytest.mark.parametrize(
    ("dataset", "forgotten", "augmentation", "count"),
    [
        ("pathmnist 64", "50 %", "Default", 2),
        ("pathmnist 28", "50 %", "Default", 0),
        ("pathmnist", "50 %", "Default", 0),
        ("pathmnist 64", "20 %", "Default", 0),
        ("pathmnist 64", "50 % (stratified)", "Default", 0),
        ("pathmnist 64", "50 %", "Default+RandAugment", 0),
        ("", "50 %", "Default", 0),
    ],
)
def test_published_rows_are_of_the_papers_data_rate_and_preset_alone(dataset, forgotten, augmentation, count):
    found = published(dataset, forgotten, augmentation)
    assert len(found) == count
    assert set(found.dataset) <= {dataset}
