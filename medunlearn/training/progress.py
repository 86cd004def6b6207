"""Progress bars outside Lightning's loops."""

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:  # to import it takes seconds, which a download need not wait for
    from lightning.pytorch import Trainer

# As Lightning's own bars: in a notebook as a widget, where there is what shows it.
if find_spec("ipywidgets") is None:
    from tqdm import tqdm
else:
    from tqdm.auto import tqdm

T = TypeVar("T")


def shows_bars(stream: TextIO) -> bool:
    """Return whether a bar on a stream can be seen as one: on a terminal and in a notebook, not in a log."""
    kernel = sys.modules.get("ipykernel.kernelapp")  # which may be imported where none runs
    notebook = kernel is not None and kernel.IPKernelApp.initialized()
    return notebook or (stream.isatty() and os.environ.get("TERM") != "dumb")


def passing(trainer: "Trainer", items: Iterable[T], description: str) -> Iterable[T]:
    """Return `items`, and show how many have been passed on: on the one bar of the run, or on one of their own.

    Args:
        trainer: The Trainer, whose bar it is; one without shows nothing.
        items: What to iterate over.
        description: What the bar says meanwhile.
    """
    bar = trainer.progress_bar_callback
    own = getattr(bar, "passing", None)
    return own(items, description) if own else progress(items, description, trainer.is_global_zero and bar is not None)


def say(line: object) -> None:
    """Print a line on stderr, above a bar that is shown."""
    tqdm.write(str(line), file=sys.stderr)


def progress(items: Iterable[T], description: str, enabled: bool = True, total: int | None = None) -> Iterable[T]:
    """Show a progress bar over `items` where `enabled`, and clear it at the end.

    There is none where stderr is a log.

    Args:
        items: What to iterate over.
        description: What the bar is called.
        enabled: False for silence, as with `--trainer.enable_progress_bar false`.
        total: The number of items, where they cannot say it themselves.
    """
    shown = enabled and shows_bars(sys.stderr)
    return tqdm(items, desc=description, disable=not shown, total=total, leave=False, dynamic_ncols=True)


def download_bar(name: str, start: int, total: int | None) -> "tqdm[Any]":
    """Return the bar of a download, to be updated by bytes; in a log it is one line.

    Args:
        name: The file.
        start: How many bytes are there already.
        total: How many there will be; None where the server does not say.
    """
    shown = shows_bars(sys.stderr)
    if not shown:
        say(f"Downloading {name}" + (f" ({total / 1e6:,.1f} MB)" if total else ""))
    unit: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
    return tqdm(desc=name, initial=start, total=total, disable=not shown, dynamic_ncols=True, **unit)
