"""Reports on run directories: one frame with a row per run, from which tables, pages and figures are made."""

from medunlearn.report.frame import COLUMNS, load

__all__ = ["COLUMNS", "load"]
