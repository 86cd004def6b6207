"""Progress bars outside Lightning's loops."""

import pytest

from medunlearn.training.progress import progress


@pytest.mark.parametrize("enabled", [True, False])
def test_progress_passes_every_item_on_in_order(enabled):
    assert list(progress(iter("abc"), "Letters", enabled)) == ["a", "b", "c"]


def test_progress_shows_its_name_and_total_on_stderr_and_clears_itself(capsys):
    bar = progress(iter(range(3)), "Mask", total=3)
    assert list(bar) == [0, 1, 2]
    output = capsys.readouterr()
    assert output.out == ""
    assert "Mask" in output.err
    assert "/3" in output.err
    assert "\n" not in output.err
    assert output.err.rstrip("\r").rpartition("\r")[2].strip() == ""


def test_progress_that_is_off_says_nothing(capsys):
    list(progress(range(3), "Mask", enabled=False))
    assert "".join(capsys.readouterr()) == ""
