"""The table of refusals: rows that reach them, the places in the package that raise them, and which were reached."""

import ast
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import pytest

import medunlearn
from helpers.backbones import TINY
from helpers.runs import QUIET, write_npz
from medunlearn.__main__ import _run
from medunlearn.errors import DataError, Fault, FileError, InputError, RunError, command_line

PACKAGE = Path(medunlearn.__file__).parent
KINDS = {kind.__name__ for kind in (InputError, DataError, RunError, FileError, Fault)}
DATA = "d.npz"


class Place(NamedTuple):
    """What a row may use: an empty working directory, a folder of finished runs to copy, and pytest's patches."""

    runs: Path
    patch: pytest.MonkeyPatch

    def npz(self, **changes: np.ndarray) -> Path:
        """Write a tiny data file with changes, see `write_npz`."""
        return write_npz(Path(DATA), **changes)

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Write a file, its folders included."""
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def take(self, *names: str) -> list[Path]:
        """Copy finished runs, `t` (Train), `r` (Retrain) and `s` (SalUn), and the data that they were made of."""
        shutil.copy(self.runs / DATA, DATA)
        for name in names:
            shutil.copytree(self.runs / name, name)
        return [Path(name) for name in names]

    def command(self, *words: str) -> None:
        """Run a command of the command line."""
        _run(words[0], list(words[1:]))

    def fit(self, *options: str, method: str = "Train") -> None:
        """Run `medunlearn fit` on tiny data for an epoch."""
        if not Path(DATA).exists():
            self.npz()
        self.command(*fit_words(method, "n", *options))

    def denied(self, name: str = "read_bytes", kind: type[OSError] = PermissionError, of: str = "") -> None:
        """Let a method of `Path` fail as where one has no right: whoever runs these tests may have every right."""
        errors = {PermissionError: (13, "Permission denied"), OSError: (28, "No space left on device")}

        plain = getattr(Path, name)

        def fail(path: Path, *args: Any, **kwargs: Any) -> Any:
            if str(path).endswith(of):
                raise kind(*errors[kind], str(path))
            return plain(path, *args, **kwargs)

        self.patch.setattr(Path, name, fail)


def fit_words(method: str, run: str, *options: str) -> list[str]:
    """Return the words of a tiny `medunlearn fit`."""
    words = ["fit", f"--model={method}", f"--run_dir={run}", f"--data.file={DATA}", "--data.batch_size=8"]
    return [*words, f"--model.init_args.backbone={TINY}", "--trainer.max_epochs=1", *QUIET, *options]


def make_runs(folder: Path) -> Path:
    """Make the finished runs that rows copy; the working directory must be `folder`."""
    write_npz(folder / DATA)
    forget = "--data.forget.rate=0.25"
    for words in (
        fit_words("Train", "t"),
        fit_words("Retrain", "r", forget),
        fit_words("SalUn", "s", forget, "--model.init_args.original=t", "--reference=r"),
    ):
        _run(words[0], words[1:])
    return folder


class Row(NamedTuple):
    """An input that ends in a refusal, and the sentence that is true of it.

    Attributes:
        call: Raises the refusal, or returns what was printed.
        says: The whole sentence as the command line prints it; `…` stands for any text.
    """

    call: Callable[[Place], Any]
    says: str

    def found(self, place: Place) -> str:
        """Return the sentence that the input ends in."""
        try:
            with command_line():
                return str(self.call(place))
        except InputError as error:
            return error.for_command_line
        except Fault as fault:
            return str(fault)

    def fits(self, text: str) -> bool:
        """Return whether a sentence is the one expected."""
        return re.fullmatch(".*".join(map(re.escape, self.says.split("…"))), text) is not None


class Site(NamedTuple):
    """A place of the package that makes a refusal: the file, and the first and last line of the call."""

    file: str
    first: int
    last: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.first}: {self.text}"


def sites() -> list[Site]:
    """Return every place of the package that makes a refusal."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_refusal(node.func):
                name = path.relative_to(PACKAGE).as_posix()
                found.append(Site(name, node.lineno, node.end_lineno or node.lineno, _constants(node)))
    return found


def _is_refusal(func: ast.expr) -> bool:
    if isinstance(func, ast.Attribute) and func.attr == "of_option":
        func = func.value
    return isinstance(func, ast.Name) and func.id in KINDS


def _constants(node: ast.Call) -> str:
    """Return the constant pieces of a message, with `…` for each value in it."""
    message = node.args[0] if node.args else None
    if isinstance(message, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in message.values)
    return str(message.value) if isinstance(message, ast.Constant) else "…"


@contextmanager
def recorded(reached: set[tuple[str, int]]) -> Iterator[None]:
    """Add file and line of whatever makes a refusal within a `with` block."""
    plain = InputError.__init__

    def note() -> None:
        frame = sys._getframe(2)
        add(frame)
        while frame.f_code.co_filename.endswith("medunlearn/errors.py") and frame.f_back is not None:
            frame = frame.f_back
        add(frame)

    def add(frame: FrameType) -> None:
        with suppress(ValueError):
            reached.add((Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix(), frame.f_lineno))

    def input_error(self: InputError, *args: Any, **kwargs: Any) -> None:
        note()
        plain(self, *args, **kwargs)

    def fault(self: Fault, *args: Any) -> None:
        note()
        Exception.__init__(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InputError, "__init__", input_error)
        patch.setattr(Fault, "__init__", fault, raising=False)
        yield


def missed(reached: set[tuple[str, int]]) -> list[Site]:
    """Return the places that were not reached."""
    return [
        site
        for site in sites()
        if not any(file == site.file and site.first <= line <= site.last for file, line in reached)
    ]
