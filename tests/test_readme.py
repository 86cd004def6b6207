"""Every block of the README is run as it stands there, on tiny images where it trains."""

import re
import shlex
import shutil
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.runs import QUIET, weights, write_npz
from helpers.studies import here
from PIL import Image

from medunlearn import SalUn, plugins
from medunlearn.__main__ import main
from medunlearn.cli.settings import resolved_settings
from medunlearn.errors import InputError, Interrupted, command_line
from medunlearn.files.configs import shipped_configs
from medunlearn.plans import engines
from medunlearn.runs import RunDir
from medunlearn.training.failures import explained

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)


def block(language: str, start: str) -> str:
    """Return the one block of a language that begins so."""
    (found,) = [code for kind, code in BLOCKS if kind == language and code.startswith(start)]

    return found


def commands(code: str) -> list[list[str]]:
    """Return the commands of a block for the shell, each as its arguments, with `*` expanded."""
    lines = (shlex.split(line, comments=True) for line in code.splitlines())
    return [
        [name for argument in argv for name in (sorted(map(str, Path().glob(argument))) or [argument])]
        for argv in lines
        if argv
    ]


def tiny(npz: Path) -> list[str]:
    """Return options that make a shipped config quick."""
    return [f"--data.file={npz}", "--data.batch_size=8", "--trainer.max_epochs=1", *QUIET]


def refusal(argv: list[str]) -> str:
    """Return the error of a command; nothing where it is taken."""
    try:
        resolved_settings(argv)
    except InputError as error:
        return str(error)
    return ""


def run_all(code: str, options: list[str]) -> None:
    """Run the commands of a block; `options` go to each fit, and plans are only printed."""
    for program, command, *argv in commands(code):
        assert program == "medunlearn"
        more = {"fit": options, "reproduce": ["--dry_run"]}.get(command, [])
        assert main([command, *argv, *more]) == 0


def test_the_papers_experiment_runs_as_the_page_shows_it(narrow_resnet18, npz, capsys):
    run_all(block("bash", "medunlearn fit --config configs/train_blood.yaml"), tiny(npz))
    table = capsys.readouterr().out
    for name in ("train_blood", "retrain_blood_10", "salun_blood_10"):
        assert f"| runs/{name} " in table
    run_all(block("bash", "medunlearn reproduce paper"), [])
    assert "medunlearn fit --config configs/salun_path_50.yaml" in capsys.readouterr().out
    for name in ("report.html", "report.md", "tables.tex", "results.csv"):
        assert Path("report", name).is_file()


def test_a_plan_of_ones_own_runs_every_combination(npz, capsys):
    code = block("yaml", "configs: [train_ours.yaml")
    npz.rename("ours.npz")
    for stage, shipped in (("train", "train_blood"), ("retrain", "retrain_blood_10"), ("salun", "salun_blood_10")):
        content = (shipped_configs() / f"{shipped}.yaml").read_text()
        for name, ours in (("train_blood", "a"), ("retrain_blood_10", "b"), ("salun_blood_10", "c")):
            content = content.replace(f"runs/{name}", f"runs/{ours}")
        Path(f"{stage}_ours.yaml").write_text(content)
    Path("plan.yaml").write_text(code)
    assert main(["reproduce", "plan.yaml", "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (3 + 1) * 3 * 2, "three configs and one more Retrain under three seeds and two presets"
    assert all("--data.file=ours.npz" in line for line in lines)


def test_code_in_python_makes_finished_runs(narrow_resnet18, fit, npz, monkeypatch, capsys):
    own_start, own_trainer = block("python", "import medunlearn\nfrom lightning"), block("python", "from lightning.")
    whole = "--model.init_args.backbone=resnet18"
    fit("Train", "runs/train_blood", whole, epochs=1)
    fit("Retrain", "runs/retrain_blood_10", "--data.forget.rate=0.1", whole, epochs=1)
    assert own_start.count('"bloodmnist"') == 1
    names = {}
    monkeypatch.setitem(SalUn.trainer_arguments, "max_epochs", 1)
    exec(own_start.replace('"bloodmnist"', f'file="{npz}", batch_size=8'), names)
    assert RunDir("runs/salun_blood_10").finished
    shutil.rmtree("runs/salun_blood_10")
    assert "max_epochs=10" in own_trainer
    exec(own_trainer.replace("max_epochs=10", "max_epochs=1"), names)
    assert RunDir("runs/salun_blood_10").finished
    printed = [line for line in capsys.readouterr().out.splitlines() if re.fullmatch(r"[\d.]+ [\d.]+", line)]
    assert len(printed) == 2


def test_the_command_for_several_gpus_asks_for_four():
    (argv,) = commands(block("bash", "medunlearn fit --config configs/train_path.yaml --trainer.devices"))
    trainer = resolved_settings(argv[1:])["trainer"]
    assert (str(trainer["devices"]), trainer["strategy"]) == ("4", "ddp")


def test_an_interrupted_run_says_what_the_page_shows():
    shown = block("text", "medunlearn: ended by").strip()
    run = RunDir("runs/train_path")
    run.path.mkdir(parents=True)
    run.config.touch()
    with command_line(), pytest.raises(Interrupted) as end, explained(run):
        raise Interrupted(signal.SIGTERM)
    assert f"medunlearn: {end.value}" == shown


def test_settings_are_chosen_as_the_page_shows_it(narrow_resnet18, fit, npz, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    fit("Train", "runs/demo/train", backbone="resnet18", epochs=1)
    code = block("bash", "medunlearn tune")
    (tune, chosen) = commands(code)
    assert main([*tune[1:], "--trials", "1", *tiny(npz)]) == 0
    assert main([*chosen[1:], *QUIET]) == 0
    assert RunDir("runs/tune/tuned").finished
    assert "| untouched " in capsys.readouterr().out
    page = re.sub(r" +#.*", "", (ROOT / "docs" / "guides" / "tune.md").read_text())
    assert code in page, "the two pages give the same commands"


def test_runs_are_audited_as_the_page_shows_it(npz, fit, capsys):
    (argv,) = commands(block("bash", "medunlearn audit"))
    fit("Train", "runs/train", epochs=1)
    for seed, run in enumerate(argv[4:6]):
        assert run.startswith("runs/retrain_blood_10")
        fit("Retrain", run, "--data.forget.rate=0.2", f"--seed_everything={seed}", epochs=1)
    settings = ["--model.init_args.original=runs/train", f"--reference={argv[4]}", "--data.forget.rate=0.2"]
    fit("SalUn", argv[2], *settings, epochs=1)
    assert main(argv[1:]) == 0
    assert "Written to audit/audit.html" in capsys.readouterr().out


def test_request_is_answered_as_the_page_shows_it(narrow_resnet18, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    rng, rows = np.random.default_rng(0), ["path,label,patient"]
    for number in range(120):
        name = ("benign", "malignant")[number % 2]
        path = Path("scans", name, f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 200, (8, 8), dtype=np.uint8) + 50 * (number % 2)).save(path)
        rows.append(f"{name}/{number}.png,{name},P{number // 4:04}")
    Path("labels.csv").write_text("\n".join(rows))
    code = block("bash", "medunlearn import")
    more = {
        "import": ["--yes", "--size", "8"],
        "fit": tiny(Path("clinic.npz"))[1:],
        "forget": ["--trials", "1", *QUIET],
    }
    for _, command, *argv in commands(code):
        if command != "export":  # tests/exporting writes an ONNX file
            assert main([command, *argv, *more.get(command, [])]) == 0, command
    said = capsys.readouterr().out
    assert ", 0 differ, " in said
    assert "Forgotten: 1 patient: 4 training images" in said
    for line in code.splitlines():
        assert re.sub(" *#.*", "", line) in (ROOT / "docs" / "guides" / "forget.md").read_text(), (
            "the two pages give the same"
        )


def test_a_method_of_ones_own_runs_from_its_config(narrow_resnet18, fit, monkeypatch):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    code, config = block("python", "# finetune.py"), block("yaml", "# finetune.yaml")
    Path("finetune.py").write_text(code)
    Path("finetune.yaml").write_text(config)
    fit("Train", "runs/demo/train", backbone="resnet18")
    fit("Retrain", "runs/demo/retrain", "--data.forget.rate=0.1", backbone="resnet18")
    tiny = [f"--data.file={write_npz(Path('tiny.npz'))}", "--data.batch_size=8", *QUIET]
    assert main(["fit", "--config=finetune.yaml", *tiny, "--model.init_args.lr=0"]) == 0
    metrics = RunDir("runs/demo/finetune").read_metrics("run")
    assert metrics["method"] == "Finetune"
    assert metrics["original"] == "runs/demo/train"
    assert metrics["trained_on"] == "retain"
    assert metrics["AG"] is not None
    before, after = (weights(Path(f"runs/demo/{name}")) for name in ("train", "finetune"))
    learned = [name for name in before if "running" not in name and "num_batches" not in name]
    assert learned
    assert all(before[name].equal(after[name]) for name in learned), "it begins with the original's weights"


def test_set_up_and_development_are_what_ci_does():
    set_up, development = block("bash", "pip install -e .\n"), block("bash", 'pip install -e ".[dev]"')
    assert "medunlearn reproduce demo" in set_up
    assert "medunlearn reproduce demo" in CI
    for command in re.split(r"\n| && ", development.strip()):
        packages = command.removeprefix("pip install ")
        assert packages in CI, f".ci/run does not run `{command}`"


def test_entry_points_of_a_package_of_ones_own_are_of_known_groups():
    declared = tomllib.loads(block("toml", "[project.entry-points"))["project"]["entry-points"]
    assert {name.removeprefix("medunlearn.") for name in declared} <= set(plugins.BUILT_IN)


def test_extras_that_are_named_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set(re.findall(r'pip install -e "\.\[(\w+)\]"', TEXT))
    assert named
    assert named <= extras.keys()


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z_]+(?:\.[a-z_]+)*)[ `]", TEXT))))
def test_options_that_are_named_exist(option):
    """An option with a wrong value is refused for its value, one that does not exist for its name."""
    own = {"--engine": "reproduce", "--retrain_seeds": "reproduce", "--out": "report", "--space": "tune"}
    if option in own:
        command = own[option]
        with pytest.raises(SystemExit):
            main([command, "--help"])
        return
    assert "no such option" in refusal(["fit", "--model=Train", "--data.bogus", "{}"])
    base = ["fit", "--model=SalUn", "--model.init_args.original=x", "--data.dataset=bloodmnist", "--run_dir=x"]
    assert "no such option" not in refusal([*base, option, "{}"])


def test_metric_keys_that_a_run_writes_are_in_the_table_of_files(fit):
    run = fit("Train", "runs/a", epochs=1)
    table = re.search(r"\| file \| what it holds \|\n(.*?)\n\n", TEXT, re.DOTALL)[1]
    for name in re.findall(r"`([\w./]+)`", table):
        if "." in name and name.endswith((".yaml", ".json", ".ckpt", ".npz")):
            assert (run / name).is_file(), f"{name} is in the README and not in the run directory"
    yaml.safe_load((run / "config.yaml").read_text())


def test_blocks_are_all_tested():
    source = Path(__file__).read_text()
    starts = re.findall(r'block\("\w+", [\'"](.*?)[\'"]\)', source)
    unread = [
        code
        for _, code in BLOCKS
        if "▶" not in code and not any(code.startswith(start.encode().decode("unicode_escape")) for start in starts)
    ]
    assert not unread, f"no test runs {unread}"
