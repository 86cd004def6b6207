"""Checks of the values that a method is given."""

import math
from typing import Literal

import pytest

from medunlearn.errors import InputError
from medunlearn.methods.ranges import not_negative, one_of, positive, share, whole, within


@pytest.mark.parametrize(
    ("check", "right", "wrong", "allowed"),
    [
        (not_negative, (0, 0.0, 1e300), (-1e-9, math.inf, math.nan), "a number of 0 or more"),
        (positive, (1e-9, 3), (0, -1, math.inf, math.nan), "a number above 0"),
        (share, (0, 0.5, 1), (-0.1, 1.1, math.nan), "a share from 0 to 1"),
        (lambda **values: whole(2, **values), (2, 9), (1, 2.0, math.nan), "a whole number of 2 or more"),
        (lambda **values: within("a 7", lambda value: value == 7, **values), (7, 7.0), (8,), "a 7"),
    ],
)
def test_numbers_outside_a_range_are_one_line(check, right, wrong, allowed):
    check(**{f"x{place}": value for place, value in enumerate(right)})
    for value in wrong:
        with pytest.raises(InputError) as caught:
            check(first=right[0], second=value)
        assert str(caught.value) == f"second={value}: give {allowed}"
        assert caught.value.for_command_line == f"model.init_args.second={value}: give {allowed}"


@pytest.mark.parametrize(("value", "shown"), [("0.5", "'0.5'"), (None, "None"), (True, "True"), ([0.5], "[0.5]")])
def test_what_is_no_number_is_shown_as_it_is(value, shown):
    for check in (not_negative, positive, share, lambda **values: whole(0, **values)):
        with pytest.raises(InputError, match=f"^x={shown}: give a ".replace("[", r"\[")):
            check(x=value)


def test_names_outside_a_list_are_one_line_with_the_list():
    one_of(Literal["one", "two"], x="one", y="two")
    for value in ("three", 3, None, []):
        with pytest.raises(InputError) as caught:
            one_of(Literal["one", "two"], x="one", y=value)
        assert str(caught.value) == f"y={value}: choose one of one, two"
