import subprocess
import sys

import pytest

from medunlearn.cli.parser import CommandParser
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
