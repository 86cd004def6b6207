"""`medunlearn tune`: what its page says, and what reaches the trials."""

import ast
from pathlib import Path

import pytest
from test_imports import modules

from medunlearn.__main__ import main
from medunlearn.cli.tune import begin
from medunlearn.files.configs import shipped_configs
from medunlearn.plans.options import override
from medunlearn.plans.stages import read_stage


def test_help_explains_options_spaces_and_what_is_left(capsys):
    with pytest.raises(SystemExit):
        main(["tune", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name in ("--trials N", "--space FILE", "--out DIR", "--select", "--no_halving", "--engine", "--parallel K"):
        assert name in told
    for name in ("{times: [0.1, 10]}", "study.jsonl", "trials.csv", "tuned.yaml", "medunlearn fit --config"):
        assert name in told


def test_optuna_is_imported_only_where_a_study_runs():
    for module, path in modules().items():
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in top for alias in node.names} | {getattr(node, "module", "") for node in top}
        assert not any((name or "").partition(".")[0] == "optuna" for name in names), module


def test_a_config_that_does_not_exist_or_an_unknown_option_is_one_line(capsys):
    assert main(["tune", "nowhere.yaml"]) == 2
    assert "config=nowhere.yaml: no such file" in capsys.readouterr().err
    assert main(["tune", "configs/demo_salun.yaml", "--trial", "3"]) == 2
    assert "--trial 3: no such option; did you mean --trials? `medunlearn tune --help`" in capsys.readouterr().err
    assert main(["tune", "configs/demo_train.yaml"]) == 2
    assert "Train unlearns nothing; give a config with an original" in capsys.readouterr().err
    assert main(["tune", "configs/demo_salun.yaml"]) == 2
    assert "original=runs/demo/train: no run there; make it with" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_trial_is_announced_with_its_place_among_all(capsys):
    begin(read_stage(shipped_configs() / "demo_salun.yaml", (override("run_dir", "t/trial_003"),)), 8)
    assert capsys.readouterr().out.startswith("t/trial_003 (4 of 8)\n  medunlearn fit --config ")
