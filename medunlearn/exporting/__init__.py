"""Models of finished runs in formats that other programs read: a folder with weights, labels and a model card."""

from medunlearn.exporting.folder import export

__all__ = ["export"]
