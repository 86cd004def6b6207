"""The precision that a run computes in."""

from pathlib import Path

import pytest
import torch

from medunlearn.errors import InputError
from medunlearn.training import precision
from medunlearn.training.precision import check_precision, default_precision


@pytest.mark.parametrize("value", [None, 32, "32", "32-true", 16, "16", "16-mixed", "bf16", "bf16-mixed"])
def test_precision_that_keeps_weights_in_float32_passes(value):
    check_precision(value)


@pytest.mark.parametrize("value", [64, "64-true", "16-true", "bf16-true", "transformer-engine", "", 8])
def test_precision_of_other_weights_is_refused_by_its_value(value):
    with pytest.raises(InputError) as caught:
        check_precision(value)
    assert str(caught.value).startswith(f"precision={value}: weights must stay in 32 bits")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : sse avx512_bf16 fma", "bf16-mixed"),
        ("flags : amx_bf16 amx_tile", "bf16-mixed"),
        ("flags : sse avx512f", "32-true"),
        ("", "32-true"),
        (None, "32-true"),
    ],
)
def test_default_precision_is_that_of_the_processor_without_a_gpu(monkeypatch, flags, expected):
    def read_text(path):
        assert str(path) == "/proc/cpuinfo"
        if flags is None:
            raise FileNotFoundError(path)
        return flags

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision.Path, "read_text", read_text)
    assert default_precision() == expected


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_default_precision_is_that_of_the_gpu_and_not_what_it_emulates(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    # An old GPU has bfloat16 by emulation, which is slower than float32.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    monkeypatch.setattr(Path, "read_text", lambda _: pytest.fail("the processor is asked"))
    assert default_precision() == expected


def test_default_precision_is_one_that_passes():
    check_precision(default_precision())
