from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake, records, write

from medunlearn.__main__ import main
from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir


@pytest.mark.parametrize("others", [0, 1, 2])
def test_variants_of_a_method_are_rows_of_their_own(others):
    """The method's default goes without saying, however many runs have another value."""
    train, retrain, _ = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    plain = fake("runs/plain", "SalUn", (1.0, 99, 96, 5), relabel="random", **more)
    none = [fake(f"runs/none{n}", "SalUn", (1.0, 99, 96, 5), seed=n, relabel="none", **more) for n in range(others)]
    (section,) = sections(load([*none, train, retrain, plain]))
    labels = [cell.label for cell in section.cells]
    assert labels == ["Original", "Retrain", "SalUn", *(["SalUn (relabel none)"] if others else [])]
    assert len(section.cells[-1].seeds) == max(1, others)


def test_the_same_experiment_twice_is_refused(capsys):
    train, retrain, salun = chain()
    again = fake("runs/again", "SalUn", (1.0, 99, 96, 5), before=(1, 99, 96, 4), original=train)
    write(train, retrain, salun, again, status=2)
    assert "are the same experiment, seed 0; give one of them" in capsys.readouterr().err
    assert not Path("out").exists()


def test_one_variant_alone_is_named_after_what_departs_from_the_defaults():
    train, retrain, _ = chain()
    none = fake("runs/none", "SalUn", (1.0, 99, 96, 5), relabel="none", before=(1, 99, 96, 4), original=train)
    text = (write(train, retrain, none) / "report.md").read_text()
    assert "| SalUn (relabel none) | 1.00" in text
    assert "| SalUn | not run" in text, "the paper has a row for it"
    text = (write(*chain(data="mine"), out="mine") / "report.md").read_text()
    assert "not run" not in text


@pytest.mark.parametrize("extra", [[], ["--out", "report"]])
def test_a_run_is_not_shown_beside_an_original_that_was_made_again(capsys, extra):
    train, retrain, salun = chain()
    metrics = RunDir(salun).read_metrics("run")
    started_from = {"original_sha256": RunDir(train).weights_sha256()}
    RunDir(salun).write_json(RunDir(salun).metrics, metrics | started_from)
    assert main(["report", train, retrain, salun, *extra]) == 0
    RunDir(train).weights.write_bytes(b"another model")
    assert main(["report", train, retrain, salun, *extra]) == 2
    assert f"{salun}: it started from another model than {train} holds now" in capsys.readouterr().err
    assert main(["report", retrain, salun, *extra]) == (2 if extra else 0), "only the figures need the original"


def test_two_retrained_models_for_one_run_are_refused(capsys):
    runs = chain()
    write(*runs, fake("runs/other", "Retrain", (9.0, 98, 95, 10), lr=0.5), status=2)
    told = capsys.readouterr().err
    assert "are both Retrain of the same split, preset and seed" in told
    assert told.count("\n") == 1


def test_seeds_of_other_settings_are_no_seeds_of_one_experiment(capsys):
    first = chain(seed=0)
    write(*first, *chain(seed=1)[:1], fake("runs/other", "Retrain", (9.0, 98, 95, 10), seed=1, lr=0.5), status=2)
    assert "would be seeds of one experiment, but lr is 0.1 and 0.5" in capsys.readouterr().err


def test_one_name_for_two_sizes_makes_two_tables():
    small, large = chain(seed=0), chain(seed=1)
    for runs, size in ((small, 28), (large, 64)):
        for run in runs:
            change(run, data={"size": size}, data_sha256=f"hash of {size}")
    out = write(*small, *large)
    assert {line["data"] for line in records(out)} == {"bloodmnist at 28x28", "bloodmnist at 64x64"}
    text = (out / "report.md").read_text()
    assert text.count("*SalUn, Falcao & Cordeiro 2025*") == 1, "the paper's images are 64x64"


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
