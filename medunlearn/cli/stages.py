"""Shared by the commands that run stages of `medunlearn fit`: argument parsing, and the interface of plans to `fit`."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.plans.options import Override, is_value, overrides_from_argv
from medunlearn.plans.stages import Stage
from medunlearn.runs import RunDir


def announce(stage: Stage, title: str | None = None) -> None:
    """Print the title and the command of a stage that begins.

    Args:
        stage: The stage.
        title: The line above the command; by default the run directory.
    """
    print(f"{title or stage.run}\n  {stage.command}", flush=True)


def before_options(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before the first option, such as config files, and the rest.

    Example:
        >>> before_options(["a.yaml", "b.yaml", "--seeds", "0"])
        (['a.yaml', 'b.yaml'], ['--seeds', '0'])
    """
    first = next((place for place, argument in enumerate(argv) if argument.startswith("-")), len(argv))
    return [*argv[:first]], [*argv[first:]]


class FitCommand:
    """Interface of plans to `medunlearn fit`; imports it, and with it Lightning, on first use."""

    def settings(self, argv: list[str]) -> dict[str, Any]:
        """Return the resolved settings of a command."""
        from medunlearn.cli.settings import resolved_settings

        return resolved_settings(argv)

    def check_same_run(self, run: RunDir, settings: dict[str, Any]) -> None:
        """Reject an existing run with other settings."""
        from medunlearn.runs.starting import check_same_run

        check_same_run(run, settings)

    def split(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Return the content of `split.json` for the user's current files; None if the data file is missing."""
        from medunlearn.data import MedMNISTDataModule
        from medunlearn.data.index_files import index_file

        indices = data["forget"]["indices"] and Path(data["forget"]["indices"])
        groups = data.get("groups")
        files = [Path(each) for each in (data["file"], groups) if each]
        files += [index_file(indices)[0]] if indices else []
        if not files or not all(file.is_file() for file in files):
            return None
        try:
            after = data["forget"].get("after") and Path(data["forget"]["after"])
            forget = {**data["forget"], "indices": indices, "after": after}
            changed = {"download": False, "forget": forget, "groups": groups and Path(groups)}
            return MedMNISTDataModule(**{**data, **changed}).split_record()
        except InputError:
            if data["file"] is None:  # MedMNIST's file is not there yet
                return None
            raise

    def check_data(self, file: Path | None, num_classes: int | None, indices: Path | None, test: bool = True) -> None:
        """Reject a data file or a list of indices that is missing or cannot be read."""
        if file is None and indices is None:
            return
        from medunlearn.data.index_files import read_indices
        from medunlearn.data.npz import read_npz

        count = None if file is None else len(read_npz(file, num_classes, test=test).train)
        if indices is not None:
            read_indices(indices, count)


def separated(argv: Iterable[str], parser: CommandParser) -> tuple[list[str], list[str]]:
    """Split arguments into a command's own and those for every stage."""
    own, others = list[str](), list[str]()
    names = {"-h", "--help", *(f"--{name}" for name in vars(parser.parse_args([])))}
    group = others
    for argument in argv:
        if not is_value(argument):
            group = own if argument.partition("=")[0] in names else others
        group.append(argument)
    return own, others


def for_every_stage(argv: Sequence[str], parser: CommandParser, lists: str) -> tuple[Override, ...]:
    """Return the settings that a command's other options give to every stage.

    Args:
        argv: Those options.
        parser: The command's own parser.
        lists: Text that says where the command's options are listed.

    Raises:
        InputError: If no stage has such an option; with a suggestion from the command's own.
    """
    with own_options_meant(parser, lists):
        return overrides_from_argv(argv)


@contextmanager
def own_options_meant(parser: CommandParser, lists: str) -> Iterator[None]:
    """Extend the error on an unknown stage option by suggestions from the command's own options.

    Args:
        parser: The command's own parser.
        lists: Text that says where the command's options are listed.
    """
    try:
        yield
    except InputError as error:
        unknown = re.search(r"(--[\w-]+)\S*( .*)?: no such option; ", error.for_command_line)
        if unknown is None:
            raise
        own = [f"--{name}" for name in vars(parser.parse_args([]))]
        close = difflib.get_close_matches(unknown[1], own, n=1, cutoff=0.8)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{error.for_command_line[: unknown.end()]}{hint}{lists}, `medunlearn fit --help` those of stages"
        ) from None
