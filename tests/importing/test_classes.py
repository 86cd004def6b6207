"""Order and names of classes. (Those that are refused: `tests/refusals/importing.py`.)"""

from medunlearn.importing.classes import order_classes


def test_words_are_sorted_by_text_as_torchvision_does():
    found = order_classes({"benign", "Zero", "malignant"})
    assert found.order == found.names == ("Zero", "benign", "malignant")


def test_labels_that_are_numbers_from_0_stay_what_they_are():
    found = order_classes({str(number) for number in range(11)})
    assert found.order[:3] == ("0", "1", "2")
    assert found.names is None
    assert found.name(10) == "10"
    assert found.note.startswith("sorted as numbers")


def test_other_numbers_are_sorted_as_numbers_and_named():
    found = order_classes({"10", "2", "1"})
    assert (found.order, found.names) == (("1", "2", "10"), ("class 1", "class 2", "class 10"))
    assert order_classes({"10", "2", "other"}).names == ("class 10", "class 2", "other")


def test_order_and_names_may_be_given():
    assert order_classes({"a", "b"}, ["b", "a"]).order == ("b", "a")
    named = order_classes({"0", "1"}, ["malignant", "normal, benign"])
    assert (named.order, named.names) == (("0", "1"), ("malignant", "normal, benign"))
    turned = order_classes({"0", "1"}, ["1", "0"])
    assert (turned.order, turned.names) == (("1", "0"), ("class 1", "class 0"))
