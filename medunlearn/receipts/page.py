"""`receipt.html`: a receipt to read and to print, made of the envelope alone."""

from pathlib import Path
from typing import Any

from medunlearn.receipts.envelope import Envelope
from medunlearn.receipts.evidence_schema import Figures
from medunlearn.receipts.forms import NOT_STATED
from medunlearn.receipts.reading import read_statement
from medunlearn.receipts.schema import Images, Statement
from medunlearn.report.templating import rendered

TEMPLATE = Path(__file__).with_name("templates") / "receipt.html"
METRICS = ("UA", "RA", "TA", "MIA")
READING = (
    "UA: error on the removed images in %. RA: accuracy on the retained training images. TA: accuracy on test images. "
    "MIA: share of the removed images that a membership attack takes for unseen. A model that never saw the images is "
    "what all four should be near to; AG is the mean distance to it in percentage points."
)


def page(envelope: Envelope) -> str:
    """Return the page of a receipt.

    Raises:
        Fault: If the envelope holds none.
    """
    statement = read_statement(envelope)
    return rendered(TEMPLATE, _content(statement, envelope))


def _content(statement: Statement, envelope: Envelope) -> dict[str, Any]:
    found = statement.predicate
    return {
        "found": found,
        "subjects": statement.subject,
        "sha256": envelope.sha256,
        "keyids": [each.keyid for each in envelope.signatures],
        "request": _stated(found.request.model_dump()),
        "aftermath": _stated(found.aftermath.model_dump(exclude={"descendants"})),
        "figures": _figures(found.evidence),
        "classes": class_rows(found.data.images, found.data.class_names),
        "size": _tree_size(found.data),
        "not_stated": NOT_STATED,
        "number": number,
        "spread": spread,
        "three": three,
        "reading": READING,
    }


def number(value: float | None) -> str:
    """Return a figure with two decimals; a dash where there is none.

    Example:
        >>> number(12.3456), number(None)
        ('12.35', '-')
    """
    return "-" if value is None else f"{value:.2f}"


def three(value: float | None) -> str:
    """Return a figure of an audit with three decimals; a dash where there is none.

    Example:
        >>> three(0.50449), three(None)
        ('0.504', '-')
    """
    return "-" if value is None else f"{value:.3f}"


def spread(limits: list[float] | None) -> str:
    """Return two limits; a dash where there are none.

    Example:
        >>> spread([0.48, 0.521])
        '0.480 to 0.521'
    """
    return "-" if limits is None else " to ".join(three(each) for each in limits)


def class_rows(images: Images, names: list[str] | None) -> list[list[str]]:
    """Return a row for each class: its name or number, and training, validation and test images before and after."""
    splits = (images.train, images.val, images.test)
    numbers = sorted(
        {key for split in splits for key in (*split.after, *(split.before or {}))}, key=lambda key: (len(key), key)
    )
    rows = []
    for key in numbers:
        place = int(key) if key.isdecimal() and len(key) < 10 else -1
        name = names[place] if names and 0 <= place < len(names) else key
        cells = [(split.before.get(key, 0) if split.before else "?", split.after.get(key, 0)) for split in splits]
        rows.append([name, *(str(before) if before == after else f"{before} → {after}" for before, after in cells)])
    return rows


def _figures(evidence: Any) -> list[tuple[str, list[str]]]:
    named: list[tuple[str, Figures | None]] = [
        ("this model", evidence.model),
        ("untouched original", evidence.untouched),
        ("retrained reference", evidence.reference),
    ]
    return [(name, [number(getattr(each, key)) for key in METRICS]) for name, each in named if each is not None]


def _tree_size(data: Any) -> int:
    made = data.commitments
    return 0 if made is None else len(made.train) + len(made.val) + len(made.test)


def _stated(group: dict[str, str]) -> list[tuple[str, str]]:
    names = {"case": "reference", "approved_by": "approved by", "original": "the old model"}
    return [(names.get(key, key), value) for key, value in group.items()]
