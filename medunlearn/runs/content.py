"""Base class of the schemas of a run's JSON files: strict reading, one-line errors, and a documentation table."""

import reprlib
from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medunlearn.errors import Fault

GROUP = "a group"


def key(form: str, description: str) -> Any:
    """Return a field that may be missing.

    Args:
        form: The required form of its value, for error messages and the documentation.
        description: What it means, with its unit.
    """
    return Field(default=None, description=description, json_schema_extra={"form": form})


class Content(BaseModel):
    """Content of a JSON file of a run, or a group in it. Unknown keys are kept."""

    model_config = ConfigDict(strict=True, extra="allow")
    needed: ClassVar[tuple[str, ...]] = ()
    """Required keys."""

    @model_validator(mode="after")
    def _check_needed(self) -> "Content":
        if missing := [key for key in self.needed if key not in self.model_fields_set]:
            raise ValueError(f"lacks {missing[0]}")
        return self


def check(content: Mapping[str, Any], model: type[Content]) -> None:
    """Reject content in which a known key has a value of the wrong form.

    Raises:
        Fault: If a value has the wrong type or range, or a key is not a string.
    """
    try:
        model.model_validate(content)
    except ValidationError as error:
        place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    else:
        return
    raise Fault(f"{_problem(content, model, place)}; write it again")


def table(model: type[Content], prefix: str = "") -> str:
    """Return the keys of a schema as a Markdown table of key, form and meaning; nested keys follow their group."""
    head = "" if prefix else "| key | value | meaning |\n|---|---|---|\n"
    rows = []
    for name, field in model.model_fields.items():
        rows.append(f"| `{prefix}{name}` | {_form(model, name)} | {field.description} |")
        if (group := _group(model, name)) is not None:
            rows.append(table(group, f"{prefix}{name}."))
    return head + "\n".join(rows)


def _problem(content: Any, model: type[Content], place: tuple[int | str, ...]) -> str:
    """Describe the problem, for the innermost key on the path `place` that the schema describes."""
    path, form, value, at = [], GROUP, content, model
    for step in map(str, place):
        if step not in at.model_fields or step not in value:
            break
        path.append(step)
        form, value, group = _form(at, step), value[step], _group(at, step)
        if group is None:
            break
        at = group
    if not path:
        missing = [name for name in model.needed if name not in content]
        return f"it lacks {missing[0]}" if missing else "one of its keys is not text"
    return f"{'.'.join(path)} is {reprlib.repr(value)}, not {form}"


def _form(model: type[Content], name: str) -> str:
    extra = model.model_fields[name].json_schema_extra
    return str(extra["form"]) if isinstance(extra, dict) else ""


def _group(model: type[Content], name: str) -> type[Content] | None:
    annotation = model.model_fields[name].annotation
    kinds = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
    return next((each for each in kinds if issubclass(each, Content)), None)
