"""Stages of a plan: a config and what differs from it, the command that runs it, and the order of stages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.files.configs import read_config, shipped_configs
from medunlearn.plans.options import Override, nested, setting
from medunlearn.plugins import built_ins
from medunlearn.runs import RunDir
from medunlearn.runs.commands import shown

NEEDS = ("model.init_args.original", "reference", "data.forget.after")
"""The settings that name an earlier run."""


@dataclass(frozen=True)
class Stage:
    """One `medunlearn fit` of a plan.

    Args:
        config: The config file.
        content: The content of the config file.
        overrides: Settings that differ from it, in the order in which they are applied.
        environment: Environment variables of its process in addition to those of this one.
    """

    config: Path
    content: Mapping[str, Any] = field(repr=False)
    overrides: tuple[Override, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All settings that the config and the overrides name, as nested mappings; defaults are not filled in."""
        return nested(self.overrides, self.content)

    @property
    def run(self) -> RunDir:
        """The run directory that the stage writes."""
        return RunDir.given(self.settings["run_dir"], "run_dir")

    @property
    def needs(self) -> dict[str, Path]:
        """The run directories that the stage reads, by the setting that names each."""
        named = {name: setting(self.settings, name) for name in NEEDS}
        return {name: RunDir.given(path, name).path for name, path in named.items() if isinstance(path, str)}

    @property
    def unlearns(self) -> bool:
        """Whether the stage starts from an original, rather than from scratch."""
        return NEEDS[0] in self.needs

    @property
    def dataset(self) -> str:
        """The name of the config's data set, or of its data file without the ending."""
        file = setting(self.content, "data.file")
        return str(setting(self.content, "data.dataset", "")) if file is None else Path(str(file)).stem

    @property
    def rate(self) -> float | None:
        """The config's forget rate; None where the forget set is given otherwise, or there is none."""
        rate: float | None = setting(self.content, "data.forget.rate")
        return rate

    @property
    def argv(self) -> list[str]:
        """The arguments of `medunlearn` that run the stage."""
        return self._argv(self.config)

    @property
    def command(self) -> str:
        """The command that a user would type, in any folder for a shipped config."""
        shipped = self.config.parent == shipped_configs()
        return shown(["medunlearn", *self._argv(Path("configs") / self.config.name if shipped else self.config)])

    def _argv(self, config: Path) -> list[str]:
        return ["fit", "--config", str(config), *(argument for each in self.overrides for argument in each.argv)]


def read_stage(config: Path, overrides: Sequence[Override]) -> Stage:
    """Return the stage of a config file.

    Raises:
        InputError: If the config cannot be read, or names no run directory.
    """
    content = read_config(config)
    run_dir = content.get("run_dir")
    if run_dir is not None and (not isinstance(run_dir, str) or not Path(run_dir).name):
        raise InputError(
            f"config={config}: run_dir={run_dir} names no directory of its own; write `run_dir: runs/NAME`"
        )
    if run_dir is None:
        raise InputError(f"config={config}: names no run_dir; add `run_dir: runs/NAME`")
    return Stage(config, content, tuple(overrides))


def retraining_method() -> str:
    """Return the import path of the built-in method that trains from scratch on the retain set, known by its role."""
    return _import_path(lambda method: method.role == "retrained")


def adopting_method() -> str:
    """Return the import path of the built-in method that takes a model trained elsewhere."""
    return _import_path(lambda method: getattr(method, "trained_elsewhere", False))


def _import_path(is_meant: Callable[[Any], bool]) -> str:
    found = next(each for each in built_ins("methods") if is_meant(each.load()))
    return f"{found.module}.{found.attribute}"


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """Return the stages with each one after those that it reads from, otherwise in the given order.

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
    graph = {path: [need for need in stage.needs.values() if need in by_run] for path, stage in by_run.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise InputError(
            f"config={by_run[error.args[1][0]].config}: needs its own result; fix `original` or `reference`"
        ) from None
    ordered: dict[Path, Stage] = {}
    waiting = list(reversed(by_run))
    while waiting:
        path = waiting[-1]
        if missing := [need for need in graph[path] if need not in ordered]:
            waiting += reversed(missing)
        else:
            ordered[waiting.pop()] = by_run[path]  # a second time changes nothing
    return list(ordered.values())
