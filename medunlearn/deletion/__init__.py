"""Deletion requests: from the names of patients to an unlearned run, its audit, and a summary for the reader."""

from medunlearn.deletion.answer import Answer, answer_lines
from medunlearn.deletion.request import Request

__all__ = ["Answer", "Request", "answer_lines"]
