"""Plans: stages and their settings, read from plan files. Nothing is run here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.files import exists, expanded
from medunlearn.files.configs import find_config, read_config, shipped_plan, shipped_plans
from medunlearn.plans.options import (
    Override,
    check_augmentations,
    check_governed,
    check_seeds,
    overrides_from_mapping,
)
from medunlearn.plans.stages import Stage, in_order, read_stage
from medunlearn.plans.variations import Selection, selected, varied, with_retrains

EVERYTHING = Selection()
KEYS = ("configs", "description", "minutes", "seeds", "augmentations", "retrain_seeds", "options", "report")


@dataclass(frozen=True)
class Plan:
    """Experiments, each a config file, and the variations under which they are run.

    Args:
        configs: Config files.
        augmentations: Presets; empty for each config's own.
        seeds: Seeds of everything random, forget sets included; empty for each config's own.
        overrides: Settings of every stage.
        retrain_seeds: Seeds of further Retrains of each forget set, which show how far Retrains differ.
        description: Text that is printed before the first stage; empty if the plan has none.
        minutes: Approximate duration of the unchanged plan on two CPU cores; None if the plan has none.
        report: Folder of the report that is written once every stage is finished; None for none.
    """

    configs: tuple[Path, ...]
    augmentations: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    overrides: tuple[Override, ...] = ()
    retrain_seeds: tuple[int, ...] = ()
    description: str = ""
    minutes: float | None = None
    report: Path | None = None

    def minutes_of(self, stages: Sequence[Stage]) -> float | None:
        """Return the approximate minutes that a number of stages takes; None if the plan does not state it."""
        return self.minutes and self.minutes * len(stages) / len(self.configs)

    def stages(self, selection: Selection = EVERYTHING) -> list[Stage]:
        """Return the requested stages and those that they depend on, in order of dependence.

        Raises:
            InputError: If a config is wrong, nothing is selected, stages need each other, or no Retrain is found.
        """
        overrides = (*self.overrides, *selection.overrides)
        plain = selected(in_order([read_stage(config, overrides) for config in self.configs]), selection)
        presets = selection.augmentations or self.augmentations
        seeds = selection.seeds or self.seeds
        for by, values in (("augmentations", presets), ("seeds", seeds)):
            if values:
                check_governed(overrides, by)
        variations = product(dict.fromkeys(presets) or (None,), dict.fromkeys(seeds) or (None,))  # each once
        found = [stage for preset, seed in variations for stage in varied(plain, preset, seed)]
        return with_retrains(found, selection.retrain_seeds or self.retrain_seeds)


def read_plan(names: Sequence[str]) -> Plan:
    """Return the plan with a name, from a plan file, or of a list of config files.

    Args:
        names: `demo`, `paper`, ..., or YAML files.

    Raises:
        InputError: If there is no such file, or it is neither a config nor a plan.
    """
    if len(names) == 1 and names[0] in shipped_plans():
        return _plan_file(shipped_plan(names[0]))
    if len(names) == 1 and not Path(names[0]).suffix and not exists(expanded(names[0], "plan")):
        close = get_close_matches(names[0][:100], shipped_plans(), n=1)
        hint = f"did you mean {close[0]}? The shipped plans are" if close else "give a YAML file or one of"
        raise InputError(f"plan={names[0]}: no such plan; {hint} {', '.join(shipped_plans())}")
    files = [find_config(name) for name in names]
    plans = [file for file in files if "configs" in read_config(file)]
    for file in files:
        if file not in plans and "run_dir" not in (content := read_config(file)) and content.keys() & {"config", *KEYS}:
            raise InputError(f"plan={file}: names no configs; write `configs: [FILE, FILE]`")
    if plans and len(files) > 1:
        raise InputError(f"plan={plans[0]}: is a plan; give it alone, or config files")
    return _plan_file(plans[0]) if plans else Plan(tuple(files))


def _plan_file(path: Path) -> Plan:
    content = read_config(path)
    if unknown := content.keys() - set(KEYS):
        raise InputError(f"plan={path}: has no setting {min(unknown)}; it may set {', '.join(KEYS)}")
    if not content.get("configs"):
        raise InputError(f"plan={path}: names no configs; write `configs: [FILE, FILE]`")
    overrides = _overrides(content.get("options") or {}, path)
    report = _text(content, "report", path)
    check_minutes(content.get("minutes"), path)
    check_augmentations(_list(content, "augmentations", str, path))
    for name in ("seeds", "retrain_seeds"):
        check_seeds(_list(content, name, int, path), name)
    return Plan(
        configs=tuple(find_config(name, beside=path.parent) for name in _list(content, "configs", str, path)),
        augmentations=tuple(_list(content, "augmentations", str, path)),
        seeds=tuple(_list(content, "seeds", int, path)),
        overrides=overrides,
        retrain_seeds=tuple(_list(content, "retrain_seeds", int, path)),
        description=" ".join(_text(content, "description", path).split()),
        minutes=content.get("minutes"),
        report=expanded(report, "report") if report else None,
    )


def check_minutes(minutes: Any, path: Path) -> None:
    """Reject an invalid duration; None is allowed.

    Raises:
        InputError: If it is not a positive number.
    """
    if minutes is not None and (type(minutes) not in (int, float) or not 0 < minutes < math.inf):
        raise InputError(f"plan={path}: minutes={minutes}; give a number above 0")


def _text(content: dict[str, Any], key: str, path: Path) -> str:
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"plan={path}: {key}={value}; give a text")
    return (value or "").strip()


def _overrides(options: Any, path: Path) -> tuple[Override, ...]:
    if not isinstance(options, dict):
        raise InputError(f"plan={path}: options={options}; write `trainer.max_epochs: 3` lines below `options:`")
    try:
        return overrides_from_mapping(options)
    except InputError:
        raise
    except (TypeError, ValueError):  # dates, binary values
        raise InputError(f"plan={path}: options={options}; give numbers, text, lists or true and false") from None


def _list(content: dict[str, Any], key: str, kind: type, path: Path) -> list[Any]:
    values = content.get(key) or []
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise InputError(f"plan={path}: {key}={values}; give a list of {'numbers' if kind is int else 'names'}")
    return values
