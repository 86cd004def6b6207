"""Reports on run directories: one frame, a row a run, from which tables, pages and figures are made."""

from medunlearn.report.frame import COLUMNS, load

__all__ = ["COLUMNS", "load"]
