"""The audit: whether images were forgotten, from run directories alone, with the band of Retrains beside it."""

from medunlearn.audit.auditing import audit
from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Model, Subject, read_subjects

__all__ = ["Model", "Settings", "Subject", "audit", "read_subjects"]
