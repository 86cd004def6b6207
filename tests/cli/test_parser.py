import subprocess
import sys

import pytest

from medunlearn.cli.parser import CommandParser, wrapped
from medunlearn.errors import InputError


def test_a_wrong_option_is_an_input_error():
    parser = CommandParser("medunlearn own FILE")
    parser.add_argument("--number", type=int)
    with pytest.raises(InputError, match="invalid int value: 'x'; `medunlearn own --help` lists the options"):
        parser.parse_args(["--number", "x"])
    with pytest.raises(InputError, match="unrecognized arguments: --num=3"):
        parser.parse_args(["--num=3"])


@pytest.mark.parametrize("command", ["report", "reproduce", "dashboard"])
def test_the_help_of_light_commands_imports_nothing_heavy(command):
    code = (
        "import sys\nfrom medunlearn.__main__ import main\n"
        f"try:\n    main([{command!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'lightning', 'jsonargparse', 'wandb'} & sys.modules.keys(), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


@pytest.mark.parametrize("columns", [80, 120])
def test_prose_of_help_is_wrapped_and_what_is_laid_out_stays(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    laid_out = "  key: value" + " " * 100 + "# why\n  other: value"
    found = wrapped(f"{'word ' * 49}word\nafter a break\n\nA file says\n\n{laid_out}\n\nexamples:\n  medunlearn x\n")
    prose, *rest = found.split("\n\n")
    assert rest == ["A file says", laid_out, "examples:\n  medunlearn x"]
    assert prose.split() == [*["word"] * 50, "after", "a", "break"]
    assert columns - 10 < max(map(len, prose.splitlines())) <= columns - 2
    assert wrapped(None) is None
