"""The command `medunlearn report`: the comparison in the terminal, or the whole report as files."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from medunlearn.cli.comparison import terminal_comparison
from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.errors import InputError, counted
from medunlearn.files import expanded
from medunlearn.metrics.legend import explained

EXAMPLES = """examples:
  medunlearn report runs/train_blood runs/retrain_blood_10 runs/salun_blood_10
  medunlearn report runs --out report
"""


def report(options: list[str]) -> int:
    """Run `medunlearn report DIR... [--out DIR]` and return its exit status."""
    given, others = _parser().parse_known_args(options)
    if unknown := [each for each in others if each.startswith("-")]:
        raise InputError(f"{unknown[0]}: `medunlearn report` has no such option; see `medunlearn report --help`")
    paths = [*given.runs, *others]  # others: those after an option
    if not paths:
        raise InputError("report: no run directories given; name some, as in `medunlearn report runs/*`")
    from medunlearn.report import load  # imports pandas, which `--help` avoids
    from medunlearn.report.render import write_report

    if given.out is None:
        show(terminal_comparison(paths))
    else:
        out = expanded(given.out, "out")
        figures = write_report(load(paths), out)
        files = f"report.md, tables.tex, results.csv and {counted(figures, 'figure')}"
        print(f"Written to {out / 'report.html'}, with {files}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn report",
        description="Print the comparison table of run directories as Markdown; with --out, write the whole report: "
        "report.html, report.md, tables.tex, results.csv and the figures as PNG and SVG.",
        epilog=f"columns, and which way is better:\n{explained()}\n\n"
        "A model is good where it is near the retrained one, not where UA or MIA is high: a destroyed model has both."
        f"\n\n{EXAMPLES}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="run directories, or directories of them; Train beside what started from it",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report is written; files there are replaced")
    return parser
