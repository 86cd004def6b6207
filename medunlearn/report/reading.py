"""Reads one run directory into one row of the frame, from its metrics.json and config.yaml, both checked."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, InputError, counted
from medunlearn.files import exists
from medunlearn.metrics import GAP_METRICS
from medunlearn.runs import RunDir
from medunlearn.runs.class_names import named
from medunlearn.runs.commands import remedy_for
from medunlearn.runs.group_text import group_text
from medunlearn.runs.record import Record, attack_settings, role_of
from medunlearn.runs.values import check_mapping, is_line, is_whole

NEEDED = (*GAP_METRICS, "AG", "RTE", "method", "n", "data", "split_sha256", "seed", "runtime")
PROTOCOL = ("size", "epochs", "batch", "attack")
"""Settings other than the method's that make two runs different experiments."""


def find_runs(paths: Iterable[str | Path | RunDir], argument: str = "report") -> list[RunDir]:
    """Return the runs at paths, each once; a directory that holds none stands for those directly inside it.

    Trials that their study has stopped are left out of those inside.

    Args:
        paths: The runs, or directories of them.
        argument: What errors name.

    Raises:
        InputError: If a path cannot be read.

    Example:
        >>> [str(run) for run in find_runs(["runs/salun", "runs/../runs/salun"])]
        ['runs/salun']
    """
    runs: dict[str, RunDir] = {}
    for path in paths:
        run = path if isinstance(path, RunDir) else RunDir.given(path, argument)
        try:
            for each in _inside(run.path) or [run]:
                runs.setdefault(os.path.realpath(each.path), each)
        except (OSError, ValueError, RuntimeError) as error:  # no rights, or a path that no file can have
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{argument}={path}: cannot be read ({reason}); name a run directory") from None
    return list(runs.values())


def _inside(path: Path) -> list[RunDir]:
    if RunDir(path).started or not path.is_dir():
        return []
    inside = map(RunDir, sorted(path.iterdir()))
    return [run for run in inside if run.started and not run.was_stopped]


def read_run(run: RunDir) -> dict[str, Any]:
    """Return the row of a finished run: columns of `frame.COLUMNS`, and what the others are computed from.

    Raises:
        InputError: If the run is unfinished or damaged, or one of its files has been altered.

    Example:
        >>> read_run(RunDir("no"))
        Traceback (most recent call last):
        medunlearn.errors.InputError: report=no: no run there; make it with `medunlearn.fit(method, data, run_dir='no')`
    """
    _check_finished(run)
    run.check_unaltered("report", hashes_required=False)
    metrics = run.read_metrics("report")
    if missing := [key for key in NEEDED if key not in metrics]:
        raise InputError(f"report={run}: {run.metrics} lacks {missing[0]}; run that stage again")
    config = run.read_config("report") if exists(run.config) else {}  # a run from Python may have none
    try:
        return _row(run, metrics, config, _class_names(run)) | {"record": Record.of(run, "report")}
    except Fault as fault:
        raise InputError(f"report={run}: {run.config}: {fault}") from None


def _class_names(run: RunDir) -> tuple[str, ...]:
    return tuple(run.read_split("report").get("class_names") or ()) if exists(run.split) else ()


def _row(
    run: RunDir, metrics: dict[str, Any], config: Mapping[str, Any], class_names: tuple[str, ...]
) -> dict[str, Any]:
    data, model = (check_mapping(config.get(key), key) for key in ("data", "model"))
    forget = check_mapping(data.get("forget"), "data.forget")
    classes = _classes(forget.get("classes"), class_names)
    augmentation = data.get("augmentation", "Default") if config else ""
    if not is_line(augmentation):
        raise Fault("data.augmentation is not a name; run that stage again")
    return {
        "run": str(run),
        "measured_by": "",
        "method": metrics["method"],
        "role": role_of(metrics),
        "label": metrics["method"],
        "data": metrics["data"],
        "forgotten": _forgotten(forget, classes, class_names, metrics["n"]["forget"]),
        "classes": classes,
        "class_names": class_names,
        "augmentation": augmentation,
        "seed": metrics["seed"],
        **{key: metrics[key] for key in (*GAP_METRICS, "RTE")},
        **{f"n_{part}": metrics["n"][part] for part in ("forget", "retain", "test")},
        "split_sha256": metrics["split_sha256"],
        "epochs": metrics.get("epochs"),
        "original": metrics.get("original") or "",
        "dataset": _dataset(data),
        "settings": _arguments(metrics, model) | _protocol(metrics, data),
        "hardware": (metrics.get("hardware") or {}).get("name") or "",
        "precision": metrics.get("precision") or "",
        "torch": (metrics.get("versions") or {}).get("torch") or "",
        "TA_retained_classes": metrics.get("TA_retained_classes"),
        "proxy": (metrics.get("proxy") or {}).get("gap"),
        "notes": tuple(metrics.get("notes") or ()),
        "before": metrics.get("before"),
        "data_sha256": metrics.get("data_sha256", ""),
        "departures": metrics.get("departures"),
        "listed": forget.get("indices") is not None,
    }


def _arguments(metrics: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the method's arguments except the original, which is another run, not a setting."""
    departures = check_mapping(metrics.get("departures"), "departures")
    arguments = check_mapping(model.get("init_args"), "model.init_args") | departures
    return {name: value for name, value in arguments.items() if name != "original"}


def _protocol(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings beside the method's own that make two runs different experiments."""
    attack = attack_settings(metrics)
    values = (
        None if data.get("file") else data.get("size"),
        metrics.get("epochs"),
        data.get("batch_size"),
        "{feature}, {nonmembers}, seed {seed}".format(**attack) if attack else None,
    )
    return dict(zip(PROTOCOL, values, strict=True))


def _dataset(data: Mapping[str, Any]) -> str:
    """Return name and size of an official set, whose file was checked by its MD5 when it was fetched."""
    name, size = data.get("dataset"), data.get("size")
    return f"{name} {size}" if is_line(name) and is_whole(size) and data.get("file") is None else ""


def _classes(classes: Any, names: Sequence[str]) -> list[int | str] | None:
    """Return the classes that were asked for, by number where their names are known."""
    if classes is None:
        return None
    if not isinstance(classes, list) or not all(is_whole(each) or is_line(each) for each in classes):
        raise Fault("data.forget.classes is not a list of whole numbers or names; run that stage again")
    return [names.index(each) if each in names else each for each in classes]


def _forgotten(forget: Mapping[str, Any], classes: Sequence[int | str] | None, names: Sequence[str], count: int) -> str:
    rate, indices, groups = (forget.get(name) for name in ("rate", "indices", "groups"))
    if rate is not None:
        if type(rate) not in (int, float) or not 0 < rate < 1:
            raise Fault(f"data.forget.rate is {rate}, not a share; run that stage again")
        return f"{100 * rate:g} %{' (stratified)' if forget.get('stratified') else ''}"
    if classes is not None:
        return f"{'class' if len(classes) == 1 else 'classes'} {named(classes, names)}"
    if groups is not None:
        by = forget.get("group_by")
        if not isinstance(groups, list | str) or not is_line(by or ""):
            raise Fault("data.forget.groups is no list of names; run that stage again")
        return f"{group_text(groups, by)} ({counted(count, 'image')})"
    if indices is not None and not is_line(indices):
        raise Fault("data.forget.indices is not a file name; run that stage again")
    return Path(indices).name if indices else counted(count, "image") if count else ""


def _check_finished(run: RunDir) -> None:
    if run.finished:
        return
    if exists(run.config):
        remedy = f"go on with `{remedy_for(run.path)}`, or leave it out"
        raise InputError(f"report={run}: the run there is unfinished; {remedy}")
    if run.started:
        raise InputError(f"report={run}: the run there is unfinished; run that stage again, or leave it out")
    if not run.path.exists():
        raise InputError(f"report={run}: no run there; make it with `{remedy_for(run.path)}`")
    raise InputError(f"report={run}: holds no finished run; give directories that hold a metrics.json")
