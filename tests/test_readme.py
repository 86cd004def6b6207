"""Every block of the README is run as it stands there, on tiny images where it trains."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
from helpers.runs import QUIET
from helpers.studies import here
from PIL import Image

from medunlearn import SalUn
from medunlearn.__main__ import main
from medunlearn.plans import engines
from medunlearn.runs import RunDir

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


def test_code_in_python_makes_a_finished_run(narrow_resnet18, fit, npz, monkeypatch, capsys):
    code = block("python", "import medunlearn")
    fit("Train", "runs/train_blood", epochs=1, backbone="resnet18")
    fit("Retrain", "runs/retrain_blood_10", "--data.forget.rate=0.1", epochs=1, backbone="resnet18")
    assert code.count('"bloodmnist"') == 1
    monkeypatch.setitem(SalUn.trainer_arguments, "max_epochs", 1)
    exec(code.replace('"bloodmnist"', f'file="{npz}", batch_size=8'), {})
    assert RunDir("runs/salun_blood_10").finished
    assert re.fullmatch(r"[\d.]+ [\d.]+", capsys.readouterr().out.splitlines()[-1])


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
        assert main([command, *argv, *more.get(command, [])]) == 0, command
    said = capsys.readouterr().out
    assert ", 0 differ, " in said
    assert "Forgotten: 1 patient: 4 training images" in said
    for line in code.splitlines():
        assert re.sub(" *#.*", "", line) in (ROOT / "docs" / "guides" / "forget.md").read_text(), (
            "the two pages give the same"
        )


def test_set_up_and_development_are_what_ci_does():
    set_up, development = block("bash", "pip install -e .\n"), block("bash", 'pip install -e ".[dev]"')
    assert "medunlearn reproduce demo" in set_up
    assert "medunlearn reproduce demo" in CI
    for command in re.split(r"\n| && ", development.strip()):
        packages = command.removeprefix("pip install ")
        assert packages in CI, f".ci/run does not run `{command}`"


def test_extras_that_are_named_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set(re.findall(r'pip install -e "\.\[(\w+)\]"', TEXT))
    assert named
    assert named <= extras.keys()


def test_blocks_are_all_tested():
    source = Path(__file__).read_text()
    starts = re.findall(r'block\("\w+", [\'"](.*?)[\'"]\)', source)
    unread = [
        code
        for _, code in BLOCKS
        if "▶" not in code and not any(code.startswith(start.encode().decode("unicode_escape")) for start in starts)
    ]
    assert not unread, f"no test runs {unread}"


def test_the_first_table_is_printed_from_the_committed_results():
    script = ROOT / "benchmarks" / "evidence" / "front_table.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("| | AG, 10 % | AG, 50 % |")
    assert printed in TEXT
