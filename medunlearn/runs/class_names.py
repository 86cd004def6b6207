"""Names of classes, checked before they are displayed, since they may come from untrusted files."""

import reprlib
from collections.abc import Sequence
from typing import Any

from medunlearn.errors import Fault

LONGEST = 100
"""Most characters of a name; MedMNIST's longest has 67."""

MOST_TEXT = 200
"""Most characters of several names in a heading."""


def check_class_names(names: Any, num_classes: int | None = None) -> tuple[str, ...]:
    """Check names of classes and return them in the order of the labels.

    Args:
        names: The value to check, which should be a list of names.
        num_classes: The required number; None if it is not known yet.

    Raises:
        Fault: If a name is not text, is empty, too long, repeated, a whole number, or has unprintable characters.

    Example:
        >>> check_class_names(["benign", "malignant"], 2)
        ('benign', 'malignant')
    """
    if not isinstance(names, Sequence) or isinstance(names, str | bytes):
        raise Fault(f"class_names is {reprlib.repr(names)}, not a list; give one name for each class")
    if num_classes is not None and len(names) != num_classes:
        raise Fault(
            f"class_names has {len(names)} names for {num_classes} classes; give one name for each class, in the "
            "order of the labels"
        )
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        if problem := _problem(name):
            raise Fault(f"class_names: the name of class {number} {problem}")
        if (other := seen.setdefault(name.casefold(), number)) != number:
            raise Fault(f"class_names: classes {other} and {number} are both named {name}; give each its own name")
    return tuple(names)


def listed(names: Sequence[str]) -> str:
    """Return the classes with their numbers.

    Example:
        >>> listed(["benign", "malignant"])
        '0 benign, 1 malignant'
    """
    return ", ".join(f"{number} {name}" for number, name in enumerate(names))


def named(classes: Sequence[int | str], names: Sequence[str]) -> str:
    """Return classes by name; by number if names are unknown or very long.

    Example:
        >>> named([1], ["benign", "malignant"]), named([1, 0], [])
        ('malignant', '1, 0')
    """
    texts = [names[each] if isinstance(each, int) and 0 <= each < len(names) else str(each) for each in classes]
    whole = ("; " if any("," in text for text in texts) else ", ").join(texts)
    return whole if len(whole) <= MOST_TEXT else ", ".join(map(str, classes))


def _problem(name: Any) -> str:
    """Return what is wrong with a name and the remedy; an empty string if nothing is."""
    if not isinstance(name, str):
        return f"is {reprlib.repr(name)}, not text; write it in quotes"
    if not name or name != name.strip():
        return f"is {reprlib.repr(name)}, empty or with blanks around it; leave these out"
    if len(name) > LONGEST:
        return f"has {len(name)} characters; give at most {LONGEST}"
    if not name.isprintable():
        return f"is {name!r}, with characters that are not printed; leave these out"
    return f"is {name}, which is read as the number of a class; give a word" if _is_number(name) else ""


def _is_number(name: str) -> bool:
    try:
        int(name)
    except ValueError:
        return False
    return True
