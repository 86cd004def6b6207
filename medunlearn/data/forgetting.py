"""Chooses the forget set among the training images, by rate, class, index or group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.data.classes import class_numbers
from medunlearn.data.group_names import group_names
from medunlearn.data.index_files import read_indices
from medunlearn.errors import DataError, InputError, check_least
from medunlearn.files import expanded
from medunlearn.runs.class_names import named

RULES = ("rate", "classes", "indices", "groups")
"""The rules by which a forget set may be chosen, one at a time."""

OTHER_RULES = ("rate", "classes", "groups", "after")
"""Settings to clear when a list of indices replaces another rule."""


@dataclass(frozen=True)
class ForgetSpec:
    """How the forget set is chosen: by exactly one of rate, classes, indices and groups, or not at all.

    Args:
        rate: Share of the training set to forget, in (0, 1): floor(rate x N) images, drawn uniformly.
        classes: Every training image of these classes, by number or by name.
        indices: A file of indices into the training set, all of which are forgotten: one a line (.txt), the column
            `index` of a table that has no other (.csv), an integer array (.npy, .npz), or a list (.json; a run's
            `split.json` is accepted). If a file holds more, `FILE:NAME` names the column, array or key.
        seed: Seed of the draw by rate.
        stratified: Draw each class in proportion to its size rather than uniformly over all images.
        groups: Every image of these patients (or sites, or devices), named as in `data.groups`; or a .txt file of
            their names, one a line. Their training images are forgotten, and no figure counts their validation and
            test images.
        group_by: What groups are: the column of `data.groups`.
        after: An earlier run that forgot: its forget set is added to this one, since a second request does not undo
            the first.

    Raises:
        InputError: If the values contradict each other or are out of range.
    """

    rate: float | None = None
    classes: list[int | str] | None = None
    indices: Path | None = None
    seed: int = 0
    stratified: bool = False
    groups: list[str] | str | None = None
    group_by: str = "patient"
    after: Path | None = None

    def __post_init__(self) -> None:
        if self.indices is not None and not isinstance(self.indices, (str, Path)):
            raise InputError(
                f"indices={type(self.indices).__name__}: give the path of a file; write the indices into one",
                part="data.forget",
            )
        if isinstance(self.classes, (int, str)):
            object.__setattr__(self, "classes", [self.classes])
        if self.indices is not None:
            object.__setattr__(self, "indices", expanded(self.indices, "indices", "data.forget"))
        if self.after is not None:
            object.__setattr__(self, "after", expanded(self.after, "after", "data.forget"))
        if self.groups is not None:
            object.__setattr__(self, "groups", group_names(self.groups))
        self._check()

    def _check(self) -> None:
        """Reject values that contradict each other or are out of range."""
        given = [name for name in RULES if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(
                f"forget: {' and '.join(given)} are both set; keep one and clear the other, "
                f"as in `--data.forget.{given[0]} null`",
                part="data",
            )
        if self.rate is not None and not 0 < self.rate < 1:
            raise InputError(f"rate={self.rate}: give a share between 0 and 1, such as 0.1", part="data.forget")
        unread = [each for each in self.classes or () if isinstance(each, str) and each[:1] == "[" and each[-1] == "]"]
        if unread:  # jsonargparse keeps a list of other types as text
            raise InputError(
                f"classes={unread[0]}: give numbers and names of classes, such as [4] or [basophil], in quotes where a "
                "name looks like something else",
                part="data.forget",
            )
        check_least("seed", self.seed, part="data.forget")
        if self.stratified and self.rate is None:
            raise InputError(
                "stratified=true: only a draw by rate can be stratified; set data.forget.rate", part="data.forget"
            )
        if self.after is not None and not given:
            raise InputError(
                f"after={self.after}: is the earlier request; name what is to be forgotten now, by data.forget.groups "
                "or another of data.forget",
                part="data.forget",
            )

    @property
    def given(self) -> bool:
        """Whether a forget set is specified."""
        return any(getattr(self, name) is not None for name in RULES)

    def named_groups(self) -> str:
        """Return the names of the groups for an error."""
        return ",".join(self.groups or ())

    def numbered(self, num_classes: int, class_names: Sequence[str] | None) -> "ForgetSpec":
        """Return the same specification with classes as numbers, as runs store them."""
        if self.classes is None:
            return self
        return replace(self, classes=[*class_numbers(self.classes, num_classes, class_names)])

    def describe(self) -> dict[str, object]:
        """Return the rule that chose the forget set, in the form of `split.json`."""
        if self.rate is not None:
            return {"rate": self.rate, "stratified": self.stratified}
        if self.classes is not None:
            numbers, names = [[each for each in self.classes if isinstance(each, kind)] for kind in (int, str)]
            return {"classes": [*sorted(numbers), *sorted(names)]}
        if self.groups is not None:
            return {"groups": sorted(self.groups), "group_by": self.group_by}
        return {"indices": str(self.indices)} if self.indices is not None else {}


def as_spec(forget: Any) -> ForgetSpec:
    """Return a `ForgetSpec`, converting a mapping from a config.

    Raises:
        DataError: If it is neither.
    """
    spec = ForgetSpec(**forget) if isinstance(forget, dict) else forget
    if not isinstance(spec, ForgetSpec):
        raise DataError(f"forget={forget!r}: give a ForgetSpec, such as ForgetSpec(rate=0.1)", part="data")
    return spec


def choose_forget_set(
    labels: np.ndarray,
    num_classes: int,
    spec: ForgetSpec,
    class_names: Sequence[str] | None = None,
    of_groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return the forget set as sorted indices into the training set.

    Args:
        labels: Labels of the training set, shape (N,).
        num_classes: Number of classes C.
        spec: How to choose.
        class_names: A name for each class; None where they have none.
        of_groups: The images of `spec.groups`, (F,).

    Returns:
        Sorted int64 indices, shape (F,) with 0 < F < N, or (0,) where `spec` asks for none.

    Raises:
        InputError: If the forget set or what is retained would be empty, or an index or class is invalid.
    """
    if not spec.given:
        return np.empty(0, dtype=np.int64)
    if spec.rate is not None:
        draw = _draw_stratified if spec.stratified else _draw_uniform
        chosen, argument = draw(labels, spec.rate, spec.seed), f"rate={spec.rate}"
    elif spec.classes is not None:
        numbers = class_numbers(spec.classes, num_classes, class_names)
        chosen = np.flatnonzero(np.isin(labels, numbers))
        argument = f"classes=[{named(numbers, class_names or ())}]"
    elif of_groups is not None:
        chosen, argument = of_groups, f"groups={spec.named_groups()}"
    else:
        assert spec.indices is not None
        chosen, argument = read_indices(spec.indices, len(labels)), f"indices={spec.indices}"
    if len(chosen) == 0:
        problem = f"the forget set is empty with {len(labels)} training images; choose more"
        if spec.classes:
            problem = "no training image is of these classes; choose others"
        if spec.indices is not None:
            problem = "names no image; list those to forget"
        raise DataError(f"{argument}: {problem}", part="data.forget")
    if len(chosen) == len(labels):
        raise DataError(
            f"{argument}: nothing is left to retain of {len(labels)} training images; choose fewer", part="data.forget"
        )
    return np.sort(chosen)


def _share(rate: float, count: int) -> int:
    """Return floor(rate x count), with the rate as a decimal number: 0.29 of 100 is 29, not 28."""
    return int(rate * count + 1e-9)


def _draw_uniform(labels: np.ndarray, rate: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(len(labels), size=_share(rate, len(labels)), replace=False)


def _draw_stratified(labels: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Draw from each class its share of floor(rate x N), rounded by the largest remainder."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    total = _share(rate, len(labels))
    quotas = total * sizes / len(labels)
    counts = np.floor(quotas + 1e-9).astype(int)
    counts[np.argsort(counts - quotas, kind="stable")[: total - counts.sum()]] += 1
    drawn = [
        rng.choice(np.flatnonzero(labels == label), size=count, replace=False)
        for label, count in zip(classes, counts, strict=True)
    ]
    return np.concatenate(drawn)
