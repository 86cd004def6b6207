"""Sets up jsonargparse for `fit`, `validate`, `test` and `predict`: parser settings, help texts, integers first."""

from types import UnionType
from typing import Any, Union, cast, get_args, get_origin

from jsonargparse import ArgumentParser

from medunlearn.cli.classes import type_of
from medunlearn.cli.methods import PARSER_MODE

USAGE = (
    "medunlearn {} --model NAME --data.dataset NAME|--data.file FILE --run_dir DIR [options]\n"
    "       medunlearn {} --config FILE [options]"
)

HELP = {
    "config": "Settings from a YAML file; if given several times, later ones override.",
    "print_config": "Print the settings that will run, and stop.",
    "seed_everything": "Seed of all that is drawn at random.",
    "trainer.accelerator": "Hardware: cpu, gpu, mps, tpu or auto.",
    "trainer.devices": "How many devices, a list of their numbers, -1 for all, or auto.",
    "trainer.max_epochs": "Stop after this many epochs. By default as many as the method states, which may be none.",
    "trainer.max_steps": "Stop after this many steps; -1 for as many as the epochs have.",
    "trainer.precision": "Precision of training, such as 32-true, bf16-mixed or 16-mixed.",
}


def parser_options(command: str) -> dict[str, Any]:
    """Return the settings of LightningCLI's parser and of the one of a command."""
    common = {"exit_on_error": False, "allow_abbrev": False, "parser_mode": PARSER_MODE}
    return common | {command: common | {"usage": USAGE.format(command, command)}}


def adjust(parser: ArgumentParser) -> None:
    """Correct the parser's help texts, and its parsing of integers."""
    for action in cast(list[Any], parser._actions):
        action.help = HELP.get(action.dest, action.help)
        if hasattr(action, "_typehint"):
            action._typehint = _whole_numbers_first(type_of(action))


def _whole_numbers_first(hint: Any) -> Any:
    """Return a union with int before float; else `limit_train_batches 1` (one batch) would be read as 1.0 (all).

    Python caches one object for `Union[int, float]` and `Union[float, int]`, in the order that was created first.
    """
    members = get_args(hint)
    if get_origin(hint) not in (Union, UnionType) or int not in members or float not in members:
        return hint
    union: Any = int | float
    for member in members:
        union = union | member
    return union
