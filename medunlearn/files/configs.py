"""Config files and plans: those shipped with the package and the user's own."""

import difflib
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, InputError
from medunlearn.files import exists, expanded, read_yaml, unreadable


def shipped_configs() -> Path:
    """Return the directory of the shipped configs: in the package if installed from a wheel, beside it in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def shipped_plans() -> list[str]:
    """Return the names of the shipped plans."""
    return sorted(path.stem for path in (shipped_configs() / "plans").glob("*.yaml"))


def shipped_plan(name: str) -> Path:
    """Return the file of a shipped plan."""
    return shipped_configs() / "plans" / f"{name}.yaml"


def shipped_space(method: str) -> Path | None:
    """Return the file of the search space that ships with a method, by the name of its class; None where none does."""
    path = shipped_configs() / "spaces" / f"{method}.yaml"
    return path if method.isidentifier() and path.is_file() else None


def find_config(name: str | Path, beside: Path = Path()) -> Path:
    """Return the config file of this name, from the working directory or else from the shipped ones.

    Args:
        name: A path, such as `configs/salun_blood_10.yaml` or `salun_blood_10.yaml`.
        beside: Another directory to look in first.

    Raises:
        InputError: If there is no such file, or it cannot be read.
    """
    path = expanded(name, "config")
    named = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    shipped = shipped_configs() / named
    for found in (beside / path, path):
        if exists(found):
            return found
    if (named.parent == Path() or named != path) and ".." not in named.parts and exists(shipped):
        return shipped
    _check_hidden(beside / path, path)
    names = sorted(file.name for file in shipped_configs().glob("*.yaml"))
    close = difflib.get_close_matches(path.name[:100], names, n=1, cutoff=0.3) or names[:1]
    raise InputError(f"config={name}: no such file; give the path of a YAML file, or a shipped one such as {close[0]}")


def _check_hidden(*paths: Path) -> None:
    """Reject existing paths that are not readable files."""
    for path in paths:
        try:
            path.stat()
        except PermissionError:
            raise InputError(f"config={path}: cannot be read (Permission denied); give yourself the right to") from None
        except (OSError, ValueError):
            continue
        inside = sorted(str(file) for file in path.glob("*.yaml"))[:1]
        kind = "is a directory" if path.is_dir() else "is no file"
        remedy = f"give a file in it, such as {inside[0]}" if inside else "give a YAML file"
        raise InputError(f"config={path}: {kind}; {remedy}")


def resolve_configs(args: list[str]) -> list[str]:
    """Return arguments of a command with the FILE of each `--config FILE` replaced by its path.

    `find_config` says where files are searched.

    Raises:
        InputError: If there is no such file, or it holds no settings.
    """
    argv: list[str] = []

    def found(name: str) -> str:
        path = find_config(name)
        read_config(path)  # rejects files on which the parser would not end
        return str(path)

    for arg in args:
        option, equals, value = arg.partition("=")
        if argv and _names_config(argv[-1]):
            argv.append(found(arg))
        elif equals and _names_config(option):
            argv.append(f"{option}={found(value)}")
        elif arg.startswith("-c") and arg != "-c":
            argv.append(f"-c={found(arg[2:])}")
        else:
            argv.append(arg)
    return argv


def _names_config(option: str) -> bool:
    return option == "-c" or (option.startswith("--co") and "--config".startswith(option))


def read_config(path: Path, argument: str = "config") -> dict[str, Any]:
    """Return the content of a config file.

    Args:
        path: The file.
        argument: What errors name.

    Raises:
        InputError: If it is not YAML, or not a mapping.
    """
    try:
        content = read_yaml(path)
    except OSError as error:
        raise InputError(f"{argument}={path}: {unreadable(error, 'give a file that can be read')}") from None
    except (Fault, ValueError) as error:
        problem = error.problem if isinstance(error, Fault) else error
        raise InputError(f"{argument}={path}: cannot be read as YAML ({problem}); fix the file") from None
    if content is None:
        raise InputError(f"{argument}={path}: is empty; write `name: value` lines as in the shipped configs")
    if not isinstance(content, dict):
        raise InputError(f"{argument}={path}: holds no settings; write `name: value` lines as in the shipped configs")
    return content
