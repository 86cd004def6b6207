"""One progress bar for a whole run: training, and in its turn whatever else goes through the images."""

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


class OneBar(TQDMProgressBar):
    """Lightning's bar of training, alone and over all epochs: preparation, evaluation and attack show on it in turn.

    Lightning begins its bar anew with each epoch, so that nobody sees when the run will end, and opens another bar for
    each validation, of which a notebook keeps an empty row. Validation, a few batches after each epoch, is not shown at
    all in a fit.
    """

    BAR_FORMAT = "{l_bar}{bar}| {elapsed}, {remaining} left{postfix}"

    def __init__(self) -> None:
        super().__init__()
        self._bar: Tqdm | None = None
        self._before = 0
        """Batches of the epochs before this one."""

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
        """Show how much of all epochs is done, and as the time left what the batches of this call allow to expect."""
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
        """Count the batch."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, self._before + batch_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the epoch."""
        self._before = max(self._before, int(self.train_progress_bar.n))
        super().on_train_epoch_end(trainer, pl_module)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return what is shown beside the bar."""
        return measured(super().get_metrics(trainer, pl_module))

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
            bar.initial = 0  # of a resumed run, the batches before
            bar.reset(len(items) if isinstance(items, Sized) else None)
            for item in items:
                yield item
                bar.update()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.leave = bool(self._bar.total) and not of_a_plan()  # not where no epoch was trained
            self._bar.close()
            self._bar = None


def _batches_in_all(trainer: Trainer, batches: float) -> int | None:
    """Return the batches of a whole run; None where its end is not known."""
    epochs = float(trainer.max_epochs or -1)
    found = batches * epochs if epochs > 0 else math.inf
    steps = trainer.max_steps * trainer.accumulate_grad_batches
    found = min(found, steps) if steps > 0 else found
    return int(found) if math.isfinite(found) else None


@contextmanager
def _lent(bar: Tqdm) -> Iterator[None]:
    """Give a bar back as it was, its time too, at the end of a `with` block."""
    kept = {name: getattr(bar, name) for name in ("n", "desc", "postfix", "initial")}
    total, passed = bar.total, bar.format_dict["elapsed"]
    try:
        yield
    finally:
        if not bar.disable:  # closed meanwhile by an error
            bar.reset(total)
            for name, value in {**kept, "total": total, "start_t": time.time() - passed}.items():
                setattr(bar, name, value)
            bar.refresh()
