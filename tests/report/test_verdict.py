"""Whether a model is nearer to retraining than the untouched one: not told where images are few."""

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.__main__ import main
from medunlearn.report import load
from medunlearn.report.sections import sections

pytestmark = pytest.mark.usefixtures("undrawn")

MANY, FEW = ({"forget": n, "retain": 9 * n, "test": 8 * n, "val": 8} for n in (4000, 30))
UNKNOWN = "one cannot tell with so few images (30 forgotten, 240 test) whether it is nearer than the untouched model"


def headline(runs, n):
    for run in runs[1:]:
        change(run, n=n)
    (section,) = sections(load(runs))
    return section.headlines()[0], section.glances()[0].nearer


def test_nearer_is_said_where_the_difference_is_more_than_chance():
    assert headline(chain(), MANY) == (
        "SalUn ends 0.88 points from retraining, nearer than the untouched model (3.00), "
        "in 5.0 % of retraining's time.",
        True,
    )


def test_nearer_is_not_told_with_few_images():
    text, bold = headline(chain(), FEW)
    assert text == f"SalUn ends 0.88 points from retraining; {UNKNOWN} (3.00), in 5.0 % of retraining's time."
    assert not bold


def test_a_large_difference_is_told_with_few_images_too():
    train, retrain, _ = chain()
    bad = fake("runs/bad", "SalUn", (50.0, 50.0, 50.0, 90.0), before=(1, 99, 96, 4), original=train)
    assert ", no nearer than the untouched model (3.00)" in headline([train, retrain, bad], FEW)[0]


@pytest.mark.parametrize("n", [MANY, FEW])
def test_a_model_with_the_untouched_ones_gap_is_not_nearer(n):
    train, retrain, _ = chain()
    same = fake("runs/same", "SalUn", (1.0, 99.0, 96.0, 4.0), before=(1, 99, 96, 4), original=train)
    assert ", no nearer than the untouched model (3.00)" in headline([train, retrain, same], n)[0]


def test_the_verdict_stands_in_page_and_markdown():
    runs = chain()
    for run in runs[1:]:
        change(run, n=FEW)
    out = write(*runs)
    assert "cannot tell with so few images (30 forgotten, 240 test)" in (out / "report.html").read_text()
    assert "cannot tell with so few images" in (out / "report.md").read_text()


REASON = "RA is no higher than by naming the most common class every time (33.33 %)"
REMARK = f"the reference has collapsed ({REASON}): gaps to it do not tell what was forgotten"


def test_a_collapsed_reference_is_named_wherever_its_runs_are_judged(capsys):
    runs = chain()
    change(runs[1], notes=[f"collapsed: {REASON}"])
    out = write(*runs)
    said = f"SalUn ends 0.88 points from retraining, which has collapsed ({REASON}), so that the gap does not tell"
    for name in ("report.html", "report.md"):
        text = (out / name).read_text().replace("&#39;", "'").replace("\\", "")
        assert said in text, name
        assert REMARK in text, name
        assert "nearer than" not in text, name
    assert {line["method"]: line["notes"] for line in records(out)} == {
        "Original": REMARK,
        "Retrain": f"collapsed: {REASON}",
        "SalUn": REMARK,
    }
    assert main(["report", *runs]) == 0
    printed = capsys.readouterr().out
    assert "SalUn [2]" in printed
    assert f"[2] {REMARK}" in " ".join(printed.split())
    section = sections(load(runs))[0]
    assert section.glances()[0].gap == "0.88 (Retrain has collapsed)"
    assert not section.glances()[0].nearer


def test_a_remark_on_the_reference_that_the_run_has_made_itself_stands_once():
    runs = chain()
    change(runs[1], notes=[f"collapsed: {REASON}"])
    change(runs[2], notes=[REMARK])
    frame = load(runs).set_index("label")
    assert frame.notes["SalUn"] == (REMARK,)
