"""The noise floor in a frame: Retrains that differ only in their seed, and the position of each row relative to them.

A further Retrain names the first as its `reference` and is otherwise the same run under another seed. The first, the
further ones and all runs whose gaps refer to the first belong together. A Retrain that has collapsed, or that ended far
below another one, has failed: it stays in the frame with a remark, but counts in no floor.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medunlearn.errors import counted
from medunlearn.metrics import (
    GAP_METRICS,
    Floor,
    collapse,
    failed_retrain,
    gap_to_all,
    noise_floor,
    pair_gaps,
    place,
)
from medunlearn.metrics.notes import COLLAPSE
from medunlearn.runs.comparable import Pairing

ANOTHER = "Retrain, another seed"
"""Label of further Retrains."""
FAILED = f"{ANOTHER} (failed)"
FURTHER = (ANOTHER, FAILED)
POOLED = "pooled"
"""Column of `pooled`: number of runs in a row of further Retrains; NaN for other rows."""
LEGEND = (
    "AG/floor: mean AG to all Retrains that differ in their seed alone, in units of the mean AG between two of them, "
    "which is the row of another seed (every pair counts): 1 is as near as another Retrain; inside: at most the "
    "largest AG between two of them, the band; outside: above it; further: no nearer to them than the untouched model. "
    f"A Retrain that ends more than {COLLAPSE:g} points of RA or TA below another one has failed and does not count."
)
"""Legend of the row of further Retrains and of the column AG/floor."""

Row = dict[str, Any]
Groups = Mapping[str, Sequence[Row]]
"""The Retrains that differ in their seed alone, by the directory of the first of them."""


def retrains(rows: Sequence[Row], pairings: Sequence[Pairing]) -> Groups:
    """Return the groups of Retrains that differ only in their seed; label the further and the failed ones.

    Args:
        rows: The runs; label and notes are changed in place.
        pairings: The reference of each.

    Example:
        >>> from pathlib import Path
        >>> from medunlearn.runs.record import Record
        >>> first = {"run": "a", "role": "retrained", "method": "Retrain", "augmentation": "NoAug", "settings": {}}
        >>> first |= {"seed": 0, "notes": (), "RA": 98.0, "TA": 95.0}
        >>> second = first | {"run": "b", "seed": 1, "RA": 60.0}
        >>> to_first = Pairing(Record(Path("a")), 0.0)
        >>> [row["run"] for row in retrains([first, second], [to_first, to_first])["a"]], second["label"]
        (['a', 'b'], 'Retrain, another seed (failed)')
    """
    runs, groups = {row["run"]: row for row in rows}, defaultdict[str, list[Row]](list)
    for row, pairing in zip(rows, pairings, strict=True):
        first = runs.get(str(pairing.reference.path)) if pairing.reference else None
        if first is not None and (row is first or _differs_in_seed(row, first)):
            groups[first["run"]].append(row)
    for first_run, group in groups.items():
        if len(group) < 2:
            continue
        for row in group:
            others = [each for each in group if each is not row]
            row["notes"] += () if collapse(row["notes"]) else tuple(failed_retrain(row, others))
            if row["run"] != first_run:
                row["label"] = FAILED if collapse(row["notes"]) else ANOTHER
    return groups


def _differs_in_seed(row: Row, first: Row) -> bool:
    same = all(row[key] == first[key] for key in ("role", "method", "augmentation", "settings"))
    return same and row["role"] == "retrained" and row["seed"] != first["seed"]


def floor_columns(rows: Sequence[Row], groups: Groups) -> None:
    """Add the columns of the noise floor to each row: that of the Retrains to which its reference belongs.

    Args:
        rows: All rows of a frame, untouched models included; changed in place.
        groups: What `retrains` returned.

    Example:
        >>> row = {"reference": "", "measured_by": "", "original": "", "role": "unlearned"}
        >>> floor_columns([row], {})
        >>> row["AG_retrains"], row["place"]
        (None, '')
    """
    for row in rows:
        sound = _sound(groups.get(row["reference"], ()))
        floor = noise_floor(sound)
        others = [each for each in sound if each["seed"] != row["seed"] or row["role"] != "retrained"]
        known = floor is not None and all(row[key] is not None for key in GAP_METRICS)
        row["AG_retrains"] = gap_to_all(row, others) if known else None
        row |= {"floor": None, "band": None} if floor is None else {"floor": floor.mean, "band": floor.largest}
        row["retrains"] = 0 if floor is None else floor.retrains
    before = {(row["reference"], row["original"]): row["AG_retrains"] for row in rows if row["measured_by"]}
    for row in rows:
        untouched = None if row["measured_by"] else before.get((row["reference"], row["original"]))
        judged = row["AG_retrains"] is not None and row["role"] != "retrained"
        row["place"] = place(row["AG_retrains"], row["band"], untouched) if judged else ""


def _sound(group: Sequence[Row]) -> list[Row]:
    """Return the Retrains of a group that have not failed, one per seed: copies count once."""
    return [*{row["seed"]: row for row in group if not collapse(row["notes"])}.values()]


def pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with one row for all further Retrains of a first one, under the seed of the first.

    Its figures are their means; its gaps and AG are mean distances between two Retrains over all pairs, including the
    first. Failed ones have a row of their own, with their distance to the first. The directory is that of one of them;
    the added column `POOLED` has their number.

    Args:
        frame: Result of `load`; returned unchanged if it has no further Retrains.

    Example:
        >>> frame = pd.DataFrame({"label": ["Retrain", "SalUn"]})
        >>> pooled(frame) is frame
        True
    """
    if not frame.label.isin(FURTHER).any():
        return frame
    rows, found = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")], {}
    for number, row in enumerate(rows):
        further = row["label"] in FURTHER
        key = (row["reference"], row["label"]) if further else number
        if key not in found:
            found[key] = _pooled(row, rows) if further else row
    return pd.DataFrame([*found.values()], columns=[*frame.columns, POOLED]).astype(dict(frame.dtypes))


def _pooled(row: Row, rows: Sequence[Row]) -> Row:
    own = [each for each in rows if (each["reference"], each["label"]) == (row["reference"], row["label"])]
    first = next(each for each in rows if each["run"] == row["reference"] and not each["measured_by"])
    numbers = [key for key, value in row.items() if isinstance(value, float)]
    means = {key: sum(each[key] for each in own) / len(own) for key in numbers}
    notes = dict.fromkeys(text for each in own for text in each["notes"])
    whole = row | means | {"seed": first["seed"], "notes": tuple(notes), POOLED: len(own)}
    sound = _sound([first, *own])
    if row["label"] == FAILED or len(sound) < 2:
        return whole
    gaps = {f"gap_{key}": gap for key, gap in pair_gaps(sound).items()}
    return whole | gaps | {"AG": row["floor"], "AG_retrains": row["floor"]}


def of_pooled(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs behind rows of one label that `pooled` returned: each further Retrain with its own figures.

    Args:
        rows: The rows.
        frame: Result of `load`.

    Example:
        >>> frame = pd.DataFrame({"label": [ANOTHER] * 3, "reference": ["a", "a", "b"], "seed": [1, 2, 1]})
        >>> of_pooled(frame[:1], frame).seed.tolist()
        [1, 2]
    """
    if not rows.label.isin(FURTHER).all():
        return rows
    return frame[frame.label.isin(rows.label) & frame.reference.isin(rows.reference)]


def floor_text(floor: Floor) -> str:
    """Return a description of a floor, to continue a sentence.

    Example:
        >>> floor_text(Floor(2, 1.5, 1.5))
        '2 Retrains that differ in their seed alone are 1.50 points apart (AG)'
        >>> floor_text(Floor(3, 1.5, 2.5))
        '3 Retrains that differ in their seed alone are 1.50 points apart on average, at most 2.50 (AG)'
    """
    several = f" on average, at most {floor.largest:.2f}" if floor.retrains > 2 else ""
    return (
        f"{counted(floor.retrains, 'Retrain')} that differ in their seed alone are {floor.mean:.2f} points apart"
        f"{several} (AG)"
    )
