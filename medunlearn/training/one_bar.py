"""One progress bar for a whole run: for training, and before and after it for other passes over the images."""

import math
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from medunlearn.errors import of_a_plan
from medunlearn.training.lines import measured, say_start

T = TypeVar("T")

SHORTEST = 0.1
"""Seconds between two batches that are shown: each asks the device for the loss, and waits for all that is queued."""


class OneBar(TQDMProgressBar):
    """A single bar over all epochs, which also shows the progress of preparation, evaluation and attack.

    Lightning restarts its bar with each epoch, which hides when the run will end, and opens another bar for each
    validation, which leaves empty rows in a notebook. Here validation during a fit, a few batches after each epoch, is
    not shown.
    """

    BAR_FORMAT = "{l_bar}{bar}| {elapsed}, {remaining} left{postfix}"

    def __init__(self) -> None:
        super().__init__()
        self._bar: Tqdm | None = None
        self._before = 0
        """Number of batches in earlier epochs."""
        self._seen = 0
        """Number of batches so far, over all epochs."""
        self._drawn = 0.0

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

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what is trained, and on what."""
        say_start(trainer, pl_module)

    def on_train_start(self, trainer: Any, *_: Any) -> None:
        """Set the bar to the batches done; the remaining time is estimated from the batches of this call alone."""
        super().on_train_start(trainer)
        batches = self.total_train_batches
        self._before = int(trainer.current_epoch * batches) if math.isfinite(batches) else 0
        self.train_progress_bar.reset(_batches_in_all(trainer, batches))
        self.train_progress_bar.n = self.train_progress_bar.initial = self._before

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        """Name the epoch."""
        of = f"/{trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
        self.train_progress_bar.set_description(f"Epoch {trainer.current_epoch + 1}{of}")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch, and show it unless another has only just been shown."""
        self._seen, now = self._before + batch_idx + 1, time.monotonic()
        if now - self._drawn >= SHORTEST:
            self._drawn = now
            super().on_train_batch_end(trainer, pl_module, outputs, batch, self._seen - 1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the epoch."""
        self._before = self.train_progress_bar.n = max(self._before, self._seen)
        super().on_train_epoch_end(trainer, pl_module)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return what is shown beside the bar."""
        return measured(super().get_metrics(trainer, pl_module))

    def on_train_end(self, *_: Any) -> None:
        """Leave the bar to the evaluation."""

    def on_exception(self, *_: Any) -> None:
        """Close the bar, so that the error message starts on a new line."""
        self._close()

    def teardown(self, *_: Any, **__: Any) -> None:
        """Close the bar, which stays visible as at the end of the last epoch."""
        self._close()

    def passing(self, items: Iterable[T], description: str) -> Iterator[T]:
        """Yield items while the bar shows their progress, then restore the previous display."""
        bar = self.init_train_tqdm()
        if bar.disable:
            yield from items
            return
        with _lent(bar):
            bar.set_postfix_str("", refresh=False)
            bar.set_description_str(f"{description}: ", refresh=False)
            bar.initial = 0  # in a resumed run it was the number of earlier batches
            bar.reset(len(items) if isinstance(items, Sized) else None)
            for item in items:
                yield item
                bar.update()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.leave = bool(self._bar.total) and not of_a_plan()  # but not if no epoch was trained
            self._bar.close()
            self._bar = None


def _batches_in_all(trainer: Trainer, batches: float) -> int | None:
    """Return the number of batches of a whole run; None if its end is unknown."""
    epochs = float(trainer.max_epochs or -1)
    found = batches * epochs if epochs > 0 else math.inf
    steps = trainer.max_steps * trainer.accumulate_grad_batches
    found = min(found, steps) if steps > 0 else found
    return int(found) if math.isfinite(found) else None


@contextmanager
def _lent(bar: Tqdm) -> Iterator[None]:
    """Restore the state of a bar, including its elapsed time, at the end of a `with` block."""
    kept = {name: getattr(bar, name) for name in ("n", "desc", "postfix", "initial")}
    total, passed = bar.total, bar.format_dict["elapsed"]
    try:
        yield
    finally:
        if not bar.disable:  # may have been closed by an error
            bar.reset(total)
            for name, value in {**kept, "total": total, "start_t": time.time() - passed}.items():
                setattr(bar, name, value)
            bar.refresh()
