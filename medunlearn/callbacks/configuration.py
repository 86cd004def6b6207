import inspect
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from lightning.pytorch import LightningModule, Trainer

from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningModule
from medunlearn.runs import RunDir

FROM_DATA = ("num_classes", "in_channels", "image_size")
"""Arguments of a method that the command line takes from the data."""

_NOT_PLAIN = object()


def configuration(
    trainer: Trainer, module: LightningModule, evaluation: UnlearningMetrics, run: RunDir, reference: RunDir | None
) -> str:
    """Return `config.yaml` of a run made from Python: what the parts still know of what they were built with.

    An argument that a part does not keep under its own name is left out.
    """
    method = cast(UnlearningModule, module)
    arguments = _arguments(module, getattr(method.backbone, "architecture", {}))
    content = {
        "seed_everything": method.datamodule.seed,
        "trainer": {"max_epochs": trainer.max_epochs, "precision": str(trainer.precision)},
        "model": {
            "class_path": _class_path(type(module)),
            "init_args": {name: value for name, value in arguments.items() if name not in FROM_DATA},
        },
        "data": _arguments(method.datamodule),
        "run_dir": str(run),
        "reference": None if reference is None else str(reference),
        "evaluation": _arguments(evaluation),
    }
    return yaml.safe_dump(content, sort_keys=False)


def _class_path(kind: type) -> str:
    import medunlearn

    known = kind.__name__ in medunlearn.__all__ and getattr(medunlearn, kind.__name__) is kind
    return f"medunlearn.{kind.__name__}" if known else f"{kind.__module__}.{kind.__qualname__}"


def _arguments(part: object, others: Mapping[str, Any] = {}) -> dict[str, Any]:
    names = inspect.signature(type(part)).parameters
    values = {name: _plain(getattr(part, name, _NOT_PLAIN)) for name in names}
    values |= {name: _plain(others[name]) for name in names if name in others and values[name] is _NOT_PLAIN}
    return {name: value for name, value in values.items() if value is not _NOT_PLAIN}


def _plain(value: Any) -> Any:
    """Return a value as YAML can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        items = {str(key): _plain(item) for key, item in value.items()}
        return _NOT_PLAIN if _NOT_PLAIN in items.values() else items
    if isinstance(value, (list, tuple)):
        listed = [_plain(item) for item in value]
        return _NOT_PLAIN if _NOT_PLAIN in listed else listed
    if isinstance(value, Path):
        return str(value)
    return value if value is None or type(value) in (bool, int, float, str) else _NOT_PLAIN
