from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.reproduce.configs import find_config, read_config, shipped_configs
from medunlearn.runs import RunDir

PLANS = {"demo": ("demo_train.yaml", "demo_retrain.yaml", "demo_salun.yaml")}
"""Named plans, as lists of shipped configs."""


@dataclass(frozen=True)
class Stage:
    """One `medunlearn fit` of a plan."""

    config: Path
    run: RunDir
    needs: tuple[Path, ...]
    """Run directories that it reads: its original and its reference."""


def read_plan(names: Sequence[str]) -> list[Stage]:
    """Return the stages of a plan, each after those it reads from.

    Args:
        names: `demo`, or config files.

    Raises:
        InputError: If a config is missing, names no run directory, or two name the same, or they need each other.
    """
    files = [shipped_configs() / file for name in names for file in PLANS.get(name, ())]
    files += [find_config(name) for name in names if name not in PLANS]
    return in_order([_stage(file) for file in files])


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
        return [by_run[path] for path in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise InputError(f"config={by_run[error.args[1][0]].config}: needs its own result; mend `original`") from None


def _stage(config: Path) -> Stage:
    content = read_config(config)
    if not isinstance(content.get("run_dir"), str):
        raise InputError(f"config={config}: names no run_dir; add `run_dir: runs/NAME`")
    model = content.get("model")
    arguments = model.get("init_args") if isinstance(model, dict) else None
    original = arguments.get("original") if isinstance(arguments, dict) else None
    needs = tuple(Path(need) for need in (original, content.get("reference")) if isinstance(need, str))
    return Stage(config, RunDir(content["run_dir"]), needs)
