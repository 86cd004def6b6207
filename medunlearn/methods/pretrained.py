"""A model that was trained elsewhere, as an original to unlearn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from lightning.pytorch import Trainer

from medunlearn.contracts import Part
from medunlearn.errors import InputError
from medunlearn.methods.classifier import Classifier
from medunlearn.methods.no_epochs import check_no_epochs
from medunlearn.models import Elsewhere, check_constant, fitted, read_elsewhere, set_normalisation


class Pretrained(Classifier):
    """A model trained elsewhere: its weights are read from a file, measured, and become an original to unlearn from.

    No step is made. Which images it was trained on is unknown. If a forget set is given, the run tests whether the
    model's outputs on it look like those on training images or on unseen ones, and writes the result to `metrics.json`.

    The file is .pt, .pth or .safetensors: a state dict, or a checkpoint with one in `state_dict`, `model_state_dict` or
    `model`. It is read without running code. Prefixes of wrappers (`module.`, `_orig_mod.`, `model.`, `backbone.`) are
    stripped, and all weights must then fit.

    Args:
        weights: The file.
        mean: Subtracted from pixels in [0, 1] before they are divided by `std`, as in the model's training; one number,
            or one per channel.
        std: See `mean`.

    Raises:
        InputError: If the file cannot be read as weights, or they do not fit the network.
    """

    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 0}
    uses: ClassVar[tuple[Part, ...]] = ()
    cost: ClassVar[tuple[float, float] | None] = (0.0, 0.0)
    trained_elsewhere: ClassVar[bool] = True
    diverged: ClassVar[tuple[str, str]] = ("weights", "give a model whose outputs are finite")

    def __init__(
        self,
        *args: Any,
        weights: Path,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.weights = weights
        self._read: Elsewhere | None = None
        channels = int(self.backbone.architecture["in_channels"])
        normalisation = {name: _constant(name, value, channels) for name, value in (("mean", mean), ("std", std))}
        set_normalisation(self.backbone, normalisation)

    def check_run(self, trainer: Trainer) -> None:
        """Reject epochs and arguments of training, and read the weights, before anything is written."""
        super().check_run(trainer)
        check_no_epochs(self, trainer, "has been trained")
        if self._read is None:
            found = read_elsewhere(self.weights)
            self.backbone.load_state_dict(fitted(found, self.backbone.state_dict(), self.weights))
            self._read = found._replace(tensors={})

    def facts(self) -> dict[str, float | str]:
        """Return that the model was trained elsewhere, and the file that its weights were read from."""
        assert self._read is not None
        return {"trained": "elsewhere", "weights": self._read.name, "weights_sha256": self._read.sha256}


def _constant(name: str, value: float | Sequence[float], channels: int) -> float | list[float]:
    try:
        return check_constant(value, channels, name)
    except ValueError as error:
        raise InputError(f"{name}={value}: {error}", part="model.init_args") from None
