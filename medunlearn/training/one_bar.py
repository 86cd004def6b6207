"""One progress bar for a whole run: training, and in its turn whatever else goes through the images."""

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

T = TypeVar("T")


class OneBar(TQDMProgressBar):
    """Lightning's bar of training, alone: preparation, evaluation and attack show on it in their turn.

    Lightning opens another bar for each validation, of which a notebook keeps an empty row. Validation, a few batches
    after each epoch, is not shown at all in a fit.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: Tqdm | None = None

    def init_train_tqdm(self) -> Tqdm:
        """Return the one bar."""
        if self._bar is None:
            self._bar = super().init_train_tqdm()
        return self._bar

    def init_sanity_tqdm(self) -> Tqdm:
        """Return no bar."""
        return Tqdm(disable=True)

    def init_validation_tqdm(self) -> Tqdm:
        """Return no bar in a fit."""
        return self.init_train_tqdm() if self.trainer.state.fn == "validate" else Tqdm(disable=True)

    init_test_tqdm = init_predict_tqdm = init_train_tqdm

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        """Begin anew; Lightning leaves a notebook's bar as long as it was drawn at first."""
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.reset(self.train_progress_bar.total)

    def on_train_end(self, *_: Any) -> None:
        """Leave the bar to the evaluation."""

    def on_exception(self, *_: Any) -> None:
        """Close the bar, so that what is said of the error begins a line."""
        self._close()

    def teardown(self, *_: Any, **__: Any) -> None:
        """Close the bar, which stays as the last epoch left it."""
        self._close()

    def passing(self, items: Iterable[T], description: str) -> Iterator[T]:
        """Yield items, and show meanwhile how many; then show again what was shown before."""
        bar = self.init_train_tqdm()
        if bar.disable:
            yield from items
            return
        with _lent(bar):
            bar.set_postfix_str("", refresh=False)
            bar.set_description_str(f"{description}: ", refresh=False)
            bar.reset(len(items) if isinstance(items, Sized) else None)
            for item in items:
                yield item
                bar.update()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.leave = bool(self._bar.total)  # not where no epoch was trained
            self._bar.close()
            self._bar = None


@contextmanager
def _lent(bar: Tqdm) -> Iterator[None]:
    """Give a bar back as it was, its time too, at the end of a `with` block."""
    kept = {name: getattr(bar, name) for name in ("n", "desc", "postfix")}
    total, passed = bar.total, bar.format_dict["elapsed"]
    try:
        yield
    finally:
        if not bar.disable:  # closed meanwhile by an error
            bar.reset(total)
            for name, value in {**kept, "total": total, "start_t": time.time() - passed}.items():
                setattr(bar, name, value)
            bar.refresh()
