"""Progress bars outside Lightning's loops."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # to import it takes seconds, which a download need not wait for
    from lightning.pytorch import Trainer

# As Lightning's own bars: in a notebook as a widget, where there is what shows it.
if find_spec("ipywidgets") is None:
    from tqdm import tqdm
else:
    from tqdm.auto import tqdm

T = TypeVar("T")


def shown(trainer: "Trainer") -> bool:
    """Return whether this process shows progress."""
    return trainer.is_global_zero and trainer.progress_bar_callback is not None


def progress(items: Iterable[T], description: str, enabled: bool = True, total: int | None = None) -> Iterable[T]:
    """Show a progress bar over `items` where `enabled`, and clear it at the end.

    Args:
        items: What to iterate over.
        description: What the bar is called.
        enabled: False for silence, as with `--trainer.enable_progress_bar false`.
        total: The number of items, where they cannot say it themselves.
    """
    return tqdm(items, desc=description, disable=not enabled, total=total, leave=False, dynamic_ncols=True)
