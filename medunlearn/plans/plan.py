"""Plans: which stages, in which order, under which settings. Nothing here runs anything."""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.files.configs import find_config, read_config, shipped_configs, shipped_plan, shipped_plans
from medunlearn.plans.options import check_augmentations, check_governed, check_options, check_seeds, options_in
from medunlearn.runs import RunDir

KEYS = ("configs", "seeds", "augmentations", "options")


@dataclass(frozen=True)
class Stage:
    """One `medunlearn fit` of a plan."""

    config: Path
    run: RunDir
    needs: tuple[Path, ...]
    """Run directories that it reads: its original and its reference."""
    method: str
    dataset: str
    rate: float | None
    """The forget rate; None where the forget set is given otherwise, or there is none."""
    words: tuple[str, ...] = ()
    """Options after the config."""

    @property
    def fit(self) -> list[str]:
        """The words of the command after `medunlearn`."""
        return ["fit", "--config", str(self.config), *self.words]

    @property
    def command(self) -> str:
        """The command that a user would type, in any folder for a shipped config."""
        shipped = self.config.parent == shipped_configs()
        config = Path("configs") / self.config.name if shipped else self.config
        return f"medunlearn {shlex.join(['fit', '--config', str(config), *self.words])}"


@dataclass(frozen=True)
class Selection:
    """What narrows or widens a plan; empty leaves it as it is."""

    datasets: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    augmentations: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    options: tuple[str, ...] = ()
    """Options of fit for every stage."""


@dataclass(frozen=True)
class Plan:
    """Experiments, each a config file, and under which variations they are run.

    Args:
        configs: Config files.
        augmentations: Presets; empty for what each config says.
        seeds: Seeds of everything random, forget sets included; empty for what each config says.
        options: Options of fit for every stage.
    """

    configs: tuple[Path, ...]
    augmentations: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    options: tuple[str, ...] = field(default=())

    def stages(self, selection: Selection = Selection()) -> list[Stage]:
        """Return the stages that are asked for and those that they need, each after what it reads.

        Raises:
            InputError: If a config is wrong, nothing is selected, or stages need each other.
        """
        options = (*self.options, *selection.options)
        plain = _selected(in_order([_stage(config, options) for config in self.configs]), selection)
        presets = selection.augmentations or self.augmentations
        seeds = selection.seeds or self.seeds
        for by, values in (("augmentations", presets), ("seeds", seeds)):
            if values:
                check_governed(options, by)
        varied = product(dict.fromkeys(presets) or (None,), dict.fromkeys(seeds) or (None,))  # each once
        return [stage for preset, seed in varied for stage in _varied(plain, preset, seed)]


def read_plan(names: Sequence[str]) -> Plan:
    """Return the plan of a name, a plan file, or a list of config files.

    Args:
        names: `demo`, `paper`, ..., or YAML files.

    Raises:
        InputError: If there is no such file, or it is neither a config nor a plan.
    """
    if len(names) == 1 and names[0] in shipped_plans():
        return _plan_file(shipped_plan(names[0]))
    if len(names) == 1 and not Path(names[0]).suffix and not exists(Path(names[0])):
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


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """Return the stages so that each comes after those it reads from, and else as they were.

    Raises:
        InputError: If two stages write the same run directory, or stages need each other.
    """
    by_run: dict[Path, Stage] = {}
    for stage in stages:
        if stage.run.path in by_run:
            raise InputError(
                f"config={stage.config}: writes run_dir={stage.run} as {by_run[stage.run.path].config} does; "
                "give each its own"
            )
        by_run[stage.run.path] = stage
    graph = {path: [need for need in stage.needs if need in by_run] for path, stage in by_run.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise InputError(f"config={by_run[error.args[1][0]].config}: needs its own result; mend `original`") from None
    ordered: dict[Path, Stage] = {}
    waiting = list(reversed(by_run))
    while waiting:
        path = waiting[-1]
        if missing := [need for need in graph[path] if need not in ordered]:
            waiting += reversed(missing)
        else:
            ordered[waiting.pop()] = by_run[path]  # a second time changes nothing
    return list(ordered.values())


def _plan_file(path: Path) -> Plan:
    content = read_config(path)
    if unknown := content.keys() - set(KEYS):
        raise InputError(f"plan={path}: has no setting {min(unknown)}; it may set {', '.join(KEYS)}")
    options = content.get("options") or {}
    if not isinstance(options, dict):
        raise InputError(f"plan={path}: options={options}; write `trainer.max_epochs: 3` lines below `options:`")
    try:
        words = [
            f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in options.items()
        ]
    except (TypeError, ValueError):  # dates, binary values
        raise InputError(f"plan={path}: options={options}; give numbers, words, lists or true and false") from None
    check_options(words)
    check_augmentations(_list(content, "augmentations", str, path))
    check_seeds(_list(content, "seeds", int, path))
    return Plan(
        configs=tuple(find_config(name, beside=path.parent) for name in _list(content, "configs", str, path)),
        augmentations=tuple(_list(content, "augmentations", str, path)),
        seeds=tuple(_list(content, "seeds", int, path)),
        options=tuple(words),
    )


def _list(content: dict[str, Any], key: str, kind: type, path: Path) -> list[Any]:
    values = content.get(key) or []
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise InputError(f"plan={path}: {key}={values}; give a list of {'numbers' if kind is int else 'words'}")
    return values


def _stage(config: Path, options: Sequence[str]) -> Stage:
    content = read_config(config)
    if not isinstance(content.get("run_dir"), str) or not Path(content["run_dir"]).name:
        raise InputError(f"config={config}: names no run_dir; add `run_dir: runs/NAME`")
    data, model = (_mapping(content.get(key)) for key in ("data", "model"))
    file = data.get("file")
    return Stage(
        config=config,
        run=RunDir(content["run_dir"]),
        needs=tuple(_needs(content).values()),
        method=str(model.get("class_path", "")).rpartition(".")[2],
        dataset=str(data.get("dataset", "")) if file is None else Path(str(file)).stem,
        rate=_mapping(data.get("forget")).get("rate"),
        words=tuple(options),
    )


def _needs(content: dict[str, Any]) -> dict[str, Path]:
    """Return the run directories that a config reads, by the option that names each."""
    original = _mapping(_mapping(content.get("model")).get("init_args")).get("original")
    named = {"--model.init_args.original": original, "--reference": content.get("reference")}
    return {option: Path(path) for option, path in named.items() if isinstance(path, str)}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _selected(stages: list[Stage], selection: Selection) -> list[Stage]:
    """Return the stages that were asked for and all that they need, in order."""
    rates = [rate / 100 if rate >= 1 else rate for rate in selection.rates]
    for name in selection.datasets:
        if not any(_is_dataset(stage, name) for stage in stages):
            raise InputError(f"datasets={name}: not in this plan; choose from {_choices(s.dataset for s in stages)}")
    for given, rate in zip(selection.rates, rates, strict=True):
        if rate not in [stage.rate for stage in stages]:
            raise InputError(f"rates={given:g}: not in this plan; choose from {_choices(s.rate for s in stages)}")
    kept = {
        stage.run.path
        for stage in stages
        if (not selection.datasets or any(_is_dataset(stage, name) for name in selection.datasets))
        and (not rates or stage.rate in rates)
    }
    if not kept:
        raise InputError(
            f"datasets={' '.join(selection.datasets)}, rates={' '.join(f'{rate:g}' for rate in selection.rates)}: no "
            "stage of this plan has both; leave out one of them"
        )
    for stage in reversed(stages):  # what a stage needs stands before it
        if stage.run.path in kept:
            kept.update(stage.needs)
    return [stage for stage in stages if stage.run.path in kept]


def _is_dataset(stage: Stage, name: str) -> bool:
    return stage.dataset in (name, f"{name}mnist")


def _choices(values: Iterable[Any]) -> str:
    return ", ".join(sorted({str(value) for value in values if value not in (None, "")}))


def _varied(stages: list[Stage], preset: str | None, seed: int | None) -> list[Stage]:
    """Return the stages under one preset and one seed, in run directories named after what differs from the configs."""
    paths, changes = {}, {}
    given = options_in(stages[0].words)  # the same for all
    for stage in stages:
        content = read_config(stage.config)
        data = _mapping(content.get("data"))
        suffix, words = "", []
        if preset is not None and preset != data.get("augmentation", "Default"):
            suffix += f"_{preset}"
            words += ["--data.augmentation", preset]
        if seed is not None and seed != content.get("seed_everything", 0):
            suffix += f"_seed{seed}"
            words += ["--seed_everything", str(seed)]
            forgets = "forget" in data or any(f"{name}.".startswith("--data.forget.") for name in given)
            words += ["--data.forget.seed", str(seed)] if forgets else []
        paths[stage.run.path] = stage.run.path.with_name(stage.run.path.name + suffix)
        changes[stage.run.path] = words
    return [_renamed(stage, changes[stage.run.path], paths) for stage in stages]


def _renamed(stage: Stage, words: list[str], paths: dict[Path, Path]) -> Stage:
    content = read_config(stage.config)
    if (run := paths[stage.run.path]) != stage.run.path:
        words = [*words, "--run_dir", str(run)]
    for option, path in _needs(content).items():
        if paths.get(path, path) != path:
            words = [*words, option, str(paths[path])]
    needs = tuple(paths.get(need, need) for need in stage.needs)
    return replace(stage, run=RunDir(run), needs=needs, words=(*stage.words, *words))
