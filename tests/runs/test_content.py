"""The base of the models of a run's JSON files, with a small one. (What the files hold: `test_schema.py`.)"""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from medunlearn.errors import Fault
from medunlearn.runs.content import Content, check, key, table


class Attack(Content):
    needed: ClassVar[tuple[str, ...]] = ("seed",)
    seed: int | None = key("a whole number", "seed of its samples")
    shares: list[float] | None = key("a list of numbers", "shares in %")


class File(Content):
    needed: ClassVar[tuple[str, ...]] = ("UA",)
    UA: Annotated[float, Field(ge=0)] | None = key("a number of 0 or more", "error on the forget set in %")
    attack: Attack | None = key("a group", "the attack")


@pytest.mark.parametrize(
    "content",
    [
        {"UA": 1.5},
        {"UA": 1},
        {"UA": None},
        {"UA": 0.0, "attack": None},
        {"UA": 0.0, "attack": {"seed": 3, "shares": [0.5, 1]}},
        {"UA": 0.0, "later": object(), "attack": {"seed": 0, "later": "x"}},
    ],
)
def test_content_of_its_form_passes_with_keys_that_a_later_release_adds(content):
    check(content, File)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"UA": "1.5"}, "UA is '1.5', not a number of 0 or more"),
        ({"UA": True}, "UA is True, not a number of 0 or more"),
        ({"UA": -1.0}, "UA is -1.0, not a number of 0 or more"),
        ({"UA": 1.0, "attack": 3}, "attack is 3, not a group"),
        ({"UA": 1.0, "attack": {"seed": 1.0}}, "attack.seed is 1.0, not a whole number"),
        (
            {"UA": 1.0, "attack": {"seed": 1, "shares": [0.5, "x"]}},
            "attack.shares is [0.5, 'x'], not a list of numbers",
        ),
        ({"UA": "x" * 1000}, f"UA is '{'x' * 12}...{'x' * 13}', not a number of 0 or more"),
    ],
)
def test_content_of_another_form_is_a_fault_that_names_key_value_and_form(content, says):
    with pytest.raises(Fault) as caught:
        check(content, File)
    assert str(caught.value) == f"{says}; write it again"


@pytest.mark.parametrize(
    "content",
    [{}, {"attack": {"seed": 1}}, {"UA": 1.0, "attack": {}}, {"UA": 1.0, 3: "x"}, {"UA": 1.0, "attack": {3: 1}}],
)
def test_content_that_lacks_a_needed_key_or_has_one_that_is_no_text_is_a_fault(content):
    with pytest.raises(Fault, match=r"; write it again$"):
        check(content, File)


def test_content_names_the_first_key_that_is_wrong():
    with pytest.raises(Fault, match=r"^UA is 'a'"):
        check({"attack": {"seed": "b"}, "UA": "a"}, File)


def test_table_has_a_row_for_each_key_and_the_keys_of_a_group_below_it():
    assert table(File).splitlines() == [
        "| key | value | meaning |",
        "|---|---|---|",
        "| `UA` | a number of 0 or more | error on the forget set in % |",
        "| `attack` | a group | the attack |",
        "| `attack.seed` | a whole number | seed of its samples |",
        "| `attack.shares` | a list of numbers | shares in % |",
    ]
