"""SalUn: random labels, under the saliency mask."""

from typing import Any, ClassVar

from medunlearn.methods.random_labels import RandomLabels


class SalUn(RandomLabels):
    """Saliency unlearning, SalUn (Fan et al., ICLR 2024): random labels, with only salient weights trained.

    Trains the salient weights towards random labels on the forget set and true labels on the retain set. Every other
    weight stays bit-identical to the original's.

    Args:
        mask_ratio: Share of the weights that may move, those with the largest gradient over the forget set; in (0, 1].

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    cost: ClassVar[tuple[float, float] | None] = (1.0, 0.1)  # the mask's pass over the forget set

    def __init__(self, *args: Any, mask_ratio: float = 0.5, **kwargs: Any) -> None:
        super().__init__(*args, mask_ratio=mask_ratio, **kwargs)
