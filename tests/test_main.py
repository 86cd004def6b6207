"""The entry of the command line: which command runs, what is printed, and the exit status."""

import io
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest

import medunlearn.__main__ as entry
from medunlearn.__main__ import main
from medunlearn.errors import STAGE_OF_A_PLAN, InputError, Interrupted, Stopped
from medunlearn.plugins import BUILT_IN


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from medunlearn.__main__ import main; main(['--help']); "
        "assert not {'torch', 'lightning', 'wandb', 'sklearn', 'medmnist'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {command}" in done.stdout for command in BUILT_IN["commands"])


class Found:
    """A command as plug-ins are found: a name, and a function to load."""

    name = "own"

    def __init__(self, function):
        self.function = function

    def load(self):
        return self.function


@pytest.fixture
def command(monkeypatch):
    """Return a function that makes another the command `own`."""
    return lambda function: monkeypatch.setattr(entry, "built_ins", lambda group: [Found(function)])


@pytest.mark.parametrize(("returned", "status"), [(0, 0), (3, 3), (None, 0), ("text", 0)])
def test_main_returns_the_status_of_the_command_and_hands_on_its_options(command, returned, status):
    given = []
    command(lambda options: given.append(options) or returned)
    assert main(["own", "a", "--b"]) == status
    assert given == [["a", "--b"]]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("a=1: wrong; give 2"), 2, "medunlearn: error: a=1: wrong; give 2\n"),
        (KeyboardInterrupt(), 128 + signal.SIGINT, f"medunlearn: {Interrupted(signal.SIGINT)}\n"),
        (Stopped("it is behind"), 3, "medunlearn: stopped: it is behind\n"),
        (Interrupted(signal.SIGTERM), 128 + signal.SIGTERM, f"medunlearn: {Interrupted(signal.SIGTERM)}\n"),
    ],
)
def test_main_turns_expected_ends_into_one_line_and_a_status(command, capsys, error, status, line):
    def fail(options):
        raise error

    command(fail)
    assert main(["own"]) == status
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", line)


@pytest.mark.parametrize(("name", "kept"), [("tune", "what is finished is kept"), ("import", "nothing was written")])
def test_main_says_what_an_interrupted_command_has_left_and_how_to_go_on(monkeypatch, capsys, name, kept):
    def interrupted(options):
        raise KeyboardInterrupt

    function = "import_images" if name == "import" else name
    monkeypatch.setattr(f"medunlearn.cli.commands.{function}", interrupted)
    assert main([name]) == 130
    printed = capsys.readouterr().err
    assert printed.startswith(f"medunlearn: ended by SIGINT; {kept}, and the same command ")
    assert printed.count("\n") == 1


def test_main_is_silent_in_an_interrupted_stage_of_which_the_plan_tells(command, capsys, monkeypatch):
    def fail(options):
        raise Interrupted(signal.SIGTERM, "go on")

    command(fail)
    monkeypatch.setenv(STAGE_OF_A_PLAN, "1")
    assert main(["own"]) == 128 + signal.SIGTERM
    assert capsys.readouterr() == ("", "")


SLEEPS = "import sys, time\nprint('ready', flush=True)\ntry:\n    time.sleep(60)\nexcept BaseException:\n    1 / 0\n"
"""A module that makes an error of its own of what interrupts its import, as NumPy does."""


@pytest.mark.parametrize("imported", [True, False])
def test_ctrl_c_leaves_one_line_even_where_a_library_makes_an_error_of_it(tmp_path, imported):
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    wait = "import sleeps" if imported else "print('ready', flush=True); time.sleep(60)"
    code = (
        f"import sys, time; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['medunlearn', 'report']\n"
        "import medunlearn.__main__ as entry, medunlearn.cli.commands as commands\n"
        f"def report(options):\n    {wait}\n"
        "commands.report = report\n"
        "sys.exit(entry.main())"
    )
    argv = [sys.executable, "-c", code]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.count("\n")) == (130, 1), error
    assert error.startswith("medunlearn: ended by SIGINT; ")


def test_main_leaves_a_fault_of_the_program_its_traceback(command):
    def fail(options):
        raise ZeroDivisionError

    command(fail)
    with pytest.raises(ZeroDivisionError):
        main(["own"])


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"]])
def test_main_prints_every_command_without_one(capsys, argv):
    assert main(argv) == 0
    shown = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"  {name} ") for line in shown) for name in BUILT_IN["commands"])


def test_main_prints_the_installed_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"medunlearn {version('medunlearn')}\n"


def test_main_takes_the_arguments_of_the_process_by_default(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["medunlearn", "fti"])
    assert main() == 2
    assert "fti: unknown command; did you mean fit?" in capsys.readouterr().err


def test_main_runs_a_command_of_a_plug_in(monkeypatch):
    monkeypatch.setattr(entry, "lookup", lambda group, name: Found(lambda options: 5) if name == "extra" else None)
    assert main(["extra"]) == 5


@pytest.mark.parametrize(("argv", "status"), [(["list", "methods"], 141), (["fit", "--help"], 0)])
def test_output_that_nobody_reads_any_more_ends_the_command_quietly(argv, status):
    """As in `medunlearn list | head`."""
    read, write = os.pipe()
    os.close(read)
    code = f"import sys; from medunlearn.__main__ import main; sys.exit(main({argv}))"
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.parametrize("output", [io.StringIO(), SimpleNamespace(flush=lambda: None)])
def test_broken_pipe_is_left_as_it_is_where_the_output_is_no_file(command, monkeypatch, output):
    """As in a notebook."""

    def broken(options):
        raise BrokenPipeError("own")

    command(broken)
    monkeypatch.setattr(sys, "stdout", output)
    with pytest.raises(BrokenPipeError, match="own"):
        main(["own"])


def test_broken_pipe_of_a_commands_own_is_left_as_it_is(command):
    def broken(options):
        raise BrokenPipeError("own")

    command(broken)
    with pytest.raises(BrokenPipeError, match="own"):
        main(["own"])
