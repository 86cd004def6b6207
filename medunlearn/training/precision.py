"""The precision that a run computes in: its default, and those that are rejected."""

from pathlib import Path

import torch

from medunlearn.errors import InputError

PRECISIONS = (None, "32", "32-true", "16", "16-mixed", "bf16", "bf16-mixed")


def check_precision(precision: object, trained: bool = True) -> None:
    """Reject precisions that keep the weights themselves in other than 32 bits.

    Args:
        precision: Lightning's name of the precision; None for its default, 32-true.
        trained: Whether a model is trained in it, not only measured.
    """
    if precision is not None and str(precision) not in PRECISIONS:
        reason = (
            "weights must stay in 32 bits, or frozen ones could not stay bit-identical"
            if trained
            else "a finished run is measured with its weights in 32 bits, as it was trained"
        )
        raise InputError(f"precision={precision}: {reason}; use 32-true, bf16-mixed or 16-mixed", part="trainer")


def default_precision() -> str:
    """Return `bf16-mixed` if the hardware supports bfloat16, else `32-true`."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "32-true"
    return "bf16-mixed" if "avx512_bf16" in flags or "amx_bf16" in flags else "32-true"
