"""Renders HTML, Markdown and LaTeX from templates; values are escaped, so none is read as markup."""

import base64
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")
"""Folder of the templates of a report, and of those that other pages share."""

_TEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"±": r"$\pm$", "↓": r"$\downarrow$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "`": r"\textasciigrave{}"}
)
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#~"})


class Markup(str):
    """Text that belongs to the template and is not escaped."""


def tex(text: str) -> str:
    r"""Return text escaped for LaTeX.

    Example:
        >>> tex("50 % of our_data")
        '50 \\% of our\\_data'
    """
    return text.translate(_TEX)


def markdown(text: str) -> str:
    r"""Return text escaped for Markdown: no markup, no HTML, no end of a table cell.

    Example:
        >>> markdown("a|b <i>")
        'a\\|b \\<i\\>'
    """
    return text.translate(_MARKDOWN)


def rendered(template: Path, content: Mapping[str, Any]) -> str:
    """Return a page.

    Args:
        template: The template; its extension, html, md or tex, determines how values are escaped.
        content: Its variables.

    Example:
        >>> import tempfile
        >>> page = Path(tempfile.mkdtemp(), "page.html")
        >>> _ = page.write_text("<b>{{ name }}</b>")
        >>> rendered(page, {"name": "<i>"})
        '<b>&lt;i&gt;</b>'
    """
    return _environment_of(template.suffix, template.parent).get_template(template.name).render(content)


def embedded(image: Path) -> str:
    """Return a PNG file as the base64 text that HTML can hold.

    Example:
        >>> embedded(TEMPLATES / "style.css")[:8]
        'OnJvb3Qg'
    """
    return base64.b64encode(image.read_bytes()).decode()


@cache  # keeps the compiled templates
def _environment_of(suffix: str, folder: Path) -> Environment:
    return _ENVIRONMENTS[suffix](folder)


def _environment(folder: Path, **options: Any) -> Environment:
    loader = FileSystemLoader([folder, TEMPLATES])
    return Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def _escaping(escape: Callable[[str], str]) -> Callable[[Any], str]:
    """Return the function that Jinja applies to each value: it escapes the value unless it is `Markup`."""
    return lambda value: value if isinstance(value, Markup) else escape(str(value))


_ENVIRONMENTS: dict[str, Callable[[Path], Environment]] = {
    ".html": lambda folder: _environment(folder, autoescape=True),
    ".md": lambda folder: _environment(folder, autoescape=False, finalize=_escaping(markdown)),
    ".tex": lambda folder: _environment(
        folder,
        autoescape=False,
        finalize=_escaping(tex),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    ),
}
