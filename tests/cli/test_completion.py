"""Completion in a shell: the script is made once and asked in bash."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest
from helpers import forked
from helpers.runs import refused

from medunlearn.__main__ import main
from medunlearn.cli.completion import SHELLS
from medunlearn.plugins import BUILT_IN, names

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_shtab_medunlearn 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Return the file of what completes in bash."""
    pytest.importorskip("shtab")
    folder = tmp_path_factory.mktemp("completion")
    done = forked.run(folder, ["-m", "medunlearn", "--completion", "bash"], dict(os.environ), seconds=60)
    assert done.returncode == 0, done.stderr
    (folder / "medunlearn").write_text(done.stdout)
    return folder / "medunlearn"


def completed(script, line):
    """Return what bash offers at the end of a line."""
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    done = subprocess.run(["bash", "-c", ASK, "bash", script, *words], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_completion_offers_every_command(script):
    assert completed(script, "medunlearn ") >= set(BUILT_IN["commands"])
    assert completed(script, "medunlearn rec") == {"receipt"}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fit --model SalU", {"SalUn", "SalUnSoft"}),
        ("fit --model.help SCR", {"SCRUB"}),
        ("fit --data.dataset bloodm", {"bloodmnist"}),
        ("fit --run_d", {"--run_dir"}),
        ("fit --model.init_args.mask_r", {"--model.init_args.mask_ratio"}),
        ("fit --resume ", {"true", "false"}),
        ("fit --config configs/train_blo", {"configs/train_blood.yaml"}),
        ("fit --ckpt_p", set()),
        ("test --data.batch_s", {"--data.batch_size"}),
        ("reproduce dem", {"demo"}),
        ("reproduce demo --dry", {"--dry_run"}),
        ("reproduce demo --engine r", {"ray"}),
        ("tune configs/demo_salun.yaml --trainer.max_ep", {"--trainer.max_epochs"}),
        ("forget --method Fis", {"FisherForgetting"}),
        ("forget --trainer.max_ep", {"--trainer.max_epochs"}),
        ("list meth", {"methods"}),
    ],
)
def test_completion_offers_options_and_their_values(script, line, offered):
    assert completed(script, f"medunlearn {line}") == offered


def test_completion_offers_files_where_a_file_or_a_folder_goes(script, tmp_path):
    for name in ("own.yaml", "own_run"):
        (tmp_path / name).touch()
    assert completed(script, "medunlearn fit --config own") == {"own.yaml", "own_run"}
    assert completed(script, "medunlearn report own_") == {"own_run"}


def test_completion_offers_every_method_of_the_package(script):
    assert completed(script, "medunlearn fit --model ") == set(names("methods"))


@pytest.mark.parametrize("given", [[], ["fish"]])
def test_shell_that_is_not_known_is_refused(capsys, given):
    line = refused(capsys, "--completion", *given)
    assert line == f"completion={''.join(given)}: no such shell; choose one of {', '.join(SHELLS)}"


def test_shtab_that_is_not_installed_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--completion", "bash"]) == 2
    assert "pip install 'medunlearn[completion]'" in capsys.readouterr().err
