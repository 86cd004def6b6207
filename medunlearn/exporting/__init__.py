"""Exports models of finished runs for other programs: a folder with weights, labels and a model card."""

from medunlearn.exporting.folder import export

__all__ = ["export"]
