"""The audit: tests from run directories alone whether images were forgotten, compared with the range of Retrains."""

from medunlearn.audit.auditing import audit
from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Model, Subject, read_subjects

__all__ = ["Model", "Settings", "Subject", "audit", "read_subjects"]
