"""What p values mean in words, by what the run is and by what its original shows."""

import pytest
from scipy.stats import norm

from medunlearn.poisoning.study import Finding
from medunlearn.poisoning.table import LEVEL, ONE_SIDED, reading, table
from medunlearn.runs import RunDir


def content(mean, images=100, **changes):
    p_value = None if mean is None else float(norm.sf(mean * images**0.5))
    return {"images": images, "silent": 0, "mean": mean, "p_value": p_value, "model_sha256": "o", **changes}


TRACE, NONE = content(1.0), content(0.1)


@pytest.mark.parametrize(
    ("role", "poison", "original", "says"),
    [
        ("original", TRACE, None, "depends on the noise"),
        ("original", NONE, None, "no trace of the noise"),
        ("retrained", NONE, None, "no trace, as it must be"),
        (
            "retrained",
            TRACE,
            None,
            "leans towards noise it never saw: 1 Retrain in 100 does by chance, else something leaks",
        ),
        ("unlearned", TRACE, TRACE, "still depends on the images it has forgotten"),
        ("unlearned", content(-0.5), TRACE, "leans away from the noise: driven too far, which is a trace too"),
        ("unlearned", NONE, TRACE, "no trace found; up to 26 % of its original's may be left"),
        ("unlearned", content(-0.2), TRACE, "no trace found; up to 0 % of its original's may be left"),
        ("unlearned", NONE, NONE, "no trace, but its original has none either: nothing can be said"),
        ("unlearned", NONE, None, "no trace found"),
        ("unlearned", content(None), TRACE, "its answer depends on no pixel: nothing can be said"),
    ],
)
def test_reading(role, poison, original, says):
    assert reading(role, poison, original) == says


def test_level_is_of_both_ends_and_the_interval_of_one():
    assert norm.cdf(ONE_SIDED) == pytest.approx(0.95, abs=1e-4)
    at = norm.isf(LEVEL) / 10
    assert "still depends" in reading("unlearned", content(at + 1e-6), TRACE)
    assert "no trace" in reading("unlearned", content(at - 1e-6), TRACE)


def test_table_takes_the_original_by_its_model_and_remarks_where_none_shows_the_noise():
    def finding(role, poison, **metrics):
        return Finding(RunDir(role), {"role": role, "method": "M", "TA": 50.0, **metrics}, poison)

    unlearned = finding("unlearned", content(0.1, silent=10, model_sha256="u"), original_sha256="o")
    another = finding("original", content(0.5, model_sha256="p"))
    text = table([another, finding("original", TRACE), unlearned])
    assert "| unlearned | M      |     90 | +0.100 |" in text
    assert "27 % of its original's" in text
    assert "--scale" not in text
    assert "--scale" in table([finding("original", NONE), unlearned])
