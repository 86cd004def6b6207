"""Schemas of `metrics.json` and `split.json`, which check and document their content."""

from typing import Any, get_args

from medunlearn.contracts import Role
from medunlearn.runs.content import GROUP, Content, key
from medunlearn.runs.values import (
    ClassNames,
    Count,
    Facts,
    Indices,
    Line,
    Minutes,
    Percent,
    Points,
    RunPath,
    Seconds,
    Shares,
    Whole,
)

_SHARES = "a group of numbers from 0 to 100 or null"
_PERCENT = "a number from 0 to 100, or null"
_POINTS = "a number from -100 to 100"
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


class Lost(Content):
    """What a Retrain is predicted to lose for lack of images, in percentage points."""

    val: Points | None = key(_POINTS, "Of accuracy on the validation set.")
    train: Points | None = key(_POINTS, "Of accuracy on the training images.")
    forget: Points | None = key(_POINTS, "Of accuracy on images of the forget set's classes, which UA is moved by.")
    attack: Points | None = key(f"{_POINTS}, or null", "By how much MIA is moved; null where its target is not moved.")


class Targets(Figures):
    """What is predicted of a Retrain, moved by the original's learning curve; `MIA` only where that is moved too."""

    loss: Lost | None = key(GROUP, "What moved them.")


class Proxy(Figures):
    """Distances in percentage points to what is predicted of a Retrain from validation images; `TA` is theirs."""

    targets: Targets | None = key(
        GROUP, "What is predicted, where the original's learning curve has moved it; absent without one."
    )
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


class ByGroup(Content):
    """Figures by patient, or what else `data.forget.group_by` names; a group counts once, however many images."""

    by: Line | None = key(_LINE, "What the groups are, such as patient.")
    UA: Percent | None = key(_PERCENT, "Mean over groups of each one's UA in %.")
    recognised: Percent | None = key(_PERCENT, "Share of groups in % of which a forgotten image is still recognised.")
    MIA: Percent | None = key(_PERCENT, "Share of groups in % of whose images at least half are taken for unseen.")
    n: dict[str, Count] | None = key("a group of counts", "Numbers of groups by part.")


class Copies(Content):
    """Copies of forgotten images among the retained, which teach what was to be forgotten."""

    exact: Count | None = key(_COUNT, "Forgotten images of which a retained one is the same in every pixel.")
    near: Count | None = key(_COUNT, "Further ones of which a retained one is the same when reduced to 16x16.")
    pairs: dict[str, list[list[Count]]] | None = key(GROUP, "The first of them, as places in the training set.")


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
        "a group, or null", "Distance to a Retrain as predicted from validation images; null but for unlearned runs."
    )
    MIA_draws: list[Percent] | None = key(
        "a list of numbers from 0 to 100",
        "MIA in % under several draws of the images that the attack learns from, the first of them MIA; empty where it "
        "cannot be measured. Absent in older runs.",
    )
    before: Before | None = key("UA to MIA, or null", "The original on this run's split, with this run's attack.")
    TA_retained_classes: Percent | None = key(
        _PERCENT, "TA in % without the classes that are forgotten as a whole; TA where none is."
    )
    by_class: ByClass | None = key("a group, or null", "UA and TA by class. Absent in older runs.")
    by_group: ByGroup | None = key("a group, or null", "Figures by patient; absent without `data.groups`.")
    copies: Copies | None = key(
        "a group, or null", "Copies of forgotten images that stay; absent where none was found."
    )
    notes: list[Line] = key("a list of sentences", "Remarks on the result of the run; empty where there are none.")
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
    reference: RunPath | None = key("a run directory, or null", "The Retrain that AG is computed against, as given.")
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


class Dropped(Content):
    """Images of withdrawn patients beside the training set, by their place in their split."""

    val: Indices = key("a list of image numbers", "Validation images that no figure counts.")
    test: Indices = key("a list of image numbers", "Test images that no figure counts.")


class Split(Content):
    """Content of `split.json`: the forget set and how it was chosen."""

    indices: Indices = key("a list of image numbers", "The forget set as indices into the training set, each once.")
    how: dict[str, Any] | None = key("a group, or null", "The rule that chose it.")
    dropped: Dropped | None = key(
        "a group, or null", "Images of the withdrawn patients in other splits; absent where there are none."
    )
    requests: list[dict[str, Any]] | None = key(
        "a list of groups, or null",
        "The requests that the forget set is the union of, this run's last; absent where it is the first.",
    )
    seed: Whole | None = key("a whole number, or null", "Seed of the choice.")
    train_size: Count | None = key(_COUNT, "Images in the training set.")
    class_names: ClassNames | None = key(
        "a list of names, or null", "A name for each class, in the order of the labels; absent where they have none."
    )
    data_sha256: Line = key(_LINE, "SHA-256 of images and labels; without `data.test`, of those that were read.")
    training_sha256: Line | None = key("a line of text, or null", "The same without test images. Absent in older runs.")
    sha256: Line = key(_LINE, "SHA-256 of data and indices; runs to be compared share it.")
