"""Turns a model that was trained elsewhere into an original, before a deletion request is answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.contracts import plain
from medunlearn.deletion.answering import ORIGINAL, Means, clear
from medunlearn.deletion.images import asked
from medunlearn.deletion.request import with_table, write_request
from medunlearn.errors import InputError
from medunlearn.plans.options import Override
from medunlearn.plans.reuse import check_settings
from medunlearn.plans.stages import adopting_method, read_stage
from medunlearn.runs import RunDir


class Weights(NamedTuple):
    """A file of weights, and the arguments that describe its network; see `Pretrained`."""

    file: Path
    backbone: str | None = None
    stem: str | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def config(self, run: RunDir, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config of the run that measures the model on the requested forget set."""
        if not (data.get("file") or data.get("dataset")):
            raise InputError(
                f"from={self.file}: is a file of weights, which knows no images; give them by --data.file, or "
                "--data.dataset"
            )
        arguments = {"weights": self.file, **{name: getattr(self, name) for name in self._fields[1:]}}
        known = {name: value for name, value in arguments.items() if value is not None}
        model = {"class_path": adopting_method(), "init_args": known}
        found: dict[str, Any] = plain({"run_dir": str(run), "data": with_table(data), "model": model})
        return found


def adopted(
    weights: Weights,
    run: RunDir,
    data: Mapping[str, Any],
    options: Sequence[Override],
    means: Means,
    again: bool = False,
) -> RunDir:
    """Measure a model from elsewhere as an original below a run directory, and return that run.

    Args:
        weights: The model.
        run: The run directory of the answer.
        data: Settings below `data`, including the forget set; the run tests whether the model has seen it.
        options: Trainer settings from the command line.
        means: How stages are run.
        again: Whether to delete an existing run first, once the images are known to be available.

    Raises:
        InputError: If the weights cannot be read or do not fit.
    """
    original = RunDir(run.path / ORIGINAL)
    config = weights.config(original, data)
    asked(config["data"])
    if again:
        clear(run)
    file = write_request(original, config)
    stage = read_stage(file, [each for each in options if each.name in SHOWN])
    check_settings([stage], means.fit)
    for outcome in means.engine([stage], means.announce):
        if outcome.state not in ("done", "finished before"):
            raise InputError(f"from={weights.file}: {outcome.state} ({outcome.reason}), and says why above")
    return original


SHOWN = tuple(
    f"trainer.{name}" for name in ("logger", "enable_progress_bar", "enable_model_summary", "accelerator", "devices")
)
"""Settings that also apply to measuring; others, such as epochs, apply only to unlearning."""
