"""Sections: what a report says of each forget set, as texts."""

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

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


def test_one_model_is_the_original_of_each_preset_and_seed():
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


def test_two_retrained_models_for_one_run_are_refused(capsys):
    runs = chain()
    write(*runs, fake("runs/other", "Retrain", (9.0, 98, 95, 10), lr=0.5), status=2)
    told = capsys.readouterr().err
    assert "are both Retrain of the same split, preset and seed" in told
    assert told.count("\n") == 1


def test_the_protocol_is_told():
    runs = chain()
    for run, epochs in zip(runs, (200, 200, 10), strict=True):
        change(run, data={"size": 64, "batch_size": 256}, epochs=epochs)
    out = write(*runs)
    line = "4 of 40 training images forgotten, 12 test images, 64x64 pixels; Retrain: 200 epochs, batch 256; SalUn: 10"
    assert line in (out / "report.md").read_text()
    assert line in (out / "report.html").read_text()
    assert "64x64 pixels" in (out / "tables.tex").read_text()
    assert "1.57, 0.70, 4.91" in (out / "tables.tex").read_text(), "the differences from the paper are printed too"


def test_many_sections_are_answered_by_one_table():
    out = write(*chain(), *chain(rate=0.5), *chain(augmentation="NoAug"))
    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert text.index("| bloodmnist, 10 % forgotten, NoAug | SalUn | **0.88** | 3.00 | 5.0 % |") < text.index("## ")
    assert page.index('<table class="glance">') < page.index("<h2")
    assert page.count("<td><b>0.88</b></td><td>3.00</td><td>5.0 %</td>") == 3


def test_worse_than_the_untouched_model_is_said():
    train, retrain, _ = chain()
    bad = fake("runs/bad", "SalUn", (50.0, 50.0, 50.0, 90.0), before=(1, 99, 96, 4), original=train)
    assert "no nearer than the untouched model (3.00)" in (write(train, retrain, bad) / "report.md").read_text()


def test_what_was_not_run_is_said():
    _, retrain, _ = chain()
    text = (write(retrain) / "report.md").read_text()
    assert "| SalUn | not run | not run | not run | not run |" in text
    assert "| Original | not run |" in text
