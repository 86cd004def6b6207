"""Imports a folder of images as a file in MedMNIST's format: layout, checks, splits and writing."""

from medunlearn.importing.importing import import_images, make_plan
from medunlearn.importing.plan import Plan
from medunlearn.importing.settings import Settings

__all__ = ["Plan", "Settings", "import_images", "make_plan"]
