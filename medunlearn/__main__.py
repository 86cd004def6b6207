"""Entry point of the command line: finds a command, runs it, and turns errors into one line and an exit status."""

import os
import select
import signal
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType

from medunlearn.cli.screen import show_error
from medunlearn.errors import InputError, Interrupted, Stopped, command_line, of_a_plan
from medunlearn.plugins import BUILT_IN, built_ins, choice, lookup, method_hint, names


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; the one entry for users, tests and documentation.

    Args:
        args: The command and its options; by default those of the process.
    """
    argv = list(sys.argv[1:] if args is None else args)
    if args is None and argv and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, partial(_stop, argv[0]))
    if not argv or argv[0] in ("-h", "--help"):
        from medunlearn.cli.usage import usage

        print(usage(), end="")
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"medunlearn {version('medunlearn')}")
        return 0
    try:
        try:
            with command_line():
                return _run(argv[0], argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _unread():
            raise
        return 128 + 13  # SIGPIPE
    except InputError as error:
        show_error(error.for_command_line)
        return 2
    except Stopped as end:
        print(f"medunlearn: {end}", file=sys.stderr)
        return end.status
    except (Interrupted, KeyboardInterrupt) as end:
        return _interrupted(end, argv[0])


def _stop(command: str, number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`; during an import, exit at once, since some libraries turn it into another error."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            sys.stdout.flush()
            os._exit(_interrupted(Interrupted(number), command))
        frame = frame.f_back
    raise KeyboardInterrupt


def _interrupted(end: BaseException, command: str) -> int:
    """Print in one line what was kept and how to go on, and return the exit status."""
    found = end if isinstance(end, Interrupted) else Interrupted(signal.SIGINT)
    if type(found) is Interrupted and of_a_plan():  # the process that runs the plan prints the message
        return found.status
    if not found.hint:
        found = found.with_hint(_kept(command))
    print(f"medunlearn: {found}", file=sys.stderr)
    return found.status


def _kept(command: str) -> str:
    """Return what a built-in command leaves when it is interrupted; empty for those of other packages."""
    from medunlearn.cli.commands import ABOUT

    found = BUILT_IN["commands"].get(command, "").partition(":")[2]
    return ABOUT[found].interrupted if found in ABOUT else ""


def _unread() -> bool:
    """Return whether the reader of stdout, such as `head`, has ended; if so, discard all further output."""
    if not hasattr(select, "poll"):  # Windows, which reports this with another error
        return False
    try:
        output = sys.stdout.fileno()
    except (AttributeError, OSError):  # stdout has been replaced by an object without a file, as in a notebook
        return False
    watch = select.poll()
    watch.register(output, 0)
    if not watch.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)  # otherwise Python reports a broken pipe at exit
    return True


def _run(command: str, options: list[str]) -> int:
    # A built-in command runs without looking for plug-ins: that takes time, and an installed package may be broken.
    if command == "--completion":
        from medunlearn.cli.completion import completion

        return completion(options)
    found = next((each for each in built_ins("commands") if each.name == command), None)
    found = found or lookup("commands", command)
    if found is None:
        raise InputError(f"{command}: {_unknown(command)}")
    status = found.load()(options)
    return status if isinstance(status, int) else 0


def _unknown(command: str) -> str:
    """Return why there is no such command, and what to give instead."""
    if hint := method_hint(command):
        return f"is a method, not a command; {hint}"
    return f"unknown command; {choice(command, names('commands'))}"


if __name__ == "__main__":
    sys.exit(main())
