"""The user's statements in a receipt, which must not name the persons concerned."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from medunlearn.errors import InputError
from medunlearn.receipts.forms import NOT_STATED
from medunlearn.receipts.schema import Request

LONGEST = 500


@dataclass(frozen=True)
class Stated:
    """What the user states.

    Args:
        case: The controller's reference, which means nothing to others.
        received: Date of the request, YYYY-MM-DD.
        ground: The legal ground.
        approved_by: Role of who approved it.
        data_name: A name for the data.
        old_model: What became of the original.
        backups: What becomes of backups.
        recipients: Who was informed.

    Raises:
        InputError: If a text is empty, too long or not one line, or the date is invalid.
    """

    case: str = NOT_STATED
    received: str = NOT_STATED
    ground: str = NOT_STATED
    approved_by: str = NOT_STATED
    data_name: str = NOT_STATED
    old_model: str = NOT_STATED
    backups: str = NOT_STATED
    recipients: str = NOT_STATED

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value.strip() or len(value) > LONGEST or not value.isprintable():
                raise InputError(f"{name}={value[:50]!r}: give one line of 1 to {LONGEST} characters")
        if self.received != NOT_STATED:
            try:
                date.fromisoformat(self.received)
            except ValueError:
                raise InputError(f"received={self.received}: is no date; write it as in 2026-02-28") from None

    def request(self) -> Request:
        """Return what was asked for."""
        return Request(case=self.case, received=self.received, ground=self.ground, approved_by=self.approved_by)

    def check_names(self, split: Mapping[str, Any]) -> None:
        """Reject texts that name a withdrawn group: a receipt goes to others.

        Args:
            split: Content of `split.json`, which has the names.

        Raises:
            InputError: If there is one; the message does not repeat the name.
        """
        for group in withdrawn_groups(split):
            for name, value in asdict(self).items():
                if re.search(rf"(?<!\w){re.escape(group)}(?!\w)", value, re.IGNORECASE):
                    raise InputError(f"{name}: holds the name of a withdrawn group; give a reference of another kind")


def withdrawn_groups(split: Mapping[str, Any]) -> set[str]:
    """Return the names of the groups that were withdrawn by this request and those before it.

    Example:
        >>> withdrawn_groups({"how": {"groups": ["P0017"], "group_by": "patient"}})
        {'P0017'}
    """
    requests = split.get("requests")
    hows = [split.get("how"), *(each.get("how") for each in requests or () if isinstance(each, dict))]
    return {str(name) for how in hows for name in _groups(how) if str(name).strip()}


def _groups(how: Any) -> Iterator[Any]:
    groups = how.get("groups") if isinstance(how, Mapping) else None
    yield from groups if isinstance(groups, list) else [] if groups is None else [groups]
