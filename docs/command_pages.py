"""The command reference, in Markdown, from what the commands' own parsers say."""

import argparse
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from medunlearn.cli.descriptions import describe
from medunlearn.cli.examples import EXAMPLES
from medunlearn.plugins import Plugin, built_ins

ENTRY = re.compile(r"  (?P<option>--\S+)(?: (?P<value>\S+))?(?:  +(?P<text>.*))?")
INDENT = 20
"""Columns from which a line of help goes on with the explanation above it."""


def commands_page() -> str:
    """Return a table of the commands, then a section for each."""
    lines = [f"| [`{each.name}`](#{each.name}) | {describe(each)[0]} |" for each in built_ins("commands")]
    taken = options_of_fit()
    sections = [section(each, taken) for each in built_ins("commands")]
    return "\n".join(["| command | what it does |", "|---|---|", *lines]) + "\n\n" + "\n\n".join(sections)


def section(command: Plugin, of_fit: dict[str, str]) -> str:
    """Return the section of a command.

    Args:
        command: The command.
        of_fit: The options of `fit` by name, which the commands that measure do not list again.
    """
    if command.name in EXAMPLES:  # of LightningCLI; the others take the options of `fit`
        return _of_lightning(command.name, help_of(command), {} if command.name == "fit" else of_fit)
    return _of_argparse(command.name, parser_of(command))


def options_of_fit() -> dict[str, str]:
    """Return the options of `fit`, each with its text."""
    fit = next(each for each in built_ins("commands") if each.name == "fit")
    entries = (entry for _, text in _groups(help_of(fit)) for entry in _entries(text)[0])
    return {option.split()[0]: text for option, text in entries}


def help_of(command: Plugin) -> str:
    """Return what `--help` of a command prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        command.load()(["--help"])
    return printed.getvalue()


def parser_of(command: Plugin) -> argparse.ArgumentParser:
    """Return the parser that prints the help of a command."""
    found: list[argparse.ArgumentParser] = []
    with mock.patch.object(argparse.ArgumentParser, "print_help", lambda parser, *_: found.append(parser)):
        help_of(command)
    return found[-1]


def _of_argparse(name: str, parser: argparse.ArgumentParser) -> str:
    """Return the section of a command with a parser of argparse."""
    listed = [
        each for each in parser._actions if each.help != argparse.SUPPRESS and "--help" not in each.option_strings
    ]
    entries = [(_named(each), str(each.help or "")) for each in listed]
    prose, examples = _epilog(parser.epilog or "")
    places = [each.metavar or each.dest.upper() for each in listed if not each.option_strings]
    usage = parser.prog if len(parser.prog.split()) > 2 else " ".join([parser.prog, *(f"[{each}]" for each in places)])
    parts = [f"## {name}", str(parser.description), _block("bash", [f"{usage} [options]"]), examples]
    return "\n\n".join(filter(None, [*parts, _definitions(entries), prose]))


def _named(action: argparse.Action) -> str:
    """Return an option, or what stands in its place, and what it takes."""
    value = (
        ""
        if action.nargs == 0
        else action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    )
    several = " ..." if action.nargs in ("+", "*") else ""
    return " ".join(filter(None, [", ".join(action.option_strings), f"{value}{several}"]))


def _of_lightning(name: str, text: str, left_out: dict[str, str]) -> str:
    """Return the section of a command whose help is text in groups."""
    usage, about, _ = text.split("\n\n", 2)
    lines = [line.removeprefix("usage:").strip() for line in usage.splitlines()]
    parts = [f"## {name}", about, _block("bash", lines)]
    for title, body in _groups(text):
        if title.startswith("example"):
            parts.insert(3, _block("bash", [line.strip() for line in body.splitlines()]))
            continue
        entries, notes = _entries(body)
        kept = [(option, said) for option, said in entries if left_out.get(option.split()[0]) != said]
        if kept:
            parts += [f"**{title[:1].upper()}{title[1:]}**", _definitions(kept)]
            parts += [] if left_out else [notes]
    if left_out:
        parts.append("Further options are those of [`fit`](#fit).")
    return "\n\n".join(filter(None, parts))


def _groups(text: str) -> Iterator[tuple[str, str]]:
    """Return the groups of a help text, each with its title."""
    for part in text.split("\n\n")[2:]:
        title, _, body = part.partition("\n")
        if title.endswith(":"):
            yield title[:-1], body


def _entries(body: str) -> tuple[list[tuple[str, str]], str]:
    """Return the options of a group with their texts, and what else the group says."""
    entries: list[tuple[str, str]] = []
    notes: list[str] = []
    for line in body.splitlines():
        found = ENTRY.fullmatch(line)
        if found:
            entries.append((" ".join(filter(None, found.group("option", "value"))), found["text"] or ""))
        elif entries and len(line) - len(line.lstrip()) >= INDENT:
            entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}".strip())
        else:
            notes.append(f"\n\n{line.strip()}" if line.strip().startswith("`") else line.strip())
    return entries, " ".join(notes)


def _epilog(text: str) -> tuple[str, str]:
    """Return what an epilog says as Markdown, and its examples as a block of commands."""
    prose, examples = [], ""
    for part in filter(str.strip, text.strip("\n").split("\n\n")):
        lines = part.splitlines()
        if lines[0].startswith("example"):
            examples = _block("bash", [line.strip() for line in lines[1:]])
        elif all(line.startswith("  ") for line in lines):
            prose.append(_block("text", [line.removeprefix("  ") for line in lines]))
        elif all(line.startswith("  ") for line in lines[1:]) and lines[1:]:
            prose += [lines[0], _block("text", [line.removeprefix("  ") for line in lines[1:]])]
        else:
            prose.append("\n".join(lines))
    linked = re.sub(r"(?<!`)\bdocs/([\w/]+\.md)", _link, "\n\n".join(prose))
    return linked, examples


def _link(page: re.Match[str]) -> str:
    title = (Path(__file__).parent / page[1]).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title}](../{page[1]})"


def _definitions(entries: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"`{option}`\n:   {_escaped(text) or '-'}" for option, text in entries)


def _escaped(text: str) -> str:
    """Return a text in which nothing but code in backquotes is markup."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("``", "`"))
    return "".join(part if part[:1] == "`" else re.sub(r"([*_\[\]<])", r"\\\1", part) for part in parts)


def _block(language: str, lines: list[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])
