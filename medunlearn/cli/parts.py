"""Reports errors raised while the parts of a run are built, with the option that names the part."""

from functools import partial
from typing import Any

from jsonargparse import ArgumentParser
from lightning.fabric.utilities.exceptions import MisconfigurationException

from medunlearn.cli.classes import class_bases, type_of
from medunlearn.errors import InputError


class PartErrors:
    """Keeps the first error of a part, which jsonargparse would mix with other errors or lose.

    Args:
        parser: The parser that builds the parts.
        options: The parser whose options list the available classes.
    """

    def __init__(self, parser: ArgumentParser, options: ArgumentParser) -> None:
        self.first: InputError | None = None
        helped = {action.dest.removesuffix(".help") for action in options._actions if action.dest.endswith(".help")}
        for action in options._actions:
            if action.dest in helped:
                for base in dict.fromkeys(class_bases(type_of(action))):
                    parser.add_instantiator(partial(self._build, action.dest), base, subclasses=True)

    def _build(self, option: str, kind: type, *args: Any, **kwargs: Any) -> Any:
        try:
            return kind(*args, **kwargs)
        except InputError as error:
            self.first = self.first or error
            raise
        except (ValueError, ImportError, MisconfigurationException) as error:
            if option != "model":  # authors of a method need the traceback
                remedy = "install what it needs" if isinstance(error, ImportError) else "fix its init_args"
                self.first = self.first or InputError(f"{option}: {kind.__name__}: {error}; {remedy}")
            raise
