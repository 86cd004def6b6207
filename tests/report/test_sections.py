"""Sections: what a report says of each forget set, as texts."""

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report import load
from medunlearn.report.sections import PRESETS, Section, sections
from medunlearn.runs import RunDir

pytestmark = pytest.mark.usefixtures("undrawn")

CONFIDENCE = {"feature": "confidence", "nonmembers": "test", "seed": 0}


def cells(*runs):
    return {
        (section.forgotten, section.augmentation, cell.label): cell
        for section in sections(load(runs))
        for cell in section.cells
    }


@pytest.mark.parametrize("other", [{"feature": "entropy"}, {"nonmembers": "val"}, {"seed": 1}])
def test_a_gap_is_not_taken_to_another_attack(other):
    train, retrain, salun = chain()
    change(retrain, attack=CONFIDENCE)
    change(salun, attack=CONFIDENCE | other)
    out = write(train, retrain, salun)
    assert {line["AG"] for line in records(out) if line["method"] != "Retrain"} == {""}
    assert f"SalUn: no Average Gap: {retrain}: its attack was" in (out / "report.md").read_text()
    assert {line["method"] for line in records(out)} == {"Original", "Retrain", "SalUn"}


def test_originals_are_one_for_each_preset_and_seed():
    train, retrain, salun = chain()
    runs = [train, retrain, salun]
    for number, settings in enumerate(({"augmentation": "NoAug"}, {"seed": 1})):
        _, *others = chain(shift=4.0 + number, **settings)
        for run in others:
            change(run, split_sha256=RunDir(salun).read_metrics("test")["split_sha256"])
        change(others[1], original=train)
        runs += others
    found = cells(*runs)
    assert found["10 %", "NoAug", "Original"].over_seeds("AG").mean == 4
    assert found["10 %", "Default", "Original"].seeds == [0, 1]
    assert found["10 %", "Default", "Original"].over_seeds("gap_UA").mean == pytest.approx((4 + 9) / 2)


def test_a_stratified_forget_set_is_no_seed_of_a_uniform_one():
    uniform, stratified = chain(seed=0), chain(seed=1)
    for run in stratified[1:]:
        change(run, data={"forget": {"rate": 0.1, "stratified": True, "seed": 1}})
    runs = [*uniform, *stratified, *chain(seed=2, augmentation="NoAug")]
    found = cells(*runs)
    assert found["10 %", "Default", "SalUn"].seeds == [0]
    assert found["10 % (stratified)", "Default", "SalUn"].seeds == [1]
    titles = [section.title for section in sections(load(runs))]
    kinds = ("10 % forgotten, NoAug", "10 % forgotten, Default", "10 % (stratified) forgotten, Default")
    assert titles == [f"bloodmnist, {kind}" for kind in kinds]


def test_retrained_models_of_which_two_fit_one_run_are_refused(capsys):
    runs = chain()
    write(*runs, fake("runs/other", "Retrain", (9.0, 98, 95, 10), lr=0.5), status=2)
    printed = capsys.readouterr().err
    assert "are both Retrain of the same split, preset and seed" in printed
    assert printed.count("\n") == 1


def test_protocol_names_images_epochs_and_batches_in_every_format():
    runs = chain()
    for run, epochs in zip(runs, (200, 200, 10), strict=True):
        change(run, data={"size": 64, "batch_size": 256}, epochs=epochs)
    out = write(*runs)
    line = "4,000 of 40,000 training images forgotten, 12,000 test images, 64x64 pixels; Retrain: 200 epochs, batch 256"
    line += "; SalUn: 10 epochs, batch 256."
    assert line in (out / "report.md").read_text()
    assert line in (out / "report.html").read_text()
    assert "64x64 pixels" in (out / "tables.tex").read_text()
    assert "1.57, 0.70, 4.91" in (out / "tables.tex").read_text(), "the differences from the paper are printed too"


def test_sections_that_are_many_are_answered_by_one_table():
    out = write(*chain(), *chain(rate=0.5), *chain(augmentation="NoAug"))
    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert text.index("| bloodmnist, 10 % forgotten, NoAug | SalUn | **0.88** | 3.00 | 5.0 % |") < text.index("## ")
    assert page.index('<table class="glance">') < page.index("<h2")
    assert page.count("<td><b>0.88</b></td><td>3.00</td><td>5.0 %</td>") == 3


def test_methods_no_nearer_than_the_untouched_model_are_named():
    train, retrain, _ = chain()
    bad = fake("runs/bad", "SalUn", (50.0, 50.0, 50.0, 90.0), before=(1, 99, 96, 4), original=train)
    assert "no nearer than the untouched model (3.00)" in (write(train, retrain, bad) / "report.md").read_text()


def test_rows_that_were_not_run_are_marked():
    _, retrain, _ = chain()
    text = (write(retrain) / "report.md").read_text()
    assert "| SalUn | not run | not run | not run | not run |" in text
    assert "| Original | not run |" in text


def test_sections_come_in_order_of_data_share_and_preset():
    runs = [run for rate in (0.5, 0.075, 0.1) for run in chain(rate=rate)[:2]]
    runs += [run for preset in (*PRESETS[::-1], "Own") if preset != "Default" for run in chain(augmentation=preset)[:2]]
    titles = [(section.forgotten, section.augmentation) for section in sections(load(runs))]
    ten = [("10 %", preset) for preset in (*PRESETS, "Own")]
    assert titles == [("7.5 %", "Default"), *ten, ("50 %", "Default")]


def test_title_leaves_out_a_preset_that_is_not_known():
    assert Section("cells", "10 %", "").title == "cells, 10 % forgotten"


def test_cells_come_in_order_of_role_with_the_untouched_model_first():
    train, retrain, salun = chain()
    own = fake("runs/own", "Adam", (4.0, 97.0, 94.5, 9.0), before=(1, 99, 96, 4), original=train)
    (section,) = sections(load([own, salun, retrain, train]))
    assert [cell.label for cell in section.cells] == ["Original", "Retrain", "Adam", "SalUn"]
    assert section.original.label == "Original"


def test_headline_and_glance_say_gap_start_and_share_of_retrainings_time():
    (section,) = sections(load([*chain(seed=0), *chain(seed=1)]))
    share = 100 * ((0.9 + 1.9) / 2) / ((18 + 19) / 2)
    assert section.headlines() == [
        "SalUn ends 0.88 ± 0.00 points from retraining, nearer than the untouched model (3.00 ± 0.00), "
        f"in {share:.1f} % of retraining's time."
    ]
    assert section.glances() == [("SalUn", "0.88 ± 0.00", "3.00 ± 0.00", f"{share:.1f} %", True, "", "")]


def test_no_share_of_retrainings_time_is_given_across_hardware():
    _, retrain, _ = runs = chain()
    change(retrain, hardware={"name": "Another Processor"})
    (section,) = sections(load(runs))
    assert section.headlines()[0].endswith("nearer than the untouched model (3.00).")
    assert section.glances()[0][3] == "-"


def test_glances_come_nearest_first_and_those_without_a_gap_last():
    train, retrain, salun = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    near = fake("runs/near", "Near", (5.0, 98.0, 95.0, 10.5), **more)
    none = fake("runs/none", "Alone", (5.0, 98.0, 95.0, 10.0), **more)
    change(retrain, attack=CONFIDENCE)
    change(near, attack=CONFIDENCE)
    change(salun, attack=CONFIDENCE)
    change(none, attack=CONFIDENCE | {"seed": 1})
    (section,) = sections(load([train, retrain, salun, near, none]))
    found = [(glance.label.partition(" ")[0], glance.gap) for glance in section.glances()]
    assert found == [("Near", "0.12"), ("SalUn", "0.88"), ("Alone", "no Retrain")]


def test_rows_put_measured_values_before_the_papers_with_gaps_by_hand():
    (section,) = sections(load(chain()))
    rows = section.rows()
    assert [(row.label, row.published) for row in rows] == [
        ("Original", False),
        ("Retrain", False),
        ("Retrain, Falcao & Cordeiro 2025", True),
        ("SalUn", False),
        ("SalUn, Falcao & Cordeiro 2025", True),
    ]
    assert rows[3].entries == (("4.00", "1.00"), ("97.00", "1.00"), ("94.50", "0.50"), ("9.00", "1.00"))
    assert rows[3][2:5] == ("0.88", "0.90", "1")
    assert rows[1].entries == (("5.00", ""), ("98.00", ""), ("95.00", ""), ("10.00", ""))
    assert rows[1].gap == rows[2].gap == "0"
    assert rows[4].entries[0] == ("0.00", "0.84")


def test_an_original_that_had_the_forget_set_already_is_one_cell():
    train, retrain, salun = chain()
    own = {"UA": 1.0, "MIA": 4.0, "split_sha256": RunDir(salun).read_metrics("test")["split_sha256"]}
    change(train, {"forget": {"rate": 0.1}}, **own)
    (section,) = sections(load([train, retrain, salun]))
    assert [cell.role for cell in section.cells] == ["original", "retrained", "unlearned"]
    assert section.original is not None
