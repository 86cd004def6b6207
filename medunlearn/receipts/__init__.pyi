"""Receipts of deletion: what was removed from a model, how, and what was measured, signed and open to examination."""

from .building import Built, build
from .checking import Line, summary
from .proofs import prove
from .stated import Stated
from .verifying import verify

__all__ = ["Built", "Line", "Stated", "build", "prove", "summary", "verify"]
