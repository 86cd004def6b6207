"""Schema of `poison.json`: test results on a model's dependence on noise added to the forget set."""

from typing import Annotated

from pydantic import Field

from medunlearn.runs.content import Content, key
from medunlearn.runs.values import Count, Line, Whole

Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_OR_NULL = "a number from 0 to 1, or null"


class PoisonContent(Content):
    """Content of `poison.json`."""

    needed = ("model_sha256", "data_sha256", "images", "draws", "mean", "p_value")
    model_sha256: Line = key("a line of text", "SHA-256 of model.ckpt: the figures are of no other model.")
    data_sha256: Line = key("a line of text", "Hash of the poisoned data.")
    images: Count = key("a whole number of 0 or more", "Images with noise in them.")
    silent: Count | None = key("a whole number of 0 or more", "How many of them have no gradient, and are left out.")
    scale: Number | None = key("a number", "Standard deviation of the noise; 1 is the range from black to white.")
    seed: Whole | None = key("a whole number", "Seed of the noise.")
    draws: Count = key("a whole number of 0 or more", "Fresh draws of the noise.")
    mean: Number | None = key("a number, or null", "Mean statistic; null where no image has a gradient.")
    p_value: Probability | None = key(_OR_NULL, "Of the mean under N(0, 1 / n), one-sided.")
    monte_carlo_p_value: Probability | None = key(_OR_NULL, "The same by the fresh draws, rounded and clipped.")
    statistics: list[Number | None] | None = key("a list of numbers and null", "The statistic of each image.")
    monte_carlo_p_values: list[Probability | None] | None = key(
        "a list of numbers from 0 to 1 and null", "The p value of each image by the fresh draws."
    )
