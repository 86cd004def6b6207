"""Meaning and direction of each table column, as shown in the terminal, on report pages and in help texts."""

from typing import NamedTuple


class Column(NamedTuple):
    """One column of a table of runs.

    Example:
        >>> LEGEND["AG"].better
        'lower'
    """

    better: str
    """Which way is better: `near Retrain` or `lower`."""
    meaning: str


LEGEND = {
    "UA": Column("near Retrain", "unlearning accuracy, %: the error on the forget set"),
    "RA": Column("near Retrain", "remaining accuracy, %: the accuracy on the retain set"),
    "TA": Column("near Retrain", "test accuracy, %: the accuracy on the test set"),
    "MIA": Column("near Retrain", "share of the forget set, %, that the membership attack calls non-members"),
    "(gap)": Column("lower", "in brackets after each of these: its distance to the retrained model, percentage points"),
    "AG": Column("lower", "Average Gap, percentage points: the mean of the four gaps; 0 is retraining"),
    "AG/floor": Column(
        "lower", "AG to Retrains of several seeds, in units of the AG between two of them; inside: in their band"
    ),
    "RTE": Column(
        "lower",
        "run time in minutes: mask and updates, without evaluation; in brackets in % of Retrain's",
    ),
    "proxy gap": Column("lower", "AG as predicted from validation images, without a Retrain, percentage points"),
    "[1]": Column("", "number of a remark on the run, which stands below the table"),
}
"""Name of each column, its direction and its meaning."""


def head(name: str, unit: str = "") -> str:
    """Return the head of a column with its direction.

    Example:
        >>> head("UA"), head("RTE", "min")
        ('UA (near Retrain)', 'RTE (min, lower)')
    """
    return f"{name} ({', '.join(filter(None, (unit, LEGEND[name].better)))})"


def explained() -> str:
    """Return a line for each column: name, direction, meaning.

    Example:
        >>> print(explained().splitlines()[0])
        UA         near Retrain  unlearning accuracy, %: the error on the forget set
    """
    return "\n".join(f"{name:9}  {column.better:12}  {column.meaning}" for name, column in LEGEND.items())
