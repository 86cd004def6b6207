import pytest

from medunlearn.errors import Fault
from medunlearn.runs.class_names import LONGEST, MOST_TEXT, check_class_names, named


def refusal(names, num_classes=None):
    with pytest.raises(Fault) as caught:
        check_class_names(names, num_classes)
    assert "; " in str(caught.value), "it says how to put it right"
    return str(caught.value)


def test_good_names_are_returned_as_they_are():
    names = ["basophil", "normal, benign", "femur-left", "Übergang", "x" * LONGEST, "<i>&$_", "grade 1"]
    assert check_class_names(names, len(names)) == tuple(names)


@pytest.mark.parametrize("number", ["0", "12", "-1", "+1", "1_0", "\u0661"])
def test_a_name_that_is_read_as_a_number_is_refused(number):
    assert refusal(["a", number]) == (
        f"class_names: the name of class 1 is {number}, which is read as the number of a class; give a word"
    )


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "a\0b", "\u202egpj", "\ud800", "a\u2028b", "\ta"])
def test_a_name_with_characters_that_are_not_printed_is_refused(name):
    message = refusal(["a", name])
    assert "class 1" in message
    assert message.isprintable()


@pytest.mark.parametrize("name", ["", " ", " a", "a "])
def test_an_empty_name_or_one_in_blanks_is_refused(name):
    assert refusal([name, "b"]).startswith(f"class_names: the name of class 0 is {name!r}, empty or with blanks")


def test_a_long_name_is_refused_and_not_repeated():
    assert (
        refusal(["x" * 10**6, "b"])
        == f"class_names: the name of class 0 has 1000000 characters; give at most {LONGEST}"
    )


@pytest.mark.parametrize(("names", "twice"), [(["a", "b", "a"], "a"), (["Benign", "c", "benign"], "benign")])
def test_a_name_of_two_classes_is_refused(names, twice):
    assert refusal(names) == f"class_names: classes 0 and 2 are both named {twice}; give each its own name"


def test_the_names_must_be_as_many_as_the_classes():
    assert refusal(["a", "b"], 3).startswith("class_names has 2 names for 3 classes; give one name for each class")


@pytest.mark.parametrize("names", ["ab", b"ab", 3, {"a": 1}, [1, 2], [None, "a"], [b"a", "b"]])
def test_what_is_no_list_of_text_is_refused(names):
    assert "not a list" in refusal(names) or "not text" in refusal(names)


def test_classes_are_named_by_number_where_names_are_unknown_or_very_long():
    assert named([1, 0], ("a", "b")) == "b, a"
    assert named([0, 5], ("a", "b")) == "a, 5"
    assert named([0, 1], ("normal, benign", "malignant")) == "normal, benign; malignant"
    assert named([0, 1, 2], ["x" * MOST_TEXT, "y", "z"]) == "0, 1, 2"
    assert named(["a", 1], ()) == "a, 1"
