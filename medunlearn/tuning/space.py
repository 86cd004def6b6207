"""Search spaces: which settings a study varies, and within which bounds; read from YAML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from medunlearn.errors import InputError, suggestion
from medunlearn.files.configs import read_config, shipped_space
from medunlearn.plans.options import Override, named, setting

Kind = Literal["log", "uniform", "integer", "choice"]

FORMS = "{times: [0.1, 10]}, {log: [0.001, 0.1]}, {uniform: [0, 1]}, {integer: [1, 5]} or {choice: [a, b]}"
MAY_VARY = ("model.init_args.", "trainer.", "data.augmentation", "data.batch_size")
"""Prefixes of the settings that a study may vary; other settings would change the task."""
FIXED = ("model.init_args.original", "trainer.logger", "trainer.callbacks")
DIGITS = 4
"""Significant digits of a proposed number."""


@dataclass(frozen=True)
class Parameter:
    """A setting that is varied.

    Args:
        name: Its dotted name, such as `model.init_args.lr`.
        kind: `log` or `uniform` for a number between two bounds, `integer` for a whole one, or `choice`.
        bounds: The two bounds, or the choices.
        own: The recipe's own value, which lies within the bounds.
    """

    name: str
    kind: Kind
    bounds: tuple[Any, ...]
    own: Any

    @property
    def short(self) -> str:
        """The name for display, without its groups."""
        return self.name.rpartition(".")[2]

    def suggested(self, trial: Any, label: str) -> Any:
        """Return the value that an Optuna trial proposes, or has proposed, under a label."""
        if self.kind == "choice":
            return trial.suggest_categorical(label, list(self.bounds))
        if self.kind == "integer":
            return trial.suggest_int(label, *self.bounds)
        return rounded(trial.suggest_float(label, *self.bounds, log=self.kind == "log"))

    def override(self, value: Any) -> Override:
        """Return the setting with a value, as an override for a stage."""
        texts = {None: "null", True: "true", False: "false"}
        text = texts[value] if value is None or isinstance(value, bool) else str(value)
        return Override(self.name, value, text, joined=True)

    def described(self) -> list[Any]:
        """Return the parameter's identity in JSON types."""
        return [self.name, self.kind, list(self.bounds)]


def rounded(number: float) -> float:
    """Return a number to four significant digits.

    Example:
        >>> rounded(0.0123456)
        0.01235
    """
    return float(f"{number:.{DIGITS}g}")


def read_space(path: Path | None, method: str, settings: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a method's search space.

    Args:
        path: The user's file; None for the space shipped with the method or, for other methods, the default space.
        method: The name of the method's class.
        settings: The resolved settings of the recipe.

    Raises:
        InputError: If the file is not a search space, or a parameter does not exist, has no bounds or excludes the
            recipe's value.
    """
    own = path or shipped_space(method)
    file = own or shipped_space("default")
    assert file is not None
    content = read_config(file, "space")
    found = [
        _parameter(str(name), form, settings, file, shipped=path is None)
        for name, form in content.items()
        if own is not None or setting(settings, str(name)) is not None  # the default space holds for what there is
    ]
    varied = tuple(each for each in found if len(set(each.bounds)) > 1)
    if not varied:
        raise InputError(f"space={file}: nothing to vary in {method}; name a file with parameters by `--space`")
    return varied


def _parameter(name: str, form: Any, settings: Mapping[str, Any], file: Path, shipped: bool) -> Parameter:
    if not name.startswith(MAY_VARY) or name.startswith(FIXED):
        raise InputError(
            f"space={file}: {name} is not a setting that may vary; give some of model.init_args or trainer"
        )
    if not named(settings, name):
        known = [f"{group}.{each}" for group in ("model.init_args", "trainer") for each in setting(settings, group, {})]
        raise InputError(f"space={file}: there is no setting {name}; {suggestion(name, known)}fix the name")
    own = setting(settings, name)
    if not isinstance(form, Mapping) or len(form) != 1 or not isinstance(next(iter(form.values())), list):
        raise InputError(f"space={file}: {name}={form}; write one of {FORMS}")
    (kind, values), *_ = form.items()
    parameter = _bounded(name, str(kind), values, own, file)
    if not _inside(parameter):
        if shipped:
            return _widened(parameter)
        raise InputError(f"space={file}: {name}={form} leaves out the recipe's own {own}; widen it")
    return parameter


def _bounded(name: str, kind: str, values: Sequence[Any], own: Any, file: Path) -> Parameter:
    def refuse(why: str) -> NoReturn:
        raise InputError(f"space={file}: {name}={{{kind}: {list(values)}}}: {why}; write one of {FORMS}")

    if kind == "choice":
        if not values or not all(each is None or isinstance(each, bool | int | float | str) for each in values):
            refuse("does not give a list of plain values")
        return Parameter(name, "choice", tuple(values), own)
    if len(values) != 2 or not all(map(_is_number, values)) or values[0] > values[1]:
        refuse("does not give two bounds, the lower one first")
    low, high = values
    if kind == "times":
        return _times(name, low, high, own) if _is_number(own) else refuse(f"multiplies the recipe's own {own}")
    if kind == "integer" and all(isinstance(each, int) for each in values):
        return Parameter(name, "integer", (low, high), own)
    if kind == "uniform" or (kind == "log" and low > 0):
        return Parameter(name, "uniform" if kind == "uniform" else "log", (float(low), float(high)), own)
    return refuse("is an unknown kind of range")


def _times(name: str, low: float, high: float, own: float) -> Parameter:
    """Return bounds around the recipe's own value: whole numbers of 1 or more for a whole number, else logarithmic."""
    if isinstance(own, int):
        least = min(own, max(1, round(low * own)))
        return Parameter(name, "integer", (least, max(own, math.floor(high * own))), own)
    if own <= 0 or low <= 0:
        return Parameter(name, "uniform", tuple(sorted((rounded(low * own), rounded(high * own)))), own)
    return Parameter(name, "log", (rounded(low * own), rounded(high * own)), own)


def _inside(parameter: Parameter) -> bool:
    if parameter.kind == "choice":
        return parameter.own in parameter.bounds
    low, high = parameter.bounds
    return _is_number(parameter.own) and low <= parameter.own <= high


def _widened(parameter: Parameter) -> Parameter:
    """Return a shipped parameter with its range extended to include the value of the user's recipe."""
    own = parameter.own
    if parameter.kind == "choice":
        return replace(parameter, bounds=(*parameter.bounds, own))
    bounds = (*parameter.bounds, own) if _is_number(own) else parameter.bounds
    return replace(parameter, bounds=(min(bounds), max(bounds)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
