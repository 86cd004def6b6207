"""What is wrong with a plan, its options or one of its stages is one line, and hurts nothing else."""

import signal
import sys
from pathlib import Path

import pytest
from helpers.plans import dry, runner, two_chains, write

import medunlearn.plans.engines as execution
from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.files.configs import resolve_configs


def test_a_finished_stage_that_cannot_be_read_does_not_end_the_plan(monkeypatch, capsys):
    calls = runner(monkeypatch, {})
    Path("r/a_train").mkdir(parents=True)
    Path("r/a_train/metrics.json").write_text('{"runtime": ')
    assert main(["reproduce", *two_chains()]) == 1
    assert calls == ["r/b_train", "r/b_salun"]
    printed = capsys.readouterr()
    assert "medunlearn: r/a_train failed: run_dir=r/a_train: r/a_train/metrics.json cannot be read" in printed.err
    assert "medunlearn: r/a_salun left out: it needs r/a_train" in printed.err
    assert "THE TABLE" in printed.out


def test_outcomes_of_stages_are_printed_where_nothing_can_be_compared(monkeypatch, capsys):
    from medunlearn.report.table import comparison

    runner(monkeypatch, {"r/a_train": 3})
    monkeypatch.setattr("medunlearn.report.table.comparison", comparison)  # which misses everything in these runs
    assert main(["reproduce", *two_chains()]) == 1
    printed = capsys.readouterr().err
    assert "medunlearn: r/a_train failed: exit status 3" in printed
    assert "medunlearn: no comparison: report=r/b_train" in printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stage_that_a_signal_kills_before_it_listens_ends_the_plan(monkeypatch, capsys, number):
    calls = runner(monkeypatch, {"r/a_train": -number})
    assert main(["reproduce", *two_chains()]) == 128 + number
    assert calls == ["r/a_train"]
    assert f"medunlearn: ended by {signal.Signals(number).name}; the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "lambda *_: sys.exit(1)", "lambda *_: sys.exit(0)"])
def test_a_signal_that_was_passed_on_ends_the_plan_whatever_the_stage_made_of_it(handler):
    asks = f"signal.signal(signal.SIGTERM, {handler}); time.sleep(0.2); os.kill(os.getppid(), signal.SIGTERM)"
    stage = f"import os, signal, sys, time; {asks}; time.sleep(60)"
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # a stage that is too quick must not end the tests
    try:
        assert execution.run_process([sys.executable, "-c", stage]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_ends_a_stage_that_has_not_begun_to_listen_without_a_traceback(capfd):
    stage = "import os, signal, time; time.sleep(0.2); os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"
    before = signal.signal(signal.SIGINT, lambda *_: None)  # a stage that is too quick must not end the tests
    try:
        assert execution.run_process([sys.executable, "-c", stage]) == 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "option", "by"),
    [
        (["--seeds", "0", "--seed_everything", "5"], "--seed_everything", "seeds"),
        (["--seeds", "0", "--data.forget.seed=5"], "--data.forget.seed", "seeds"),
        (["--seeds", "0", "--data.forget", "{rate: 0.1, seed: 5}"], "--data.forget.seed", "seeds"),
        (["--augmentations", "Default", "--data.augmentation", "NoAug"], "--data.augmentation", "augmentations"),
        (["--augmentations", "Default", '--data={"augmentation":"NoAug"}'], "--data.augmentation", "augmentations"),
    ],
)
def test_options_that_seeds_and_augmentations_set_are_not_given_beside_them(capsys, argv, option, by):
    message = f"{option}: this plan's {by} set it for each stage; leave out {option} or {by}"
    files = two_chains()
    assert main(["reproduce", *files, *argv, "--dry_run"]) == 2
    assert message in capsys.readouterr().err
    values = {"seeds": [0], "augmentations": ["Default"]}
    plan = write("plan.yaml", configs=files, options={"trainer.max_epochs": 3}, **{by: values[by]})
    assert main(["reproduce", plan, *argv[2:], "--dry_run"]) == 2
    assert message in capsys.readouterr().err
    assert len(dry(capsys, *files, *argv[2:])) == 4, "without them it goes to every stage"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        *(
            (["--seeds", "0", seed], f"seeds={seed}: not a seed; give whole numbers from 0 to 4294967295")
            for seed in ("a", "0.5", "-1", "4294967296", "9" * 30)
        ),
        (["--seeds"], "--seeds: expected at least one argument; `medunlearn reproduce --help` lists the options"),
        (["--rates", "x"], "--rates: invalid float value: 'x'; `medunlearn reproduce --help`"),
        (["--engine", "slurm"], "--engine: invalid choice: 'slurm'"),
        (["--dry_run=yes"], "--dry_run: ignored explicit argument 'yes'"),
    ],
)
def test_options_of_a_plan_with_wrong_values_are_refused_in_one_line(capsys, argv, message):
    assert main(["reproduce", "paper", "--dry_run", *argv]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_plan_file_names_no_wrong_seed(capsys, seed):
    assert main(["reproduce", write("plan.yaml", configs=two_chains(), seeds=[seed]), "--dry_run"]) == 2
    assert f"seeds={seed}: not a seed; give whole numbers from 0 to 4294967295" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--run_di", "--overw", "--res", "--conf", "--c", "-c", "-cx.yaml", "--print_config"]
)
def test_a_shortened_option_is_refused_like_the_whole_one(capsys, option):
    for argv in ([option, "x"], [f"{option}=x"]):
        assert main(["reproduce", *two_chains(), *argv, "--dry_run"]) == 2
        assert f"{option}: does not go to every stage of a plan" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--conf", "bad.yaml"], ["--confi=bad.yaml"], ["-cbad.yaml"], ["-c=bad.yaml"]])
def test_a_config_is_looked_at_however_its_option_is_written(argv):
    Path("bad.yaml").write_text("- no settings")
    with pytest.raises(InputError, match=r"config=bad.yaml: holds no settings"):
        resolve_configs(["fit", *argv])
    Path("bad.yaml").unlink()
    assert resolve_configs(["fit", "-cconfigs/train_blood.yaml"])[1].endswith("configs/train_blood.yaml")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("papr", "plan=papr: no such plan; did you mean paper? The shipped plans are blood28, demo, figure2, paper"),
        ("x", "plan=x: no such plan; give a YAML file or one of blood28, demo, figure2, paper"),
        ("plan.yaml", "plan=plan.yaml: names no configs; write `configs: [FILE, FILE]`"),
        ("seeds.yaml", "plan=seeds.yaml: names no configs; write `configs: [FILE, FILE]`"),
    ],
)
def test_a_plan_that_is_none_is_not_taken_for_an_experiment(capsys, name, message):
    write("plan.yaml", config=["configs/train_blood.yaml"])
    write("seeds.yaml", confgs=["configs/train_blood.yaml"], seeds=[1])
    assert main(["reproduce", name, "--dry_run"]) == 2
    assert capsys.readouterr().err == f"medunlearn: error: {message}\n"


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["--dryrun"], "--dryrun: no such option; did you mean --dry_run? "),
        (["--sedes", "1"], "--sedes 1: no such option; did you mean --seeds? "),
        (["--nonsense"], "--nonsense: no such option; "),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry_run"]])
def test_an_unknown_option_points_to_those_of_plans(capsys, argv, hint, dry):
    assert main(["reproduce", "configs/train_blood.yaml", *argv, *dry]) == 2
    printed = capsys.readouterr().err
    assert f"{hint}`medunlearn reproduce --help` lists the options, `medunlearn fit --help` those of stages" in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("run_dir: r\nmodel:\n  class_path: Train\n init_args: 3\n", "line 4, column 2: expected <block end>"),
        ("run_dir: r\ndata: [1\nmodel: x\n", "line 3, column 6: expected ',' or ']'"),
        ("run_dir: r\n\tdata: 3\n", "line 2, column 1: found character '\\t' that cannot start any token"),
    ],
)
def test_a_fault_in_a_config_is_named_with_its_place(capsys, text, where):
    Path("bad.yaml").write_text(text)
    assert main(["reproduce", "bad.yaml", "--dry_run"]) == 2
    printed = capsys.readouterr().err
    assert f"config=bad.yaml: cannot be read as YAML ({where}" in printed
    assert printed.count("\n") == 1
