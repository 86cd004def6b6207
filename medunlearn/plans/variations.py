"""Variations of a plan: selects stages, and repeats them under presets and seeds in separate run directories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.plans.options import Override, named, override, setting
from medunlearn.plans.stages import NEEDS, Stage

SEED = "seed_everything"
REFERENCE = NEEDS[1]


@dataclass(frozen=True)
class Selection:
    """Options that select or repeat stages of a plan; empty ones have no effect."""

    datasets: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    augmentations: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    overrides: tuple[Override, ...] = ()
    """Settings of every stage."""
    retrain_seeds: tuple[int, ...] = ()


def selected(stages: Sequence[Stage], selection: Selection) -> list[Stage]:
    """Return the stages that were asked for and all that they need, in order.

    Raises:
        InputError: If a data set or rate is not in the plan, or no stage has both.
    """
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
    for stage in reversed(stages):  # the stages that it needs come before it
        if stage.run.path in kept:
            kept.update(stage.needs.values())
    return [stage for stage in stages if stage.run.path in kept]


def varied(stages: Sequence[Stage], preset: str | None, seed: int | None) -> list[Stage]:
    """Return the stages under one preset and one seed, in run directories named after the differences from the configs.

    Args:
        stages: The stages as their configs have them.
        preset: The augmentation; None for each config's own.
        seed: The seed of everything random, forget sets included; None for each config's own.
    """
    paths: dict[Path, Path] = {}
    changes: dict[Path, list[Override]] = {}
    for stage in stages:
        suffix, overrides = _variation(stage, preset, seed)
        paths[stage.run.path] = stage.run.path.with_name(stage.run.path.name + suffix)
        changes[stage.run.path] = overrides
    return [renamed(stage, changes[stage.run.path], paths) for stage in stages]


def with_retrains(stages: Sequence[Stage], seeds: Sequence[int]) -> list[Stage]:
    """Return the stages with, after each Retrain, one more under each of these seeds, in `..._retrainSEED`.

    Retrains are the stages that others name as `reference`. A further one differs only in `seed_everything`, which does
    not affect the forget set, and names the first as its own `reference`, so that it is measured like a method.

    Args:
        stages: The stages of all variations.
        seeds: Seeds of the further Retrains; empty for none.

    Raises:
        InputError: If there is no Retrain, or one has such a seed itself.
    """
    if not seeds:
        return list(stages)
    named = {stage.needs[REFERENCE] for stage in stages if REFERENCE in stage.needs}
    if not any(stage.run.path in named for stage in stages):
        raise InputError(
            f"retrain_seeds={' '.join(map(str, seeds))}: no stage of this plan is another's reference; "
            "name the Retrain as `reference` in a method's config"
        )
    found = list[Stage]()
    for stage in stages:
        found += [stage, *(_another_seed(stage, seed) for seed in dict.fromkeys(seeds) if stage.run.path in named)]
    return found


def _another_seed(stage: Stage, seed: int) -> Stage:
    if seed == setting(stage.settings, SEED, 0):
        raise InputError(
            f"retrain_seeds={seed}: is the seed of {stage.run} itself, and the two would be one model; "
            "give seeds that the plan does not have"
        )
    run = stage.run.path
    changes = {SEED: seed, "run_dir": run.with_name(f"{run.name}_retrain{seed}"), REFERENCE: run}
    return replace(stage, overrides=(*stage.overrides, *(override(*change) for change in changes.items())))


def _variation(stage: Stage, preset: str | None, seed: int | None) -> tuple[str, list[Override]]:
    """Return the end of the run directory's name and the overrides of one variation."""
    suffix, overrides = "", []
    if preset is not None and preset != setting(stage.settings, "data.augmentation", "Default"):
        suffix += f"_{preset}"
        overrides.append(override("data.augmentation", preset))
    if seed is not None and seed != setting(stage.settings, SEED, 0):
        suffix += f"_seed{seed}"
        overrides.append(override(SEED, seed))
        if named(stage.settings, "data.forget"):
            overrides.append(override("data.forget.seed", seed))
    return suffix, overrides


def renamed(stage: Stage, overrides: Sequence[Override], paths: Mapping[Path, Path]) -> Stage:
    """Return a stage with more overrides, that reads and writes other run directories: `paths` has old and new."""
    if (run := paths[stage.run.path]) != stage.run.path:
        overrides = [*overrides, override("run_dir", str(run))]
    for name, path in stage.needs.items():
        if paths.get(path, path) != path:
            overrides = [*overrides, override(name, str(paths[path]))]
    return replace(stage, overrides=(*stage.overrides, *overrides))


def _is_dataset(stage: Stage, name: str) -> bool:
    return stage.dataset in (name, f"{name}mnist")


def _choices(values: Iterable[Any]) -> str:
    return ", ".join(sorted({str(value) for value in values if value not in (None, "")}))
