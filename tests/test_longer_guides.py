"""Commands of docs/guides/audit.md and tune.md, run as they stand there."""

from pathlib import Path

from helpers.blocks import blocks, commands, tiny
from helpers.runs import QUIET
from helpers.studies import here

from medunlearn.__main__ import main
from medunlearn.plans import engines
from medunlearn.runs import RunDir

GUIDES = Path(__file__).parents[1] / "docs" / "guides"


def test_settings_are_chosen_as_the_page_shows_it(fit, npz, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    fit("Train", "runs/demo/train", backbone="narrow_resnet18", epochs=1)
    tune, chosen = commands(blocks(GUIDES / "tune.md", "bash")[0])
    assert main([*tune[1:], "--trials", "1", *tiny(npz)]) == 0
    assert main([*chosen[1:], *QUIET]) == 0
    assert RunDir("runs/tune/tuned").finished
    assert "| untouched " in capsys.readouterr().out


def test_runs_are_audited_as_the_page_shows_it(npz, fit, capsys):
    (argv,) = commands(blocks(GUIDES / "audit.md", "bash")[0])
    fit.original("runs/train", epochs=1)
    for seed, run in enumerate(argv[4:6]):
        assert run.startswith("runs/retrain_blood_10")
        fit("Retrain", run, "--data.forget.rate=0.2", f"--seed_everything={seed}", epochs=1)
    settings = ["--model.init_args.original=runs/train", f"--reference={argv[4]}", "--data.forget.rate=0.2"]
    fit("SalUn", argv[2], *settings, epochs=1)
    assert main(argv[1:]) == 0
    assert "Written to audit/audit.html" in capsys.readouterr().out
