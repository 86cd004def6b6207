"""The smaller tables below a section's main one: questions of the audit, and figures by patient."""

from collections.abc import Sequence
from typing import NamedTuple

from medunlearn.report.audit_table import HEADS, LEGEND, audit_table
from medunlearn.report.patient_table import PATIENT_HEADS, PATIENT_LEGEND, patient_table
from medunlearn.report.sections import Section


class SideTable(NamedTuple):
    """A table: texts."""

    title: str
    heads: Sequence[tuple[str, str]]
    """Name of each column, and which way is better."""
    rows: Sequence[tuple[str, Sequence[str]]]
    """Name of each method, and its entries."""
    legend: str


def side_tables(section: Section) -> list[SideTable]:
    """Return the tables of a section that have rows.

    Example:
        >>> side_tables(Section("cells", "10 %", "Default"))
        []
    """
    tables = [
        SideTable("Was it forgotten?", HEADS, audit_table(section), LEGEND),
        SideTable("By patient", PATIENT_HEADS, patient_table(section), PATIENT_LEGEND),
    ]
    return [table for table in tables if table.rows]
