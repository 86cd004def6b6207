"""`medunlearn report`: compare run directories."""

from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.runs import RunDir


def report(options: list[str]) -> int:
    """Run `medunlearn report DIR... [--out DIR]` and return its exit status."""
    given, others = _parser().parse_known_args(options)
    if unknown := [word for word in others if word.startswith("-")]:
        raise InputError(f"{unknown[0]}: `medunlearn report` has no such option; see `medunlearn report --help`")
    paths = [*given.runs, *others]  # others: those after an option
    if not paths:
        raise InputError("report: no run directories given; name some, as in `medunlearn report runs/*`")
    runs = _runs(paths)
    if given.out is None:
        from medunlearn.report.table import comparison

        print(comparison(runs))
    else:
        _write(runs, given.out)
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn report",
        description="Print the comparison table of run directories as Markdown; with --out, write the whole report: "
        "report.html, report.md, tables.tex, results.csv and the figures as PNG and SVG.",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="run directories, or directories of them; Train beside what started from it",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report is written; files there are replaced")
    return parser


def _runs(paths: list[str]) -> list[RunDir]:
    """Return the runs at paths, each once; a directory that holds none stands for those in it, as a plan leaves it."""
    runs: dict[Path, RunDir] = {}
    for path in paths:
        try:
            for run in _inside(Path(path)) or [RunDir(path)]:
                runs.setdefault(run.path.resolve(), run)
        except (OSError, ValueError, RuntimeError) as error:  # no rights, or a path that no file can have
            words = getattr(error, "strerror", None) or error
            raise InputError(f"report={path}: cannot be read ({words}); name a run directory") from None
    return list(runs.values())


def _inside(path: Path) -> list[RunDir]:
    if RunDir(path).started or not path.is_dir():
        return []
    return [run for child in sorted(path.iterdir()) if (run := RunDir(child)).started]


def _write(runs: list[RunDir], folder: Path) -> None:
    from medunlearn.report.collect import collect
    from medunlearn.report.figures import draw_figures
    from medunlearn.report.html import html
    from medunlearn.report.sections import sections
    from medunlearn.report.text import latex, markdown, results_csv

    cells = collect(runs)
    if not cells:
        raise InputError("report: none of the runs forgets anything; name a Retrain or an unlearned run too")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out={folder}: is a file; name a directory")
    folder.mkdir(parents=True, exist_ok=True)
    measured = sections(cells)
    figures = draw_figures(measured, folder)
    texts = {
        "results.csv": results_csv(cells),
        "tables.tex": latex(measured),
        "report.md": markdown(measured, [f"{name}.png" for name, _ in figures]),
        "report.html": html(measured, figures, folder),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    print(f"Written to {folder / 'report.html'}, with report.md, tables.tex, results.csv and {len(figures)} figures")
