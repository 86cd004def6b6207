"""Errors of parts while they are built: the first one is kept, with the option that names the part."""

import pytest
from jsonargparse import ArgumentParser

from medunlearn.cli.parts import PartErrors
from medunlearn.errors import InputError


class Part:
    def __init__(self, fail: str = "") -> None:
        kinds = {"input": InputError("own: wrong; fix it"), "value": ValueError("bad"), "key": KeyError("k")}
        if fail:
            raise kinds[fail]


def build(option, fail):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument(f"--{option}", type=Part)
    errors = PartErrors(parser, parser)
    given = parser.parse_object({option: {"class_path": f"{__name__}.Part", "init_args": {"fail": fail}}})
    try:
        return errors, parser.instantiate_classes(given)[option]
    except Exception as error:
        return errors, error


def test_part_that_can_be_built_leaves_no_error():
    errors, part = build("part", "")
    assert errors.first is None
    assert isinstance(part, Part)


@pytest.mark.parametrize(
    ("option", "fail", "line"),
    [
        ("part", "input", "own: wrong; fix it"),
        ("model", "input", "own: wrong; fix it"),
        ("part", "value", "part: Part: bad; fix its init_args"),
        ("model", "value", None),
        ("part", "key", None),
    ],
)
def test_error_of_a_part_names_its_option_except_where_a_method_needs_the_traceback(option, fail, line):
    errors, error = build(option, fail)
    assert isinstance(error, Exception)
    assert (None if errors.first is None else str(errors.first)) == line


def test_first_error_of_several_is_kept():
    errors, _ = build("part", "value")
    with pytest.raises(InputError):
        errors._build("part", Part, fail="input")
    assert str(errors.first) == "part: Part: bad; fix its init_args"
