"""Settings of a run that a receipt may show: numbers, and words that this project knows. No path, no name."""

from collections.abc import Iterator, Mapping
from typing import Any

SECTIONS = {
    "model": None,
    "data": ("dataset", "size", "num_classes", "as_rgb", "augmentation", "batch_size", "test"),
    "data.forget": ("rate", "seed", "stratified", "group_by"),
    "trainer": None,
    "evaluation": None,
}
"""Groups of settings, and which of their settings are shown; None: all whose values may be."""

WORDS = {
    *("class_path", "backbone", "stem", "relabel", "schedule", "lr_schedule", "mixture", "saliency_augmentation"),
    *("dataset", "augmentation", "group_by"),
    *("accelerator", "strategy", "devices", "precision", "gradient_clip_algorithm"),
    *("feature", "nonmembers", "solver"),
}
"""Settings whose values are words of this project or of Lightning. Text in others is left out: it may hold names."""

OF_A_SET = ("data.dataset", "data.size")
"""Settings of a public data set."""


def shown_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that a receipt may show, by dotted name.

    Example:
        >>> shown_settings({"model": {"class_path": "SalUn", "init_args": {"lr": 0.1, "original": "runs/P0017"}}})
        {'model.class_path': 'SalUn', 'model.init_args.lr': 0.1}
    """
    found = {"seed_everything": config.get("seed_everything")}
    for section, names in SECTIONS.items():
        group: Any = config
        for key in section.split("."):
            group = group.get(key) if isinstance(group, Mapping) else None
        for name, value in _flat(group, section):
            if (names is None or name.rpartition(".")[2] in names) and _may_be_shown(name, value):
                found[name] = value
    if isinstance(data := config.get("data"), Mapping) and data.get("file") is not None:
        found |= dict.fromkeys(OF_A_SET)  # a file replaces these
    return {name: value for name, value in found.items() if value is not None}


def _flat(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a group, those of `init_args` included."""
    for key, value in group.items() if isinstance(group, Mapping) else ():
        if key == "init_args":
            yield from _flat(value, f"{prefix}.init_args")
        else:
            yield f"{prefix}.{key}", value


def _may_be_shown(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 20 and all(type(each) in (int, float) for each in value)
    if isinstance(value, str):
        return name.rpartition(".")[2] in WORDS and len(value) <= 200 and "/" not in value
    return value is None or type(value) in (bool, int, float)
