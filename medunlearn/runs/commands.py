"""The command that makes a run directory, or goes on with it."""

from collections.abc import Iterator
from pathlib import Path

from medunlearn.files import exists
from medunlearn.files.configs import read_config, shipped_configs


def command_for(run_dir: Path, data_file: Path | None = None) -> str:
    """Return the command that would make a run directory.

    Args:
        run_dir: The run directory.
        data_file: `data.file` where the command line named one, for the same data.
    """
    if exists(run_dir / "config.yaml"):
        return f"medunlearn fit --config {run_dir / 'config.yaml'} --resume true"
    data = "" if data_file is None else f" --data.file {data_file}"
    for path in _known_configs():
        if Path(str(read_config(path).get("run_dir"))) == run_dir:
            return f"medunlearn fit --config configs/{path.name}{data}"
    return f"medunlearn fit --config configs/NAME.yaml{data} --run_dir {run_dir}"


def _known_configs() -> Iterator[Path]:
    for folder in (Path("configs"), shipped_configs()):
        yield from sorted(folder.glob("*.yaml"))
