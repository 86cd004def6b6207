"""Number of patients in a configuration, for output that must not contain their names."""

from collections.abc import Sequence

from medunlearn.errors import counted


def group_text(groups: Sequence[str] | str, by: str | None = None) -> str:
    """Return the number of groups as text, as `data.forget.groups` gives them.

    Args:
        groups: A list of names, one name, a text of a list in brackets, or the path of a .txt file of names.
        by: What the groups are; by default patients.

    Example:
        >>> group_text(["P0017"]), group_text("[P0017, P0018]", "site"), group_text("withdrawn.txt")
        ('1 patient', '2 sites', 'patients of a file')
    """
    noun = by or "patient"
    if isinstance(groups, str) and groups.endswith(".txt"):
        return f"{noun}s of a file"
    return counted(groups.count(",") + 1 if isinstance(groups, str) else len(groups), noun)
