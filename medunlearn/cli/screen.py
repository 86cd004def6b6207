"""What a command prints: colours and drawn tables on a terminal that has them, plain text everywhere else."""

import os
import sys
from typing import TextIO

# rich is imported where something is drawn: `medunlearn --help` and logs do not wait for it.


def draws(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours: `NO_COLOR` is not set and `TERM` is not `dumb`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(text: str) -> None:
    """Print text on stdout; on a terminal, the Markdown tables in it as drawn ones."""
    if not draws(sys.stdout):
        print(text, flush=True)
        return
    from medunlearn.cli.drawing import draw

    draw(text, sys.stdout)


def show_error(text: str) -> None:
    """Print what is wrong on stderr, after `medunlearn: error:`, which is red on a terminal."""
    if not draws(sys.stderr):
        print(f"medunlearn: error: {text}", file=sys.stderr)
        return
    from medunlearn.cli.drawing import draw_error

    draw_error(text, sys.stderr)
