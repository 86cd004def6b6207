"""Classes that settings name, and what their arguments take."""

from pathlib import Path, PurePath
from typing import Literal

import pytest

from medunlearn.cli.classes import (
    NotFound,
    NotImportable,
    NotSubclass,
    accepts,
    arguments_of,
    class_actions,
    class_bases,
    described,
    find_class,
    is_required,
)


class Base:
    def __init__(self, size: int, name: str = "a") -> None: ...


class Child(Base):
    def __init__(self, rate: float | None = None, **kwargs) -> None:
        super().__init__(**kwargs)


class Grandchild(Child): ...


def test_find_class_takes_an_import_path_or_a_bare_name():
    assert find_class("pathlib.PurePath", (object,)) is PurePath
    assert find_class("Base", (Base,)) is Base
    assert find_class("Grandchild", (Base,)) is Grandchild


def test_find_class_refuses_with_an_error_of_its_kind():
    with pytest.raises(NotFound, match=r"did you mean Grandchild\? give the name by which it is imported"):
        find_class("GrandChild", (Base,))
    with pytest.raises(NotFound, match=r"^give the name by which it is imported$"):
        find_class("Zzz", (Base,))
    with pytest.raises(NotSubclass):
        find_class("pathlib.Path", (Base,))
    with pytest.raises(NotSubclass):
        find_class("json.decoder", (Base,))
    with pytest.raises(NotImportable, match=r"^no module nowhere is found; .* holds nowhere.py"):
        find_class("nowhere.Own", (Base,))
    with pytest.raises(NotImportable, match=r"^pathlib has no Pth; did you mean Path\? fix the name$"):
        find_class("pathlib.Pth", (object,))


def test_arguments_of_a_class_include_those_of_its_bases():
    found = arguments_of(Child)
    assert set(found) == {"rate", "size", "name"}
    assert found["size"] is int


def test_is_required_where_no_default_is_given():
    assert [name for name, action in class_actions(Child).items() if is_required(action)] == ["size"]


@pytest.mark.parametrize(
    ("hint", "value", "taken"),
    [
        (int, "3", True),
        (int, 3, True),
        (int, "x", False),
        (int | None, None, True),
        (bool, "true", True),
        (Literal["a", "b"], "a", True),
        (Literal["a", "b"], "c", False),
        (list[int], [1, 2], True),
        (list[int], ["b"], False),
    ],
)
def test_accepts_values_of_the_type_and_their_text(hint, value, taken):
    assert accepts(hint, value) is taken


@pytest.mark.parametrize(
    ("hint", "bases"),
    [
        (Base, (Base,)),
        (list[Base] | Base | None, (Base, Base)),
        (int | str | Path | None, ()),
        (Literal["a"], ()),
        (dict[str, Base], (Base,)),
    ],
)
def test_class_bases_are_the_types_own_classes(hint, bases):
    assert class_bases(hint) == bases


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, "a whole number"),
        (int | None, "a whole number, or null"),
        (int | float, "a number"),
        (float | bool, "a number or true or false"),
        (Literal["a", "b"] | None, "one of a, b, or null"),
        (int | Literal["auto"], "a whole number or one of auto"),
        (list[int], "a list of whole numbers, such as [4]"),
        (list[Base] | Base | None, "a list of a Base or a Base, or null"),
        (Path, "a path"),
    ],
)
def test_described_says_what_a_type_takes(hint, text):
    assert described(hint) == text
