"""What MkDocs calls while it builds: generated parts of pages, notebooks as pages, and links to files beside docs/."""

import json
import os
import posixpath
import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the package of this clone, installed or not

import command_pages  # noqa: E402

DOCS = ROOT / "docs"
BESIDE = "repository"
"""The folder of the site that holds files from beside docs/ that pages link to."""
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")
FOLDER = re.compile(r"\[([^\]]*)\]\((?!\w+:|#|/)([^)\s#]+)\)")
GROUPS = {
    "Methods": ".methods",
    "Data": ".data",
    "Training and measuring": ".callbacks",
    "Batches and figures": (".contracts", ".metrics"),
    "Networks": ".models",
    "Import and export": (".importing", ".exporting"),
    "Errors": ".errors",
}
"""The public names by the package that they come from; the rest comes last."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the repository's address from pyproject.toml where the environment has none, and link pages to it."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("urls", {})
    config.repo_url = config.repo_url or urls.get("Repository") or urls.get("Source") or None
    if config.repo_url:
        config.edit_uri = "edit/main/docs/"
        config.repo_name = config.repo_url.rstrip("/").rpartition("/")[2]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add notebooks as pages, and the files beside docs/ that pages link to, and those that these link to."""
    for file in [each for each in files if each.src_uri.endswith(".ipynb")]:
        text = notebook_page(Path(file.abs_src_path or ""))
        files.append(File.generated(config, file.src_uri.replace(".ipynb", ".md"), content=text))
    waiting = [source_of(file.src_uri) for file in files.documentation_pages() if not file.generated_by]
    while waiting:
        page = waiting.pop()
        for target in linked(page):
            if target.is_file() and ROOT in target.parents and files.get_file_from_path(place_of(target)) is None:
                files.append(File.generated(config, place_of(target), abs_src_path=str(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put generated parts in place of their markers, and turn links to files beside docs/ to their copies."""
    for marker, make in GENERATED.get(page.file.src_uri, {}).items():
        markdown = markdown.replace(f"\n{marker}\n", f"\n{make()}\n")
    if page.file.src_uri.startswith(BESIDE):
        page.edit_url = None
    here, source = page.file.src_uri, source_of(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / link[1]))
        if DOCS in target.parents and not here.startswith(BESIDE):
            return link[0]
        return posixpath.relpath(place_of(target), posixpath.dirname(here) or ".") + (link[2] or "")

    def folder(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / link[2]))
        if not target.is_dir() or DOCS in target.parents:
            return link[0]
        address = f"{(config.repo_url or '').rstrip('/')}/tree/main/{target.relative_to(ROOT).as_posix()}"
        return f"[{link[1]}]({address})" if config.repo_url else link[1]

    return LINK.sub(moved, FOLDER.sub(folder, markdown))


def source_of(uri: str) -> Path:
    """Return the file that a page of the site is made from."""
    return ROOT / uri.removeprefix(f"{BESIDE}/") if uri.startswith(f"{BESIDE}/") else DOCS / uri


def place_of(path: Path) -> str:
    """Return where a file of the repository lies in the site."""
    if DOCS in path.parents:
        return path.relative_to(DOCS).as_posix()
    return f"{BESIDE}/{Path(os.path.relpath(path, ROOT)).as_posix()}"


def linked(page: Path) -> Iterable[Path]:
    """Return the files beside docs/ that a page links to."""
    if not page.is_file():
        return []
    targets = (Path(os.path.normpath(page.parent / found[1])) for found in LINK.finditer(page.read_text()))
    return [target for target in targets if DOCS not in target.parents]


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown: its texts, its code, and what it printed and drew."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += [part for output in cell.get("outputs", []) if (part := _output(output))]
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\nThis page as a notebook: [{path.name}]({path.name}).\n{rest}\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        image = "".join(data["image/png"]).replace("\n", "")
        return f"![](data:image/png;base64,{image})"
    text = "".join(output.get("text", []) or data.get("text/plain", []))
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""


def schema_table(module: str, name: str) -> Callable[[], str]:
    """Return what makes the table of every key of a model of a run's files."""

    def make() -> str:
        from importlib import import_module

        from medunlearn.runs.content import table

        rows = table(getattr(import_module(module), name))
        return f'<div class="keys" markdown>\n\n{rows}\n\n</div>'

    return make


def public_names() -> dict[str, list[str]]:
    """Return the names of `medunlearn/__init__.pyi` by group."""
    import ast

    tree = ast.parse((ROOT / "medunlearn" / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    found: dict[str, list[str]] = {"Run": [], **{title: [] for title in GROUPS}, "Modules": []}
    for node in imports:
        module = f".{node.module or ''}"
        for alias in node.names:
            group = "Modules" if module == "." else _group(module, alias.name)
            found[group].append(alias.name)
    return {title: names for title, names in found.items() if names}


def _group(module: str, name: str) -> str:
    if name == "fit":
        return "Run"
    matches = (title for title, starts in GROUPS.items() if module.startswith(starts))
    return next(matches, "Modules")


def names_page() -> str:
    """Return the public names by group, for mkdocstrings to fill in."""
    lines = []
    for title, names in public_names().items():
        lines.append(f"## {title}\n")
        lines += [f"::: medunlearn.{name}\n" for name in names]
    return "\n".join(lines)


GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "reference/commands.md": {"COMMANDS": command_pages.commands_page},
    "reference/python.md": {"NAMES": names_page},
    "reference/run_directory.md": {
        "METRICS": schema_table("medunlearn.runs.schema", "Metrics"),
        "SPLIT": schema_table("medunlearn.runs.schema", "Split"),
        "CURVE": schema_table("medunlearn.runs.curve_schema", "Curve"),
        "POISON": schema_table("medunlearn.runs.poison_schema", "PoisonContent"),
    },
}
