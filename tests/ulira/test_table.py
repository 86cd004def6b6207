"""What figures mean in words, by what a run is and by whether the attack sees anything in its original."""

import pytest

from medunlearn.ulira import table as words
from medunlearn.ulira.table import reading, table


def row(role, auc, **changes):
    limits = {f"{name}_{kind}": [0.4, 0.6] for name in ("auc", "tpr@0.1") for kind in ("interval", "chance")}
    utility = {"UA": [10.0, 20.0], "RA": [99.0], "TA": [90.0, 91.0]}
    plain = {"run": role, "method": "M", "role": role, "auc": auc, "tpr@0.1": 0.25, "tpr@0.01": None, "pooled": True}
    return {**plain, **limits, "quality": None, "klom": None, "utility": utility, **changes}


SEEN, NOT_SEEN = row("original", 0.9), row("original", 0.55)


@pytest.mark.parametrize(
    ("found", "original", "says"),
    [
        (SEEN, SEEN, words.POWER),
        (NOT_SEEN, NOT_SEEN, words.NO_POWER),
        (row("retrained", 0.52), SEEN, words.AT_CHANCE),
        (row("retrained", 0.61), SEEN, words.AWAY),
        (row("retrained", 0.39), SEEN, words.AWAY),
        (row("unlearned", 0.7), SEEN, words.LEAK),
        (row("unlearned", 0.7), NOT_SEEN, words.LEAK),
        (row("unlearned", 0.55), SEEN, words.NO_LEAK),
        (row("unlearned", 0.55), NOT_SEEN, words.UNKNOWN),
        (row("unlearned", 0.55), None, words.UNKNOWN),
        (row("unlearned", None), SEEN, words.TOO_FEW),
    ],
)
def test_reading(found, original, says):
    assert reading(found, original) == says


def test_table_has_means_beside_each_figure_and_says_where_it_is_blunt():
    text = table([SEEN, row("unlearned", 0.7123, quality=0.5, klom=1.25)])
    line = next(line for line in text.splitlines() if line.startswith("| unlearned"))
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells == [
        *("unlearned", "M", "0.712 (0.400 to 0.600)", "0.400 to 0.600", "25.0 % (40.0 % to 60.0 %)", "-"),
        *("0.500", "1.25", "15.00", "99.00", "90.50", words.LEAK),
    ]
    assert "what two groups of Retrains have is Retrain's own row" in text
    assert "One variance for all images" in text
    assert "Retrains" not in table([SEEN])
    blank = table([row("unlearned", None, auc_interval=None, auc_chance=None, pooled=False)])
    assert words.TOO_FEW in blank
    assert "One variance" not in blank
