"""Progress bars outside Lightning's loops."""

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:  # importing it takes seconds, which a download should not wait for
    from lightning.pytorch import Trainer

# As Lightning's own bars: a widget in a notebook, if widgets are installed.
if find_spec("ipywidgets") is None:
    from tqdm import tqdm
else:
    from tqdm.auto import tqdm

T = TypeVar("T")


def shows_bars(stream: TextIO) -> bool:
    """Return whether a stream can display a bar: a terminal or a notebook can, a log cannot."""
    kernel = sys.modules.get("ipykernel.kernelapp")  # which may be imported where none runs
    notebook = kernel is not None and kernel.IPKernelApp.initialized()
    return notebook or (stream.isatty() and os.environ.get("TERM") != "dumb")


def passing(trainer: "Trainer", items: Iterable[T], description: str) -> Iterable[T]:
    """Return `items` with a progress display: on the run's single bar, or on a separate one.

    Args:
        trainer: The Trainer with the bar; without a bar nothing is shown.
        items: What to iterate over.
        description: The bar's label meanwhile.
    """
    bar = trainer.progress_bar_callback
    own = getattr(bar, "passing", None)
    return own(items, description) if own else progress(items, description, trainer.is_global_zero and bar is not None)


def say(line: object) -> None:
    """Print a line on stderr, above an active bar."""
    tqdm.write(str(line), file=sys.stderr)


def progress(items: Iterable[T], description: str, enabled: bool = True, total: int | None = None) -> Iterable[T]:
    """Show a progress bar over `items` where `enabled`, and clear it at the end.

    There is none where stderr is a log.

    Args:
        items: What to iterate over.
        description: The bar's label.
        enabled: False to show nothing, as with `--trainer.enable_progress_bar false`.
        total: The number of items, if they have no length.
    """
    shown = enabled and shows_bars(sys.stderr)
    return tqdm(items, desc=description, disable=not shown, total=total, leave=False, dynamic_ncols=True)


def download_bar(name: str, start: int, total: int | None) -> "tqdm[Any]":
    """Return the bar of a download, to be updated with byte counts; in a log it prints one line.

    Args:
        name: The file.
        start: Number of bytes already downloaded.
        total: Size of the whole file in bytes; None if the server does not state it.
    """
    shown = shows_bars(sys.stderr)
    if not shown:
        say(f"Downloading {name}" + (f" ({total / 1e6:,.1f} MB)" if total else ""))
    unit: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
    return tqdm(desc=name, initial=start, total=total, disable=not shown, dynamic_ncols=True, **unit)
