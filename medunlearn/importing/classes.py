"""Orders the classes, which gives their labels, and names them."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from medunlearn.errors import Fault, InputError
from medunlearn.importing.entries import some
from medunlearn.runs.class_names import check_class_names


class Classes(NamedTuple):
    """The classes of a folder.

    Attributes:
        order: Their names in the layout, in the order of their labels.
        names: Their names in the file; None if the layout numbers them from 0 and no names were given.
        note: A remark on the order or the names if they are not obvious; else empty.
    """

    order: tuple[str, ...]
    names: tuple[str, ...] | None = None
    note: str = ""

    def name(self, label: int) -> str:
        """Return a class as written in `clinic.csv`: its name, else its number."""
        return str(label) if self.names is None else self.names[label]


def order_classes(found: Collection[str], given: Sequence[str] | None = None) -> Classes:
    """Return classes in the order of their labels.

    Whole numbers are sorted as numbers; anything else as text, like torchvision's `ImageFolder`, so that labels match
    those of a model trained with it. A number cannot name a class, since options read it as a label: 3 becomes
    `class 3`, unless the numbers are the labels themselves, 0 to C - 1.

    Args:
        found: The classes that have an image.
        given: All of them in the desired order; or names, if those found are the numbers 0 to C - 1.

    Raises:
        InputError: If there are fewer than two, two look alike, a name cannot be used, or `given` has other classes.

    Example:
        >>> order_classes(["10", "2", "1"]).names
        ('class 1', 'class 2', 'class 10')
    """
    if len(found) < 2:
        raise InputError(
            f"classes: {some(found) or 'none'} alone; a classifier needs two or more, so give the folder that holds all"
        )
    _check_alike(found)
    numbers = all(map(_is_number, found))
    order = tuple(sorted(found, key=int if numbers else None))
    labels = numbers and [int(name) for name in order] == list(range(len(order)))
    if given is not None:
        return _as_given(order, tuple(given), labels)
    if labels:
        return Classes(order, None, _numbers_note(order))
    names = _checked([f"class {name}" if _is_number(name) else name for name in order])
    return Classes(order, names, _numbers_note(order) if numbers else "")


def _as_given(order: tuple[str, ...], given: tuple[str, ...], labels: bool) -> Classes:
    if {*given} == {*order} and len(given) == len(order):
        return Classes(given, _checked([f"class {name}" if _is_number(name) else name for name in given]))
    if labels and len(given) == len(order):
        return Classes(order, _checked(given))
    raise InputError(
        f"classes={some(given, 10)}: the images are of {some(order, 10)}; give each of these once, in the order of the "
        "labels"
    )


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    try:
        return check_class_names(names)
    except Fault as fault:
        raise InputError(f"classes: {fault}") from None


def _check_alike(found: Collection[str]) -> None:
    """Reject classes that differ only in case or leading zeros: probably one class in two spellings."""
    seen: dict[str, str] = {}
    for name in sorted(found):
        key = str(int(name)) if _is_number(name) else " ".join(name.casefold().split())
        if (other := seen.setdefault(key, name)) != name:
            raise InputError(f"classes: {other} and {name} look alike; give one class one spelling")


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10


def _numbers_note(order: tuple[str, ...]) -> str:
    return (
        ""
        if list(order) == sorted(order)
        else "sorted as numbers; torchvision's ImageFolder sorts by text, 10 before 2"
    )
