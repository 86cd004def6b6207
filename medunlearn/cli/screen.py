"""Output of commands: colours and drawn tables on terminals that support them, otherwise plain text."""

import os
import sys
from typing import TextIO

# rich is imported only when something is drawn, so that `medunlearn --help` and logs stay fast.


def draws(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours: `NO_COLOR` is not set and `TERM` is not `dumb`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(text: str) -> None:
    """Print text on stdout; on a terminal, its Markdown tables are drawn."""
    if not draws(sys.stdout):
        print(text, flush=True)
        return
    from medunlearn.cli.drawing import draw

    draw(text, sys.stdout)


def show_error(text: str) -> None:
    """Print an error message on stderr after `medunlearn: error:`, which is red on a terminal."""
    if not draws(sys.stderr):
        print(f"medunlearn: error: {text}", file=sys.stderr)
        return
    from medunlearn.cli.drawing import draw_error

    draw_error(text, sys.stderr)
