"""Receipts of deletion: what was removed from a model, how, and what was measured, signed and open to examination."""

from medunlearn.receipts.building import Built, build
from medunlearn.receipts.checking import Line, summary
from medunlearn.receipts.proofs import prove
from medunlearn.receipts.stated import Stated
from medunlearn.receipts.verifying import verify

__all__ = ["Built", "Line", "Stated", "build", "prove", "summary", "verify"]
