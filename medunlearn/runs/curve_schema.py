"""Schema of `learning_curve.json`, which checks and documents its content."""

from typing import Annotated, Any, Literal

from pydantic import Field

from medunlearn.runs.content import GROUP, Content, key
from medunlearn.runs.values import Line, Percent, Whole

Way = Literal["parts", "short", "epochs"]
"""How a curve is made. `parts`: the original's whole schedule on parts of the training set; `short`: a few epochs on
parts and on all of it; `epochs`: the original's own validation error by epoch, against the images seen so far."""

Images = Annotated[float, Field(ge=1, le=1e15, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]

_PERCENT = "a number from 0 to 100"
_OR_NULL = f"{_PERCENT}, or null"
_AMOUNT = "a number of 0 or more"


class CurvePoint(Content):
    """Figures of a model that was trained on a number of images."""

    needed = ("images", "val_error")
    images: Images = key("a number of 1 or more", "Training images; by epoch, those of an epoch x its share of them.")
    val_error: Percent = key(_PERCENT, "Error on the validation set in %.")
    val_error_by_class: dict[str, Percent | None] | None = key(
        "a group of numbers from 0 to 100 or null", "The same by class number; null for a class without such an image."
    )
    unseen_error: Percent | None = key(
        _OR_NULL, "Error in % on all images that it has not seen, those left out of its part and the validation set."
    )
    train_error: Percent | None = key(_OR_NULL, "Error on the training images in %; null where it is not known.")
    attack: Percent | None = key(
        _OR_NULL, "Share of one half of the validation images in % that an attack taught on the other calls unseen."
    )
    run: Line | None = key("a line of text, or null", "Run directory of the model; null for the original itself.")
    epochs: Amount | None = key(_AMOUNT, "Epochs that it was trained.")
    seconds: Amount | None = key(_AMOUNT, "Seconds that its run took, evaluation included; 0 for the original itself.")


class Curve(Content):
    """Content of `learning_curve.json`: a learning curve and the original that it belongs to."""

    needed = ("way", "reading", "original_sha256", "original", "points")
    way: Way = key("parts, short or epochs", "How it was made.")
    reading: Literal["level", "difference", "ratio"] = key(
        "level, difference or ratio",
        "What a Retrain is predicted to be: at the curve's level, or the original moved by differences or ratios.",
    )
    moves_attack: bool | None = key("true or false", "Whether it moves the target of MIA.")
    original_sha256: Line = key("a line of text", "SHA-256 of the original's model.ckpt: it is of no other model.")
    original: CurvePoint = key(GROUP, "The original's point.")
    points: Annotated[list[CurvePoint], Field(min_length=1)] = key(
        "a list of groups of numbers", "A point for each model, as `original` is one."
    )
    laws: dict[str, Any] | None = key("a group", "The law a (n / images)^-b + c of each figure, as fitted; to look at.")
    seed: Whole | None = key("a whole number", "Seed of the parts.")
    epochs: Amount | None = key(_AMOUNT, "What making it cost, in epochs over the training set.")
    seconds: Amount | None = key(_AMOUNT, "The same in seconds, evaluation included.")
