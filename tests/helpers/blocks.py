"""Blocks of code in Markdown pages: found, cut into commands, and looked at without being run."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.runs import QUIET
from medunlearn.__main__ import main
from medunlearn.cli.examples import EXAMPLES
from medunlearn.cli.parser import CommandParser
from medunlearn.cli.settings import resolved_settings
from medunlearn.errors import InputError
from medunlearn.files.configs import find_config

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OF_SCANS = {
    "import": ["--yes", "--size", "8"],
    "fit": ["--data.batch_size=8", "--trainer.max_epochs=1", *QUIET],
    "forget": ["--trials", "0", *QUIET],
}
"""Options that make the commands about `write_scans` quick."""
BEFORE = ("srun",)
"""What may stand before a command."""


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of a language on a page."""
    return [code for kind, code in BLOCK.findall(page.read_text()) if kind == language]


def block(page: Path, language: str, start: str) -> str:
    """Return the one block of a language that begins so."""
    (found,) = [code for code in blocks(page, language) if code.startswith(start)]
    return found


def commands(code: str) -> list[list[str]]:
    """Return the commands of a block for the shell, each as its words; settings of variables are left out."""
    lines = [shlex.split(line, comments=True) for line in code.replace("\\\n", " ").splitlines()]
    bare = [[word for at, word in enumerate(line) if not _variable(line, at)] for line in lines]
    return [line[1:] if line[0] in BEFORE else line for line in bare if line and line[0] != "export"]


def _variable(line: list[str], at: int) -> bool:
    return all(re.fullmatch(r"[A-Z_]+=.*", word) for word in line[: at + 1])


def tiny(npz: Path) -> list[str]:
    """Return options that make a shipped config quick."""
    return [f"--data.file={npz}", "--data.batch_size=8", "--trainer.max_epochs=1", *QUIET]


def run_all(code: str, more: dict[str, list[str]]) -> None:
    """Run the commands of a block, each with more options; those of other programs are left out."""
    for program, command, *argv in commands(code):
        if program == "medunlearn":
            assert main([command, *argv, *more.get(command, [])]) == 0, (command, argv)


def write_scans(count: int = 120) -> None:
    """Write a folder of small PNG files of two classes, and a table of patients with four images each."""
    rng, rows = np.random.default_rng(0), ["path,label,patient"]
    for number in range(count):
        name = ("benign", "malignant")[number % 2]
        path = Path("scans", name, f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 200, (8, 8), dtype=np.uint8) + 50 * (number % 2)).save(path)
        rows.append(f"{name}/{number}.png,{name},P{number // 4:04}")
    Path("labels.csv").write_text("\n".join(rows))


def write_named(page: Path) -> None:
    """Write the blocks of a page that begin with the name of a file, as `# own.py`, to files of these names here."""
    for _, code in BLOCK.findall(page.read_text()):
        if named := re.match(r"# (\w+\.(?:py|yaml))\n", code):
            Path(named[1]).write_text(code)


class _Understood(Exception):
    pass


def check_understood(argv: list[str], monkeypatch) -> None:
    """Parse a command of `medunlearn` and stop before it does anything.

    Args:
        argv: The command and its options.
        monkeypatch: pytest's.

    Raises:
        InputError: If there is no such command or option, or a value is wrong.
    """
    for word in argv:
        if word.startswith("runs/") and word.endswith(".yaml") and not Path(word).exists():  # of a command before
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(find_config("configs/train_blood.yaml"), word)
    if argv[0] in EXAMPLES:  # of LightningCLI
        _check_settings(argv)
        return
    parse = CommandParser.parse_known_args

    parsed = []

    def parse_and_stop(self, args=None, namespace=None):
        found = parse(self, args, namespace)
        parsed.append(args)
        if args or len(parsed) > 1:  # the first, empty one only asks which options there are
            assert not [word for word in found[1] if word.startswith("-")]
            raise _Understood
        return found

    with monkeypatch.context() as patch, pytest.raises(_Understood):
        patch.setattr(CommandParser, "parse_known_args", parse_and_stop)
        main(argv)


def _check_settings(argv: list[str]) -> None:
    """Resolve the options of a Lightning command; runs that it names need not be there."""
    try:
        resolved_settings(argv)
    except InputError as error:
        if "no run there" not in str(error):
            raise
