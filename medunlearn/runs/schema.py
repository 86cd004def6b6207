"""What `metrics.json` and `split.json` hold: a model each, which checks what is written and read, and documents it."""

import reprlib
from collections.abc import Callable
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, FailFast, Field, PlainValidator

from medunlearn.contracts import Role
from medunlearn.errors import Fault
from medunlearn.runs.class_names import check_class_names
from medunlearn.runs.content import GROUP, Content, key

LARGEST = 2**63 - 1


def check_mapping(value: Any, name: str) -> dict[str, Any]:
    """Return a group of settings, which may be missing.

    Raises:
        Fault: If it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) and key.isprintable() for key in value):
        raise Fault(f"{name} is {reprlib.repr(value)}, not a group of settings; write `name: value` lines")
    return value


def is_line(value: Any) -> bool:
    """Return whether a value is text that can stand in a table."""
    return isinstance(value, str) and value.isprintable() and len(value) <= 500


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number that any array can hold."""
    return type(value) is int and -LARGEST <= value <= LARGEST


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # NaN is in no range


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(each) and each >= 0 for each in value.values())


def _is_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(each is None or _is_number(each) or is_line(each) for each in value.values())


def _are_class_names(value: Any) -> bool:
    try:
        return isinstance(value, list) and bool(check_class_names(value))
    except Fault:
        return False


def _required(fits: Callable[[Any], bool]) -> PlainValidator:
    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError("of another form")
        return value

    return PlainValidator(check)


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError("repeated")
    return values


# A value is taken as it is or refused, never converted: "1" and True are no numbers.
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Minutes = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Line = Annotated[str, _required(is_line)]
RunPath = Annotated[str, _required(_is_path)]  # pydantic's own str refuses names that are not UTF-8
Seconds = Annotated[dict[str, float], _required(_is_seconds)]
Shares = dict[str, Percent | None]
Facts = Annotated[dict[str, Any], _required(_is_facts)]
ClassNames = Annotated[list[str], _required(_are_class_names)]
Indices = Annotated[list[Count], FailFast(), AfterValidator(_distinct)]


_SHARES = "a group of numbers from 0 to 100 or null"
_PERCENT = "a number from 0 to 100, or null"
_WHOLE = "a whole number"
_COUNT = "a whole number of 0 or more"
_LINE = "a line of text"


class Figures(Content):
    """UA, RA, TA and MIA of a model."""

    UA: Percent | None = key(_PERCENT, "Unlearning accuracy in %: 100 less the accuracy on the forget set.")
    RA: Percent | None = key(_PERCENT, "Remaining accuracy in %: the accuracy on the retain set.")
    TA: Percent | None = key(_PERCENT, "Test accuracy in %; in `validation`, the accuracy on the validation set.")
    MIA: Percent | None = key(_PERCENT, "Share of the forget set in % that the membership attack takes for unseen.")


class Before(Figures):
    """UA, RA, TA and MIA of the original."""

    needed = ("UA", "RA", "TA", "MIA")


class Gap(Figures):
    """UA, RA, TA and MIA of a model, and their distance to the reference's."""

    AG: Percent | None = key(_PERCENT, "Average Gap in percentage points to the reference; null without one.")


class Proxy(Figures):
    """Distances in percentage points to what is foretold of a Retrain from validation images; `TA` is theirs."""

    gap: Percent | None = key(_PERCENT, "Their mean, the proxy gap; null where a part is not known.")


class Counts(Content):
    """Numbers of images."""

    needed = ("forget", "retain", "test")
    forget: Whole = key(_WHOLE, "Images in the forget set.")
    retain: Whole = key(_WHOLE, "Images in the retain set.")
    test: Whole = key(_WHOLE, "Images in the test set.")
    val: Whole = key(_WHOLE, "Images in the validation set.")


class Attack(Content):
    """Settings of the membership attack; two runs must share them for their MIA to be compared."""

    feature: Line | None = key(_LINE, "What the attack sees: confidence, correctness, entropy or prob.")
    nonmembers: Line | None = key(_LINE, "Where its non-members come from: test or val.")
    seed: Whole | None = key(_WHOLE, "Seed of its samples.")


class ByClass(Content):
    """Figures by class; the keys are class numbers as text."""

    UA: Shares | None = key(_SHARES, "UA in % by class number; null for a class without a forgotten image.")
    TA: Shares | None = key(_SHARES, "TA in % by class number; null for a class without a test image.")
    n: dict[str, dict[str, Count]] | None = key(GROUP, "Numbers of forget, retain and test images by class number.")


class Parameters(Content):
    """Numbers of the backbone's parameters."""

    total: Count | None = key(_COUNT, "All of them.")
    free: Count | None = key(_COUNT, "Those that the saliency mask leaves free; absent without a mask.")
    changed: Count | None = key(_COUNT, "Those whose value differs from the original's after the last step.")
    statistics: Count | None = key(_COUNT, "Values of BatchNorm's running statistics, which are no parameters.")
    statistics_changed: Count | None = key(_COUNT, "Those that differ from the original's: a mask does not hold them.")


class Versions(Content):
    """Versions of what the run was made with."""

    torch: Line | None = key("a line of text, or null", "Release of PyTorch.")


class Hardware(Content):
    """What the run was made on."""

    name: Line | None = key("a line of text, or null", "Name of the processor or GPU.")


class Metrics(Gap):
    """Content of `metrics.json`: what a finished run is, what it measured, and what that rests on."""

    method: Line = key(_LINE, "Class of the method.")
    role: Role | None = key(
        f"one of {', '.join(get_args(Role))}, or null",
        "What the model is: it saw every image (original), never saw the forget set (retrained), or started from an "
        "original (unlearned). Absent in older runs; `trained_on` and `original` say it there.",
    )
    RTE: Minutes | None = key("a number of minutes, or null", "Run time of the method in minutes.")
    runtime: Seconds = key("a group of seconds", "Run time by stage in seconds.")
    validation: Gap | None = key("a group, or null", "The same with the validation set in place of the test set.")
    proxy: Proxy | None = key(
        "a group, or null", "Distance to a Retrain as foretold from validation images; null but for unlearned runs."
    )
    before: Before | None = key("UA to MIA, or null", "The original on this run's split, with this run's attack.")
    TA_retained_classes: Percent | None = key(
        _PERCENT, "TA in % without the classes that are forgotten as a whole; TA where none is."
    )
    by_class: ByClass | None = key("a group, or null", "UA and TA by class. Absent in older runs.")
    notes: list[Line] = key("a list of sentences", "Remarks on what came of the run; empty where there are none.")
    n: Counts = key("the numbers of forget, retain and test images", "Numbers of images by part.")
    data: Line = key(_LINE, "Name of the data.")
    num_classes: Count | None = key(_COUNT, "Number of classes.")
    data_sha256: Line = key(_LINE, "SHA-256 of images and labels; without `data.test`, of those that were read.")
    training_sha256: Line | None = key("a line of text, or null", "The same without test images. Absent in older runs.")
    split_sha256: Line = key(_LINE, "SHA-256 of data and forget set; runs to be compared share it.")
    attack: Attack = key(GROUP, "Settings of the membership attack.")
    trained_on: Line | None = key("a line of text, or null", "Part of the training set that the method went through.")
    original: RunPath | None = key("a run directory, or null", "The run whose model this one started from, as given.")
    original_sha256: Line | None = key(
        "a line of text, or null", "SHA-256 of that run's model.ckpt when this one started."
    )
    reference: RunPath | None = key("a run directory, or null", "The retrained run that AG is taken to, as given.")
    reference_sha256: Line | None = key("a line of text, or null", "SHA-256 of that run's model.ckpt.")
    departures: dict[str, Any] | None = key(
        "a group, or null", "Arguments of the method that differ from its defaults, by name."
    )
    facts: Facts | None = key(
        "a group of numbers and lines of text, or null", "What the method says of itself, by name."
    )
    parameters: Parameters | None = key("a group, or null", "Numbers of the backbone's parameters.")
    epochs: Count | None = key(_COUNT, "Epochs that were trained.")
    seed: Whole = key(_WHOLE, "Seed of the run.")
    processes: Count | None = key(_COUNT, "Processes that trained together.")
    precision: Line | None = key("a line of text, or null", "Precision of training, as Lightning names it.")
    files: Any = key(GROUP, "SHA-256 of the files that the run left, by name.")  # judged by RunDir.check_unaltered
    versions: Versions = key(GROUP, "Versions of Python and the libraries.")
    hardware: Hardware = key(GROUP, "Device, processor or GPU.")


class Split(Content):
    """Content of `split.json`: the forget set and how it was chosen."""

    indices: Indices = key("a list of image numbers", "The forget set as indices into the training set, each once.")
    how: dict[str, Any] | None = key("a group, or null", "The rule that chose it.")
    seed: Whole | None = key("a whole number, or null", "Seed of the choice.")
    train_size: Count | None = key(_COUNT, "Images in the training set.")
    class_names: ClassNames | None = key(
        "a list of names, or null", "A name for each class, in the order of the labels; absent where they have none."
    )
    data_sha256: Line = key(_LINE, "SHA-256 of images and labels; without `data.test`, of those that were read.")
    training_sha256: Line | None = key("a line of text, or null", "The same without test images. Absent in older runs.")
    sha256: Line = key(_LINE, "SHA-256 of data and indices; runs to be compared share it.")
