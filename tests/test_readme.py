"""Every block of the README is run as it stands there, on tiny images where it trains."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from helpers.blocks import BLOCK, OF_SCANS, block, commands, run_all, tiny, write_scans
from helpers.runs import QUIET
from helpers.studies import here

from medunlearn import SalUn
from medunlearn.plans import engines
from medunlearn.runs import RunDir

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
README = ROOT / "README.md"


def test_the_papers_experiment_runs_as_the_page_shows_it(tiny_resnet18, npz, capsys):
    code = block(README, "bash", "medunlearn fit --config configs/train_blood.yaml")
    assert {program for program, *_ in commands(code)} == {"medunlearn"}
    run_all(code, {"fit": tiny(npz)})
    table = capsys.readouterr().out
    for name in ("train_blood", "retrain_blood_10", "salun_blood_10"):
        assert f"| runs/{name} " in table


def test_code_in_python_makes_a_finished_run(tiny_resnet18, fit, npz, monkeypatch, capsys):
    code = block(README, "python", "import medunlearn")
    fit("Train", "runs/train_blood", epochs=1, backbone="resnet18")
    fit("Retrain", "runs/retrain_blood_10", "--data.forget.rate=0.1", epochs=1, backbone="resnet18")
    assert code.count('"bloodmnist"') == 1
    monkeypatch.setitem(SalUn.trainer_arguments, "max_epochs", 1)
    exec(code.replace('"bloodmnist"', f'file="{npz}", batch_size=8'), {})
    assert RunDir("runs/salun_blood_10").finished
    assert re.fullmatch(r"[\d.]+ [\d.]+", capsys.readouterr().out.splitlines()[-1])


def test_request_is_answered_as_the_page_shows_it(tiny_resnet18, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    write_scans()
    code = block(README, "bash", "medunlearn import")
    assert {program for program, *_ in commands(code)} == {"medunlearn"}
    run_all(code, OF_SCANS | {"forget": ["--trials", "1", *QUIET]})
    said = capsys.readouterr().out
    assert ", 0 differ, " in said
    assert "Forgotten: 1 patient: 4 training images" in said
    for line in code.splitlines():
        assert re.sub(" *#.*", "", line) in (ROOT / "docs" / "guides" / "forget.md").read_text(), (
            "the two pages give the same"
        )


def test_set_up_and_development_are_what_ci_does():
    set_up, development = block(README, "bash", "pip install -e .\n"), block(README, "bash", 'pip install -e ".[dev]"')
    assert "medunlearn reproduce demo" in set_up
    assert "medunlearn reproduce demo" in CI
    for command in re.split(r"\n| && ", development.strip()):
        packages = command.removeprefix("pip install ").replace(
            '[dev]"', '[dev,docs]"'
        )  # the pages are built there too
        assert packages in CI, f".ci/run does not run `{command}`"


def test_extras_that_are_named_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set(re.findall(r'pip install -e "\.\[(\w+)\]"', TEXT))
    assert named
    assert named <= extras.keys()


def test_blocks_are_all_tested():
    source = Path(__file__).read_text()
    starts = re.findall(r'block\(README, "\w+", [\'"](.*?)[\'"]\)', source)
    written = [start.encode().decode("unicode_escape") for start in starts]
    unread = [code for _, code in BLOCK.findall(TEXT) if not code.startswith(tuple(written))]
    assert not unread, f"no test runs {unread}"


def test_the_first_table_is_printed_from_the_committed_results():
    script = ROOT / "benchmarks" / "evidence" / "front_table.py"
    printed = subprocess.run([sys.executable, script, "--median"], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("| | AG, 10 % | AG, 50 % |")
    assert printed in TEXT
