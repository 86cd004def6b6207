"""Commands that the package prints run as printed, whatever the paths hold."""

import ast
import os
import re
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers.runs import QUIET, write_npz

import medunlearn
from medunlearn.__main__ import main
from medunlearn.errors import command_line
from medunlearn.methods import Classifier
from medunlearn.plans import engines
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, command_for, shown
from medunlearn.training.loggers import _log_location

RUN = """my runs/it's "the" $1 & 10 %"""


@pytest.fixture
def pasted(tmp_path, monkeypatch, tiny_resnet18):
    """Go to a folder with a space; return a function that lets bash parse a line, and the program's arguments."""
    folder, programs = tmp_path / "my work", tmp_path / "bin"
    for path in (folder, programs):
        path.mkdir()
    for name in ("medunlearn", "wandb"):
        (programs / name).write_text(f"""#!/bin/sh\nprintf '%s\\0' {name} "$@"\n""")
        (programs / name).chmod(0o755)
    monkeypatch.chdir(folder)

    def paste(line):
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=True
        )
        return done.stdout.split("\0")[:-1]

    with command_line():
        yield paste


def printed(text, before):
    """Return the command between backticks that follows some text."""
    return re.search(f"{re.escape(before)}`([^`]*)`", text)[1]


def fit(method, run_dir, *options):
    argv = ["fit", f"--model={method}", f"--run_dir={run_dir}", "--data.file=my images.npz", "--data.batch_size=8"]
    return main([*argv, "--trainer.max_epochs=1", *QUIET, *options])


def test_command_after_an_interruption_goes_on_with_the_run(pasted, capsys, monkeypatch):
    write_npz(Path("my images.npz"))
    step = Classifier.training_step

    def interrupted(self, batch, number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "training_step", interrupted)
        assert fit("Train", RUN) == 128 + signal.SIGTERM
    program, *argv = pasted(printed(capsys.readouterr().err, "go on with "))
    assert program == "medunlearn"
    assert argv == ["fit", "--config", f"{RUN}/config.yaml", "--resume", "true"]
    assert main(argv) == 0
    assert RunDir(RUN).finished
    capsys.readouterr()
    assert main(["fit", RUN]) == 2
    _, *argv = pasted(printed(capsys.readouterr().err, "the run there is finished, and "))
    assert argv == ["test", "--run_dir", RUN]
    assert main([*argv, *QUIET]) == 0


def test_command_after_a_config_without_its_option_names_it(pasted, capsys):
    assert main(["fit", "my config.yaml"]) == 2
    _, *argv = pasted(printed(capsys.readouterr().err, "give "))
    assert argv == ["fit", "--config", "my config.yaml"]


def test_commands_about_a_missing_reference_make_and_compare_it(pasted, capsys):
    write_npz(Path("my images.npz"))
    reference = f"{RUN} (reference)"
    assert fit("Retrain", RUN, f"--reference={reference}", "--data.forget.rate=0.25") == 0
    errors = capsys.readouterr().err
    _, *makes = pasted(printed(errors, "make it with "))
    assert makes[-6:] == ["--data.file", "my images.npz", "--data.forget.rate", "0.25", "--run_dir", reference]
    Path("configs").mkdir()
    settings = {"data": {"batch_size": 8}, "model": {"class_path": "Retrain"}}
    Path("configs/NAME.yaml").write_text(yaml.safe_dump(settings))
    assert main([*makes, "--trainer.max_epochs=1", *QUIET]) == 0
    _, *compares = pasted(printed(errors, "once there is one, "))
    assert compares == ["report", reference, RUN]
    assert main(compares) == 0


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (
            {"dataset": "bloodmnist", "size": 64, "forget": {"rate": 0.1, "seed": 0, "stratified": False}},
            ["--data.size", "64"],
        ),
        ({"file": "f.npz", "forget": {"rate": 0.1, "seed": 3}}, ["--data.forget.seed", "3"]),
        ({"file": "f.npz", "forget": {"rate": 0.5}}, ["--data.forget.rate", "0.5"]),
        (
            {"file": "f.npz", "forget": {"classes": ["immature cells", 4]}},
            ["--data.forget.rate", "null", "--data.forget.classes", "[immature cells, 4]"],
        ),
        (
            {"dataset": "pathmnist", "forget": {"indices": Path("17.csv")}},
            ["--data.dataset", "pathmnist", "--data.forget.rate", "null", "--data.forget.indices", "17.csv"],
        ),
    ],
)
def test_command_that_makes_a_reference_changes_the_forget_set_of_a_shipped_config(pasted, data, options):
    _, *argv = pasted(command_for(Path("runs/retrain_blood_10"), split=data))
    assert argv == ["fit", "--config", "configs/retrain_blood_10.yaml", *options]


def test_command_that_sends_an_offline_run_names_its_folder(pasted, logged, capsys):
    _log_location(SimpleNamespace(offline=True, dir=f"{RUN}/logs/wandb/offline-run/files"))
    lines = logged.getvalue() + capsys.readouterr().err  # where Lightning's logger writes depends on its release
    assert pasted(printed(lines, "send it with ")) == ["wandb", "sync", f"{RUN}/logs/wandb/offline-run"]


def test_remedies_from_python_are_calls():
    for argument, method in (("original", "Train"), ("reference", "Retrain")):
        with pytest.raises(ValueError, match="no run there") as missing:
            check_finished(RunDir(RUN), argument)
        call = printed(str(missing.value), "make it with ")
        assert call == f"medunlearn.fit(medunlearn.{method}(data.num_classes), data, run_dir={RUN!r})"
        compile(call, "", "eval")
    Path(RUN).mkdir(parents=True)
    Path(RUN, "config.yaml").write_text("run_dir: x")
    with pytest.raises(ValueError, match="unfinished") as unfinished:
        check_finished(RunDir(RUN), "original")
    assert f"`medunlearn.fit(method, data, run_dir={RUN!r}, resume=True)`" in str(unfinished.value)
    with pytest.raises(ValueError, match=r"make one with `medunlearn\.fit`"):
        check_finished(RunDir(Path(RUN, "config.yaml")), "original")


def test_missing_and_unfinished_runs_are_refused_with_the_command_that_makes_them(pasted):
    with pytest.raises(ValueError, match=r"reference=.*: no run there; make it with") as missing:
        check_finished(RunDir(RUN), "reference", Path("my images.npz"))
    assert pasted(printed(str(missing.value), "make it with "))[-2:] == ["--run_dir", RUN]
    Path(RUN).mkdir(parents=True)
    Path(RUN, "config.yaml").write_text("run_dir: x")
    with pytest.raises(ValueError, match=r"original=.*: the run there is unfinished; make it with") as unfinished:
        check_finished(RunDir(RUN), "original")
    assert pasted(printed(str(unfinished.value), "make it with "))[-4:] == [
        "--config",
        f"{RUN}/config.yaml",
        "--resume",
        "true",
    ]


def test_plain_commands_are_printed_without_quotes():
    assert command_for(Path("runs/train_organa")) == "medunlearn fit --config configs/train_organa.yaml"
    assert command_for(Path("runs/train_organa"), Path("f.npz")).endswith("train_organa.yaml --data.file f.npz")
    assert shown(["wandb", "sync", Path("a b")]) == "wandb sync 'a b'"


def write_plan(folder):
    """Write a plan of two stages whose every path needs quotes; return its file."""
    folder.mkdir(parents=True)
    write_npz(folder / "my images.npz")
    common = {"data": {"file": f"{folder}/my images.npz", "batch_size": 8}, "trainer": {"max_epochs": 1}}
    train = common | {"model": "Train", "run_dir": f"{folder}/my t"}
    retrain = {**common, "model": "Retrain", "run_dir": f"{folder}/my r"}
    retrain["data"] = common["data"] | {"forget": {"rate": 0.25}}
    for name, settings in {"my train": train, "my retrain": retrain}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    (folder / "my plan.yaml").write_text(
        yaml.safe_dump({"configs": ["my train.yaml", "my retrain.yaml"], "seeds": [1]})
    )
    return folder / "my plan.yaml"


def test_commands_of_a_dry_run_and_of_stages_make_the_runs_of_the_plan(pasted, capsys, monkeypatch):
    monkeypatch.setattr(engines, "run_process", lambda argv, _: main(argv[4:]))  # a process takes longest
    plan = write_plan(Path("a b/it's"))
    quiet = [each for each in QUIET if "=" in each]
    assert main(["reproduce", str(plan), "--dry_run", *quiet]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        program, *argv = pasted(line)
        assert program == "medunlearn"
        assert main(argv) == 0
    assert RunDir("a b/it's/my t_seed1").finished
    assert RunDir("a b/it's/my r_seed1").finished
    for run in ("my t_seed1", "my r_seed1"):
        RunDir(Path("a b/it's", run)).clear()
    capsys.readouterr()
    assert main(["reproduce", str(plan), *quiet]) == 0
    announced = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  medunlearn ")]
    assert announced == lines


def test_command_for_an_unfinished_run_in_a_report_goes_on_with_it(pasted, capsys):
    write_npz(Path("my images.npz"))
    assert fit("Train", RUN) == 0
    RunDir(RUN).metrics.unlink()
    assert main(["report", RUN]) == 2
    _, *argv = pasted(printed(capsys.readouterr().err, "go on with "))
    assert argv == ["fit", "--config", f"{RUN}/config.yaml", "--resume", "true"]
    assert main(argv) == 0
    assert RunDir(RUN).finished


def test_command_for_an_original_of_the_users_own_config_makes_it(pasted, capsys):
    write_npz(Path("my images.npz"))
    Path("configs").mkdir()
    original = f"{RUN} (original)"
    own = {"model": "Train", "run_dir": original, "data": {"batch_size": 8}, "trainer": {"max_epochs": 1}}
    Path("configs/my own.yaml").write_text(yaml.safe_dump(own))
    assert fit("SalUn", RUN, f"--model.init_args.original={original}", "--data.forget.rate=0.25") == 2
    _, *argv = pasted(printed(capsys.readouterr().err, "make it with "))
    assert argv == ["fit", "--config", "configs/my own.yaml", "--data.file", "my images.npz"]
    assert main([*argv, *QUIET]) == 0
    assert RunDir(original).finished


# Every command in the source

QUOTED = {
    "{shown(['medunlearn', 'test', '--run_dir', first])}",
    "{shown(['medunlearn', command, '--config', first])}",
    "{command_for(run.path)}",
    "{remedy_for(run.path)}",
    "{remedy_for(run.path, argument, data_file, split)}",
    "{remedy_for(run.path, 'reference', getattr(data, 'file', None), _split(data))}",
    "{command}",  # of `cli/fit.py`, which `shown` returns
    "{shown(['wandb', 'sync', Path(experiment.dir).parent])}",
    "{shown(['medunlearn', 'receipt', answer.run.path])}",  # of an answer: tests/deletion/test_forget.py runs it
    "{shown(command)}",  # of `cli/receipt.py`: tests/cli/test_receipt.py runs it
}
"""Commands with paths in them: the tests above run them."""

FIXED = {
    "medunlearn --version",
    "medunlearn list",
    "medunlearn --completion bash",  # tests/cli/test_completion.py runs it
    "medunlearn list methods",
    "medunlearn {command} --trainer.help",
    "medunlearn {command} --model.help {own}",
    "medunlearn fit --help",
    "medunlearn reproduce --help",
    "medunlearn tune --help",
    "medunlearn curve --help",
    "medunlearn forget --help",
    "medunlearn report --help",
    "medunlearn {self.config.subcommand} --help",
    "medunlearn {command} --help",
    "medunlearn {self.command} --{option}.help {path}",
}
"""Commands without paths of the user's."""

STUDIES = {f"medunlearn {name} --help" for name in ("confuse", "poison", "ulira")}
"""What `medunlearn {command} --help` stands for."""
NOT_TO_BE_PASTED = {
    "medunlearn {command} --help",
    "medunlearn fit --model {name}",  # "... and its options"
    "medunlearn COMMAND --help",
    "medunlearn fit --config",
    "medunlearn report",
    "medunlearn report runs/*",
    "medunlearn curve runs/train_blood",
    "medunlearn audit runs/salun --out audit",
    "medunlearn receipt",  # the command's name; tests/cli/test_receipt.py runs its forms
    "medunlearn receipt --new_key clinic.pem",
    "medunlearn relearn runs/salun",
    "medunlearn forget --from runs/clinic --groups P0017 --run_dir runs/request_1",  # tests/deletion/test_forget.py
    "medunlearn export runs/salun --format onnx",
    "medunlearn strata runs/train --out_of runs/r",
    "medunlearn confuse demo --classes 0 1",  # which takes minutes; tests/confusion runs a study of tiny images
    "medunlearn ulira demo",  # which takes hours; tests/ulira runs a study of tiny images
    "medunlearn poison demo",  # which takes minutes; tests/poisoning/test_study.py runs a study of tiny images
    "medunlearn report RUN... --out DIR",
    "medunlearn tune configs/demo_salun.yaml",  # which takes minutes; tests/test_readme.py runs it on tiny images
    "medunlearn {command} --model.help NAME",
    "wandb login",  # asks for a key
    "wandb login --relogin",
    "pip install 'medunlearn[dashboard]'",
    "pip install 'medunlearn[ray]'",
    "pip install 'medunlearn[export]'",
    "pip install 'medunlearn[timm]'",
    "pip install 'medunlearn[{extra}]'",
    "pip install 'medunlearn[dicom]'",
    "pip install 'medunlearn[completion]'",
    "medunlearn import",
    "medunlearn import scans --out clinic.npz",  # tests/cli/test_importing.py imports a folder
    "pip install 'medunlearn[receipt]'",
}
"""Names of commands, commands with something to fill in, and those of other programs."""


def sources():
    """Yield the texts of the package's source that are no docstrings, with `{...}` where a value goes in."""
    for path in sorted(Path(medunlearn.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.JoinedStr):
                    yield "".join(
                        part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
                        for part in child.values
                    )
                elif isinstance(child, ast.Constant) and not isinstance(node, ast.Expr | ast.JoinedStr):
                    yield str(child.value)


def test_every_command_in_the_source_is_one_of_those_that_are_run():
    spans = {span for text in sources() for span in re.findall("`([^`]*)`", text)}
    programs = ("medunlearn ", "wandb ", "pip ", "python ", "{command", "{remedy_for(", "{shown(")
    found = {span for span in spans if span.startswith(programs)} - {"{command} --help"}  # whose {command} is a name
    assert found == QUOTED | FIXED | NOT_TO_BE_PASTED, "put a new command where it belongs, and run it in a test"


@pytest.mark.parametrize("command", sorted(STUDIES | {each for each in FIXED if "{" not in each}))
def test_command_without_a_path_runs(pasted, command):
    program, *argv = pasted(command)
    assert program == "medunlearn"
    try:
        assert main(argv) == 0
    except SystemExit as end:
        assert not end.code  # noqa: PT017


def test_commands_that_the_help_of_fit_names_run(pasted, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--model=Train", "--help"])
    commands = set(re.findall(r"`(medunlearn [^`]*help[^`]*)`", " ".join(capsys.readouterr().out.split())))
    assert commands
    for command in commands:
        with pytest.raises(SystemExit) as end:
            main(pasted(command.replace("NAME", "SalUn"))[1:])
        assert not end.value.code
        assert "--" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["fit", "--model=Train", "--data.dataset=synthetic", "--run_dir=r", "--model.init_args.momentu=1"],
        ["fit", "--model=helpers.methods.Phases", "--data.dataset=synthetic", "--run_dir=r", "--model.init_args.x=1"],
        ["test", "--model=Train", "--typo=1"],
        ["report", "--typo"],
        ["reproduce", "demo", "--dry_run=3"],
    ],
)
def test_command_that_lists_options_after_a_wrong_one_runs(pasted, capsys, argv):
    assert main(argv) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    command = re.findall(r"`(medunlearn [^`]*help[^`]*)`", line)[-1]
    with pytest.raises(SystemExit) as end:
        main(pasted(command)[1:])
    assert not end.value.code
    assert "--" in capsys.readouterr().out
