import pytest
from medmnist.info import INFO

from medunlearn.data import ForgetSpec, MedMNISTDataModule
from medunlearn.data.medmnist import class_names_of, dataset_names
from medunlearn.data.synthetic import CLASS_NAMES
from medunlearn.errors import InputError


def test_classes_of_an_official_set_have_its_names_before_it_is_downloaded():
    names = MedMNISTDataModule("bloodmnist").source.known_names
    assert names == tuple(INFO["bloodmnist"]["label"][str(number)] for number in range(8))


def test_every_official_set_but_the_one_of_grades_has_names():
    assert [name for name in dataset_names() if class_names_of(name) is None] == ["retinamnist"]


def test_given_names_come_before_those_of_the_data():
    names = ["a", "b", "c", "d"]
    data = MedMNISTDataModule("synthetic", class_names=names, forget=ForgetSpec(classes=["b"]))
    assert data.class_names == tuple(names)
    assert set(data.data.train.labels[data.forget_indices]) == {1}


def test_names_and_numbers_choose_the_same_forget_set_and_leave_the_same_record():
    by_name, by_number = (
        MedMNISTDataModule("synthetic", forget=ForgetSpec(classes=classes)).split_record()
        for classes in ([CLASS_NAMES[2], CLASS_NAMES[0]], [2, 0])
    )
    assert by_name == by_number
    assert by_name["how"] == {"classes": [0, 2]}
    assert by_name["class_names"] == [*CLASS_NAMES]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"dataset": "bloodmnist", "class_names": ["a"]}, "class_names has 1 names for 8 classes"),
        ({"file": "own.npz", "num_classes": 3, "class_names": ["a", "b"]}, "class_names has 2 names for 3 classes"),
        ({"file": "own.npz", "class_names": ["a", "a"]}, "class_names: classes 0 and 1 are both named a"),
        (
            {"dataset": "bloodmnist", "class_names": [*"abcdefg", "7"]},
            "class_names: the name of class 7 is 7, which is",
        ),
    ],
)
def test_wrong_names_are_refused_before_anything_is_read(given, problem):
    with pytest.raises(InputError) as caught:
        MedMNISTDataModule(**given)
    assert caught.value.for_command_line.startswith(f"data.{problem}")


def test_a_list_of_something_else_is_refused_as_such():
    with pytest.raises(InputError, match=r"classes=\[1.5\]: give numbers and names of classes, such as \[4\]"):
        ForgetSpec(classes=["[1.5]"])
