"""The images of a finished run, read again by its own settings."""

from pathlib import Path
from typing import Any

from medunlearn.data.datamodule import MedMNISTDataModule
from medunlearn.data.npz import ImageData
from medunlearn.runs import RunDir

SOURCE = ("dataset", "size", "root", "download", "num_classes", "class_names", "test", "as_rgb")
"""Settings that say which images a run has, beside `file`."""


def images_of(run: RunDir, argument: str, file: Path | None = None, **changed: Any) -> ImageData:
    """Return the images of a run; the caller must compare their hash with the run's.

    Args:
        run: The run.
        argument: What errors name.
        file: The data file, where it has moved since the run was made.
        changed: Settings that differ from the run's, such as `download`.

    Raises:
        InputError: If they are not available.
    """
    settings = run.read_config(argument).get("data") or {}
    given = {name: settings[name] for name in SOURCE if settings.get(name) is not None}
    path = file or (Path(settings["file"]) if settings.get("file") else None)
    module = MedMNISTDataModule(**{**given, "file": path, **changed})
    module.prepare_data()
    return module.data
