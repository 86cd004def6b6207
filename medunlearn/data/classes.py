"""Converts classes to forget, given by number or by name, to numbers."""

from collections.abc import Sequence

from medunlearn.errors import DataError
from medunlearn.plugins import choice
from medunlearn.runs.class_names import listed


def class_numbers(classes: Sequence[int | str], num_classes: int, names: Sequence[str] | None) -> list[int]:
    """Return classes as numbers, in their order.

    Args:
        classes: Numbers, and names of those in `names`.
        num_classes: Number of classes C.
        names: A name for each class; None where they have none.

    Raises:
        InputError: If there is no such class.

    Example:
        >>> class_numbers([0, "malignant"], 2, ["benign", "malignant"])
        [0, 1]
    """
    numbers = [_number(each, classes, names) for each in classes]
    wrong = [number for number in numbers if not 0 <= number < num_classes]
    if wrong:
        there = f"the classes are {listed(names)}" if names else f"the classes are 0 to {num_classes - 1}"
        raise _refused(classes, f"class {wrong[0]} is out of range; {there}")
    return numbers


def _number(given: int | str, classes: Sequence[int | str], names: Sequence[str] | None) -> int:
    if isinstance(given, str) and not given.isdecimal():
        if not names:
            raise _refused(
                classes, f"{given} is a name, and the classes have none; give numbers, or set data.class_names"
            )
        if given not in names:
            raise _refused(classes, f"no class is named {given}; {choice(given, [*names])}")
        return names.index(given)
    return int(given)


def _refused(classes: Sequence[int | str], problem: str) -> DataError:
    return DataError(f"classes=[{', '.join(map(str, classes))}]: {problem}", part="data.forget")
