import pytest

from medunlearn.data.classes import class_numbers
from medunlearn.errors import InputError

NAMES = ("basophil", "eosinophil", "immature granulocytes")


def refusal(classes, names=NAMES):
    with pytest.raises(InputError) as caught:
        class_numbers(classes, 3, names)
    return caught.value.for_command_line


def test_names_and_numbers_may_be_mixed():
    assert class_numbers(["eosinophil", 0, "2"], 3, NAMES) == [1, 0, 2]


def test_a_number_needs_no_names():
    assert class_numbers([2, 0], 3, None) == [2, 0]


def test_a_misspelt_name_is_refused_with_a_suggestion_and_the_list():
    assert refusal(["basophyl"]) == (
        "data.forget.classes=[basophyl]: no class is named basophyl; did you mean basophil? The choice is basophil, "
        "eosinophil, immature granulocytes"
    )
    assert "did you mean basophil?" in refusal(["Basophil"])


def test_a_number_out_of_range_is_refused_with_the_names():
    assert refusal([3]) == (
        "data.forget.classes=[3]: class 3 is out of range; the classes are 0 basophil, 1 eosinophil, "
        "2 immature granulocytes"
    )


def test_a_name_where_classes_have_none_is_refused():
    assert refusal(["basophil"], None) == (
        "data.forget.classes=[basophil]: basophil is a name, and the classes have none; give numbers, or set "
        "data.class_names"
    )
