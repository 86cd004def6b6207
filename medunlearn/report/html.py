"""A report as one self-contained page: no script, nothing fetched from elsewhere, legible on a phone."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from medunlearn.report.published import DIFFERENCES
from medunlearn.report.sections import COLUMNS, Row, Section
from medunlearn.report.text import FEW, GLANCE, GLANCE_LEGEND, LEGEND, has_published

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #d95f02; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.answer { border-left: 4px solid var(--accent); background: var(--soft); padding: .6rem .9rem; margin: .5rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; width: 100%; }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 6.5rem; }
.wide td:first-child, .wide th:first-child { position: sticky; left: 0; background: Canvas; }
.glance { max-width: 44rem; }
.glance th { white-space: normal; }
.glance tr.of th { font-weight: 400; padding-top: .8rem; text-align: left; }
tr.published td { color: GrayText; font-style: italic; }
td small { display: block; opacity: .75; }
td.gap { font-weight: 700; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
@media (max-width: 40rem) { figure img { max-width: none; width: 30rem; } figure img.broad { width: 48rem; } }
figcaption, footer, .legend { font-size: .88rem; opacity: .85; }
@media (max-width: 40rem) { .glance { font-size: .82rem; } .glance th, .glance td { padding: .25rem; }
  .glance td:first-child { min-width: 5rem; } }
"""


def html(sections: Sequence[Section], figures: Sequence[tuple[str, str]], folder: Path) -> str:
    """Return `report.html`.

    Args:
        sections: What was measured.
        figures: Name without ending and caption of each figure.
        folder: Where the figures' PNG files lie.
    """
    general = [figure for figure in figures if not any(_of(figure, section) for section in sections)]
    body = ["<h1>Unlearning report</h1>", _answers(sections)]
    body += [_figure(*figure, folder) for figure in general]
    body.append(f'<p class="legend">{escape(LEGEND)}</p>')
    for number, section in enumerate(sections):
        body.append(f'<h2 id="s{number}">{escape(section.title)}</h2>')
        body += [f'<div class="answer">{_sentences(section)}</div>'] if len(sections) > FEW else []
        body += [_table(section), f'<p class="legend">{escape(section.protocol)}</p>']
        body += [_figure(*figure, folder) for figure in figures if _of(figure, section)]
    body.append(f"<footer>{_provenance(sections)}</footer>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Unlearning report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _answers(sections: Sequence[Section]) -> str:
    """Return what a reader came for: how near each method came, section by section."""
    if len(sections) > FEW:
        return _at_a_glance(sections)
    items = []
    for number, section in enumerate(sections):
        items.append(
            f'<div class="answer"><a href="#s{number}">{escape(section.title)}</a><br>{_sentences(section)}</div>'
        )
    return "\n".join(items)


def _sentences(section: Section) -> str:
    return "<br>".join(escape(headline) for headline in section.headlines())


def _at_a_glance(sections: Sequence[Section]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in GLANCE)
    rows = []
    for number, section in enumerate(sections):
        link = f'<a href="#s{number}">{escape(section.title)}</a>'
        rows.append(f'<tr class="of"><th colspan="{len(GLANCE)}">{link}</th></tr>')
        for each in section.glances():
            gap = f"<b>{escape(each.gap)}</b>" if each.nearer else escape(each.gap)
            cells = f"<td>{gap}</td><td>{escape(each.untouched)}</td><td>{escape(each.time)}</td>"
            rows.append(f"<tr><td>{escape(each.label)}</td>{cells}</tr>")
    body = "\n".join(rows)
    legend = f'<p class="legend">{escape(GLANCE_LEGEND)}</p>'
    return f'<table class="glance">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n{legend}'


def _table(section: Section) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in COLUMNS)
    rows = "\n".join(_row(row) for row in section.rows())
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>'


def _row(row: Row) -> str:
    entries = "".join(
        f"<td>{escape(entry.text)}" + (f" <small>({escape(entry.gap)})</small>" if entry.gap else "") + "</td>"
        for entry in row.entries
    )
    kind = "" if row.measured else ' class="published"'
    last = f'<td class="gap">{escape(row.gap)}</td><td>{escape(row.minutes)}</td><td>{escape(row.seeds)}</td>'
    return f"<tr{kind}><td>{escape(row.label)}</td>{entries}{last}</tr>"


def _figure(name: str, caption: str, folder: Path) -> str:
    picture = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
    return (
        f'<figure><div class="wide"><img{_broad(name)} alt="{escape(caption)}" '
        f'src="data:image/png;base64,{picture}"></div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _broad(name: str) -> str:
    """Return the class of figures that a narrow screen shows in full size, to be moved sideways like its tables."""
    return ' class="broad"' if name.startswith(("probabilities", "curves", "weights", "classes")) else ""


def _of(figure: tuple[str, str], section: Section) -> bool:
    return figure[1].startswith(f"{section.title}:")


def _provenance(sections: Sequence[Section]) -> str:
    results = [result for section in sections for cell in section.cells for result in cell.results]
    machines = {result.metrics.get("hardware", {}).get("name") for result in results}
    versions = {result.metrics.get("versions", {}).get("torch") for result in results}
    precisions = {result.metrics.get("precision") for result in results}
    facts = f"Hardware: {_listed(machines)}. Precision: {_listed(precisions)}. torch {_listed(versions)}."
    return escape(f"{DIFFERENCES} {facts}" if has_published(sections) else facts)


def _listed(values: set[object]) -> str:
    return ", ".join(sorted(str(value) for value in values if value))
