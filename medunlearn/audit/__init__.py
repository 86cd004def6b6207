"""The audit: what run directories alone say about whether images were forgotten, with the band of Retrains beside it."""

from medunlearn.audit.auditing import Settings, audit
from medunlearn.audit.subjects import Model, Subject, read_subjects

__all__ = ["Model", "Settings", "Subject", "audit", "read_subjects"]
