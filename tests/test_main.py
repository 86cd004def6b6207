"""The entry of the command line: which command runs, what is printed, and the exit status."""

import subprocess
import sys

from medunlearn.plugins import BUILT_IN


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from medunlearn.__main__ import main; main(['--help']); "
        "assert not {'torch', 'lightning', 'wandb', 'sklearn', 'medmnist'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {command}" in done.stdout for command in BUILT_IN["commands"])
