import argparse

from medunlearn.errors import InputError
from medunlearn.report.table import comparison
from medunlearn.runs import RunDir


def report(options: list[str]) -> int:
    """Run `medunlearn report DIR...` and return its exit status."""
    parser = argparse.ArgumentParser(
        "medunlearn report",
        description="Print the comparison table of run directories as Markdown.",
        exit_on_error=False,
    )
    parser.add_argument("runs", nargs="*", metavar="DIR", help="run directories, in the order of the rows")
    given = parser.parse_args(options)
    if not given.runs:
        raise InputError("report: no run directories given; name some, as in `medunlearn report runs/*`")
    print(comparison(map(RunDir, given.runs)))
    return 0
