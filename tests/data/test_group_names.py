"""Names of patients as they are given."""

from pathlib import Path

import pytest

from medunlearn.data.group_names import group_names
from medunlearn.errors import InputError


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("0017", ["0017"]),
        ("[0017, 1e3,yes, null, 'a, b']", ["0017", "1e3", "yes", "null", "a, b"]),
        (["0017", " P1 ", "0017"], ["0017", "P1"]),
        ([17, 5], ["17", "5"]),
        (17, ["17"]),
        ("[P1", ["[P1"]),
    ],
)
def test_names_are_what_is_written(given, names):
    assert group_names(given) == names


@pytest.mark.parametrize("given", ["names.txt", ["names.txt"], "[names.txt]"])
def test_names_in_a_file_are_lines_whatever_system_wrote_it(given):
    Path("names.txt").write_bytes("\ufeff0017\r\n\r\n Müller, A \r\n0017".encode())
    assert group_names(given) == ["0017", "Müller, A"]


@pytest.mark.parametrize("given", [[], "", ["P1", " "], "[]", [True], [["P1"]], "[[P1]]", [1.5], {"P1": 1}])
def test_what_is_no_name_is_refused(given):
    with pytest.raises(InputError, match=r"^groups="):
        group_names(given)
