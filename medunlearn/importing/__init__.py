"""From a folder of images to a file in MedMNIST's format: layout, checks, splits, and the files that are written."""

from medunlearn.importing.importing import import_images, make_plan
from medunlearn.importing.plan import Plan
from medunlearn.importing.settings import Settings

__all__ = ["Plan", "Settings", "import_images", "make_plan"]
