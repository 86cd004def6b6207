"""The noise floor in frame, table and report: every pair counts, what has failed does not, and is said to have."""

import pytest
from helpers.fake_runs import KEYS, chain, change, fake, records, write

from medunlearn.metrics import average_gap
from medunlearn.report import load
from medunlearn.report.floors import ANOTHER, FAILED, pooled
from medunlearn.report.sections import sections
from medunlearn.report.table import comparison
from medunlearn.runs import RunDir

pytestmark = pytest.mark.usefixtures("undrawn")

BEFORE = (1.0, 99.0, 96.0, 4.0)
SECOND, THIRD = (6.0, 98.0, 93.0, 13.0), (9.0, 97.0, 95.0, 12.0)
"""With the chain's (5, 98, 95, 10): AG 1.5, 1.75 and 1.75."""


def again(first, seed, values, chain_seed=0, path=None, **arguments):
    """A Retrain of the same forget set under another seed, as `retrain_seeds` makes it."""
    run = fake(path or f"{first}_retrain{seed}", "Retrain", values, chain_seed, **arguments)
    gap = average_gap(dict(zip(KEYS, values, strict=True)), RunDir(first).read_metrics("test"))
    change(run, seed=seed, reference=first, AG=gap)
    return run


def unlearned(train, method, values, seed=0):
    return fake(f"{train}_{method}", method, values, seed, before=BEFORE, original=train)


@pytest.fixture
def without_charts(monkeypatch):
    monkeypatch.setattr("medunlearn.report.render.draw_figures", lambda *_: [])


def by_run(*runs):
    return load(runs).set_index("run")


def lines(*runs):
    found = [line.strip("|").split("|") for line in comparison(runs).splitlines() if line.startswith("| runs")]
    return {run.strip(): [cell.strip() for cell in cells] for run, *cells in found}


def test_frame_has_the_floor_and_where_each_model_lies_to_it():
    train, retrain, salun = chain()
    near = unlearned(train, "Near", (6.0, 98.0, 94.0, 12.0))  # 1 to the first, 0.5 to the second
    bad = unlearned(train, "Bad", (1.0, 99.0, 96.0, 2.0))
    second = again(retrain, 101, SECOND)
    frame = by_run(train, retrain, second, salun, near, bad)
    assert (frame.floor == 1.5).sum() == (frame.band == 1.5).sum() == len(frame) - 1, "all but Train by itself"
    assert frame.AG_retrains[near] == (1.0 + 0.5) / 2
    assert frame.AG_retrains[salun] == (0.875 + 2.125) / 2
    assert frame.AG_retrains[retrain] == frame.AG_retrains[second] == 1.5
    assert frame.place[[retrain, second, salun, near, bad]].tolist() == ["", "", "inside", "inside", "further"]
    untouched = frame[frame.label == "Original"]
    assert (untouched.AG_retrains.tolist(), untouched.place.tolist()) == ([(3.0 + 4.5) / 2], ["outside"])
    assert (frame.AG[second], frame.reference[second], frame.label[second]) == (1.5, retrain, ANOTHER)


def test_three_retrains_are_one_row_of_all_their_pairs():
    _, retrain, salun = runs = chain()
    runs += [again(retrain, 101, SECOND), again(retrain, 102, THIRD)]
    (row,) = pooled(load(runs)).query("label == @ANOTHER").itertuples()
    assert (row.seed, row.retrains, row.pooled, row.UA) == (0, 3, 2, 7.5)
    assert (row.gap_UA, row.gap_RA, row.gap_TA, row.gap_MIA) == pytest.approx((8 / 3, 2 / 3, 4 / 3, 2))
    assert (row.AG, row.band) == (pytest.approx(5 / 3), 1.75)
    shown = lines(*runs)
    name = f"{retrain}_retrain101 and 1 more"
    assert list(shown).index(name) == 1, "beside the untouched model"
    assert shown[name][0] == ANOTHER
    assert shown[name][1] == "7.50 (2.67)"
    assert shown[name][-3:] == ["1.67", "18.00", "1.00"]
    assert shown[salun][-1] == "1.02 inside", "(0.875 + 2.125 + 2.125) / 3, of which the band takes up to 1.75"
    assert "3 Retrains that differ in their seed alone are 1.67 points apart on average, at most 1.75" in comparison(
        runs
    )


def test_every_further_retrain_has_a_line_in_results(without_charts):
    runs = [run for seed in (0, 1) for run in chain(seed)]
    for first, seed in ((runs[1], 0), (runs[4], 1)):
        runs += [again(first, 101, SECOND, seed), again(first, 102, THIRD, seed)]
    found = [line for line in records(write(*runs)) if line["method"] == ANOTHER]
    assert sorted((line["run"], line["seed"], line["UA"]) for line in found) == [
        (f"runs/{seed}/retrain_retrain{further}", str(further), ua)
        for seed in (0, 1)
        for further, ua in ((101, "6.0"), (102, "9.0"))
    ]
    assert {f"{float(line['floor']):.4f}" for line in found} == {"1.6667"}
    (section,) = sections(load(runs))
    rows = {row.label: row for row in section.rows()}
    assert (rows[ANOTHER].gap, rows[ANOTHER].floors, rows[ANOTHER].seeds) == ("1.67 ± 0.00", "1.00", "2")
    assert section.floor.endswith("1.67 points apart on average, at most 1.75 (AG), mean of 2 seeds.")


@pytest.mark.parametrize("sound", [0, 1], ids=["the further one fails", "the first fails"])
def test_a_retrain_that_ends_far_below_the_other_is_said_to_have_failed(sound):
    train, retrain, salun = chain()
    second = again(retrain, 101, (30.0, 80.0, 93.0, 13.0))
    if sound:
        change(retrain, RA=60.0)
        change(second, AG=(25.0 + 20.0 + 2.0 + 3.0) / 4)
    frame = by_run(train, retrain, second, salun)
    failed, points = ((second, 18), (retrain, 20))[sound]
    said = f"RA is {points}.00 points below another Retrain's, so this one has failed"
    assert frame.notes[failed] == (f"collapsed: {said}",)
    assert frame.floor.isna().all()
    assert frame.label[second] == (ANOTHER if sound else FAILED)
    text = comparison([train, retrain, second, salun])
    assert f"] collapsed: {said}" in text
    assert "AG/floor" not in text
    if sound:
        assert frame.notes[salun] == (
            f"the reference has collapsed ({said}): gaps to it do not tell what was forgotten",
        )


def test_a_failed_retrain_counts_in_no_floor():
    train, retrain, salun = chain()
    runs = [train, retrain, salun, again(retrain, 101, SECOND), again(retrain, 102, (50.0, 60.0, 60.0, 50.0))]
    assert set(by_run(*runs).floor.dropna()) == {1.5}
    rows = {row.label: row for section in sections(load(runs)) for row in section.rows()}
    assert (rows[ANOTHER].gap, rows[FAILED].bold) == ("1.50", False)
    assert write(*runs).is_dir(), "charts do without it"


def test_a_copy_of_a_retrain_is_no_other_seed():
    _, retrain, salun = chain()
    runs = [retrain, salun, again(retrain, 101, SECOND), again(retrain, 101, SECOND, path="runs/copy")]
    assert set(by_run(*runs).retrains) == {2}


def test_a_retrain_of_the_same_seed_is_no_other_seed():
    _, retrain, salun = chain()
    frame = by_run(retrain, salun, same := again(retrain, 0, SECOND))
    assert frame.label[same] == "Retrain"
    assert frame.floor.isna().all()


@pytest.mark.parametrize("arguments", [{"lr": 0.5}, {"augmentation": "NoAug"}])
def test_a_retrain_of_other_settings_is_no_other_seed(arguments):
    _, retrain, salun = chain()
    frame = by_run(retrain, salun, other := again(retrain, 101, SECOND, **arguments))
    assert (frame.label[other], frame.AG[other]) == ("Retrain", 1.5)
    assert frame.floor.isna().all()


def test_retrains_without_a_difference_have_no_units():
    train, retrain, salun = chain()
    shown = lines(train, retrain, salun, again(retrain, 101, (5.0, 98.0, 95.0, 10.0)))
    assert [cells[-1] for cells in shown.values()] == ["- outside", "-", "-", "- outside"]


def test_a_method_no_nearer_than_the_untouched_model_is_not_bold(without_charts):
    train, retrain, salun = runs = chain()
    bad = unlearned(train, "Bad", (1.0, 99.0, 96.0, 2.0))
    for more in ([], [again(retrain, 101, SECOND)]):
        out = write(*runs, bad, *more)
        page, tables = (out / "report.html").read_text(), (out / "tables.tex").read_text()
        plain = [row for row in page.splitlines() if row.startswith('<tr class="plain">')]
        assert [row.partition("<td>")[2].partition("</td>")[0] for row in plain] == ["Original", "Bad"]
        (line,) = [line for line in tables.splitlines() if line.startswith("Bad")]
        assert "textbf" not in line
        assert ("AG/floor" in page) == bool(more)
    # Nearer to the first Retrain, further from both.
    change(salun, UA=4.0, RA=98.0, TA=96.5, MIA=7.5)
    change(f"{retrain}_retrain101", UA=2.0, RA=99.0, TA=95.5, MIA=4.0, AG=2.625)
    (section,) = sections(load([*runs, f"{retrain}_retrain101"]))
    (row,) = [row for row in section.rows() if row.label == "SalUn"]
    assert (row.gap, row.place, row.bold) == ("1.25", "inside", True)
    change(salun, UA=7.0, RA=97.0, TA=94.0, MIA=12.5)
    (section,) = sections(load([*runs, f"{retrain}_retrain101"]))
    (row,) = [row for row in section.rows() if row.label == "SalUn"]
    assert (row.gap, row.place, row.bold) == ("1.62", "further", False)
    assert not section.glances()[0].nearer
    assert "no nearer to Retrains of several seeds than the untouched model" in section.headlines()[0]
