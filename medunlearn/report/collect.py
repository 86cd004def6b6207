"""Reads run directories and puts together what belongs together: one cell for each experiment, over its seeds."""

import inspect
import reprlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, InputError
from medunlearn.metrics import GAP_METRICS, average_gap
from medunlearn.report.cells import ORIGINAL, Cell, Result
from medunlearn.report.table import attack_settings, check_finished, check_original
from medunlearn.runs import RunDir
from medunlearn.runs.schema import check_mapping, is_whole, is_word


def collect(runs: Iterable[RunDir]) -> list[Cell]:
    """Return the cells that finished runs make up, in the order of data, forget set, preset and method.

    Raises:
        InputError: If a run is unfinished or damaged, or two are the same experiment under the same seed.
    """
    found = _told_apart([_read(run) for run in runs])
    forgetting = [result for result in found if result.forgotten]
    results = [_paired(result, forgetting) for result in _labelled(forgetting)] + _originals(found, forgetting)
    groups: dict[tuple[str, str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.data, result.forgotten, result.augmentation, result.label].append(result)
    cells = [Cell(*key, tuple(sorted(group, key=lambda result: result.seed))) for key, group in groups.items()]
    for cell in cells:
        _check_seeds(cell)
    return sorted(cells, key=_order)


def _read(run: RunDir) -> Result:
    check_finished(run)
    run.check_unaltered("report", hashes_required=False)
    metrics, config = run.read_metrics("report"), run.read_config("report")
    needed = (*GAP_METRICS, "RTE", "method", "n", "split_sha256", "data", "seed", "runtime")
    if missing := [key for key in needed if key not in metrics]:
        raise InputError(f"report={run}: {run.metrics} lacks {missing[0]}; run that stage again")
    try:
        data, model = (check_mapping(config.get(key), key) for key in ("data", "model"))
        forget = check_mapping(data.get("forget"), "data.forget")
        forgotten = _forgotten(forget)
        arguments = check_mapping(model.get("init_args"), "model.init_args")
        if not is_word(augmentation := data.get("augmentation", "Default")):
            raise Fault("data.augmentation is no word; run that stage again")
    except Fault as fault:
        raise InputError(f"report={run}: {run.config}: {fault}") from None
    return Result(
        run=run,
        data=metrics["data"],
        forgotten=forgotten,
        listed=forget.get("indices") is not None,
        augmentation=augmentation,
        label=metrics["method"],
        seed=metrics["seed"],
        split=metrics["split_sha256"],
        values={key: metrics[key] for key in (*GAP_METRICS, "RTE")},
        metrics=metrics,
        settings={**arguments, **_protocol(metrics, data)},
    )


def _protocol(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings beside the method's own that make two runs different experiments."""
    size = None if data.get("file") else data.get("size")
    feature, nonmembers, seed = attack_settings(metrics)
    return {
        "size": size,
        "epochs": metrics.get("epochs"),
        "batch": data.get("batch_size"),
        "attack": f"{feature}, {nonmembers}, seed {seed}" if metrics.get("attack") else None,
    }


def _forgotten(forget: Mapping[str, Any]) -> str:
    rate, classes, indices = (forget.get(key) for key in ("rate", "classes", "indices"))
    if rate is not None:
        if type(rate) not in (int, float) or not 0 < rate < 1:
            raise Fault(f"data.forget.rate is {rate}, not a share; run that stage again")
        return f"{100 * rate:g} %{' (stratified)' if forget.get('stratified') else ''}"
    if classes is not None:
        if not isinstance(classes, list) or not all(map(is_whole, classes)):
            raise Fault("data.forget.classes is no list of whole numbers; run that stage again")
        return f"classes {', '.join(map(str, classes))}"
    if indices is not None and not is_word(indices):
        raise Fault("data.forget.indices is no file name; run that stage again")
    return Path(indices).name if indices else ""


def _told_apart(results: list[Result]) -> list[Result]:
    """Name data after its size, or else its hash, where one name stands for different images; index files likewise."""
    images: dict[str, set[str]] = defaultdict(set)
    for result in results:
        images[result.data].add(result.metrics.get("data_sha256", ""))

    def name(result: Result) -> str:
        if len(images[result.data]) == 1:
            return result.data
        size = result.settings["size"]
        return (
            f"{result.data} at {size}x{size}"
            if size
            else f"{result.data} ({result.metrics.get('data_sha256', '')[:8]})"
        )

    named = [replace(result, data=name(result)) for result in results]
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for result in named:
        if result.listed:
            splits[result.data, result.forgotten].add(result.split)
    return [
        replace(result, forgotten=f"{result.forgotten} (split {result.split[:12]})")
        if result.listed and len(splits[result.data, result.forgotten]) > 1
        else result
        for result in named
    ]


def _labelled(results: list[Result]) -> list[Result]:
    """Name runs of a method that unlearns after what departs from its defaults, as in `SalUn (relabel none)`.

    Settings without a default, such as the epochs, are named where runs of the method on the same data differ in them.
    """
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.data, result.label].append(result)
    labelled = []
    for (_, method), group in groups.items():
        keys = dict.fromkeys(key for result in group for key in result.settings if key != "original")
        usual = {key: _usual(method, key, [repr(result.settings.get(key)) for result in group]) for key in keys}
        for result in group:
            own = [f"{key} {_plain(value)}" for key in keys if repr(value := result.settings.get(key)) != usual[key]]
            named = own and result.metrics.get("original") is not None
            labelled.append(replace(result, label=f"{method} ({', '.join(own)})" if named else method))
    return labelled


def _plain(value: Any) -> str:
    """Return a setting as it can stand in a table."""
    return str(value) if is_word(str(value)) else reprlib.repr(value)


def _usual(method: str, key: str, values: list[str]) -> str:
    """Return the value that needs no mention: the method's default, or else the most common."""
    import medunlearn  # torch comes with it

    known = getattr(medunlearn, method, None) if method in medunlearn.__all__ else None
    default = inspect.signature(known).parameters.get(key) if known else None
    if default is not None and default.default is not inspect.Parameter.empty:
        return repr(default.default)
    return max(sorted(set(values)), key=values.count)


def _originals(found: list[Result], forgetting: list[Result]) -> list[Result]:
    """Return the models that the runs started from, as they were before, with their gaps: one for each Retrain."""
    by_path = {result.run.path.resolve(): result for result in found}
    _check_unread(dict.fromkeys(result.metrics.get("original") for result in forgetting), by_path.keys())
    originals: dict[tuple[Path, str, str, int], Result] = {}
    for result in forgetting:
        before, path = result.metrics.get("before"), result.metrics.get("original")
        if not before or path is None:
            continue
        trained = by_path.get(Path(path).resolve())
        check_original(result.run)  # whose weights and probabilities the figures are drawn from
        original = replace(
            result,
            run=RunDir(path),
            label=ORIGINAL,
            settings={"attack": result.settings["attack"]},
            values={**before, "RTE": None if trained is None else trained.values["RTE"]},
        )
        key = Path(path), result.split, result.augmentation, result.seed
        if key not in originals or originals[key].gaps is None:  # one attack may have a Retrain and another none
            originals[key] = _paired(original, forgetting)
    return list(originals.values())


def _check_unread(originals: Iterable[str | None], read: Collection[Path]) -> None:
    """Refuse originals that are not the ones written: figures are drawn from theirs, whether they are named or not."""
    for path in originals:
        if path is not None and (run := RunDir(path)).finished and run.path.resolve() not in read:
            run.check_unaltered("report", hashes_required=False)


def _paired(result: Result, results: list[Result]) -> Result:
    """Return a result with its gaps to the Retrain of the same split, preset, seed and attack."""
    references = [
        other
        for other in results
        if other.metrics["method"] == "Retrain"
        and (other.split, other.augmentation, other.seed) == (result.split, result.augmentation, result.seed)
        and attack_settings(other.metrics) == attack_settings(result.metrics)
    ]
    if not references or any(each.values.get(key) is None for each in (result, *references) for key in GAP_METRICS):
        return result
    if len(references) > 1:
        raise InputError(
            f"report: {references[0].run} and {references[1].run} are both Retrain of the same split, preset and seed, "
            f"so the gap of {result.run} could be taken to either; give one of them"
        )
    other = references[0]
    gaps = {key: abs(_number(result, key) - _number(other, key)) for key in GAP_METRICS}
    return replace(result, gaps=gaps | {"AG": average_gap(result.values, other.values)}, reference=other.run)


def _number(result: Result, key: str) -> float:
    value = result.values[key]
    assert value is not None
    return value


def _check_seeds(cell: Cell) -> None:
    for first, second in zip(cell.results, cell.results[1:], strict=False):
        if first.seed == second.seed:
            raise InputError(
                f"report: {first.run} and {second.run} are the same experiment, seed {first.seed}; give one of them"
            )
        earlier, later = (
            {**each.settings, "the number of forgotten images": each.metrics["n"]["forget"]} for each in (first, second)
        )
        for key in {**earlier, **later}:
            was, now = earlier.get(key), later.get(key)
            if key != "original" and was != now:
                raise InputError(
                    f"report: {first.run} and {second.run} would be seeds of one experiment, but {key} is {was} and "
                    f"{now}; give runs of one setting"
                )


def _order(cell: Cell) -> tuple[Any, ...]:
    presets = ("NoAug", "Default", "Default+RandAugment")
    methods = (ORIGINAL, "Retrain")
    return (
        cell.data,
        _natural(cell.forgotten),
        presets.index(cell.augmentation) if cell.augmentation in presets else len(presets),
        methods.index(cell.label) if cell.label in methods else len(methods),
        cell.label,
    )


def _natural(text: str) -> tuple[float, str]:
    number = text.partition(" ")[0]
    return (float(number), text) if number.replace(".", "", 1).isdecimal() else (float("inf"), text)
