"""The models of `metrics.json` and `split.json`: what they take, refuse and document."""

import json

import pytest

from medunlearn.errors import Fault
from medunlearn.runs.content import check, table
from medunlearn.runs.schema import Metrics, Split

PERCENT = "a number from 0 to 100, or null"
HUGE = 10**400


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"UA": 0, "RA": 100, "TA": 97.5, "MIA": None, "AG": None, "RTE": 0.5},
        {"role": "retrained", "reference_sha256": "ab", "departures": {"lr": 0.1, "schedule": None}},
        {"role": None, "facts": {"alpha": 0.5, "rounds": 3, "rule": "half", "unknown": None}},
        {"notes": [], "TA_retained_classes": 95.0},
        {"notes": ["only 30 forgotten images: one image = 3.33 points of UA and MIA"], "TA_retained_classes": None},
        {"by_class": {"UA": {"0": 5.0, "1": None}, "TA": {"0": 97, "1": 100.0}, "n": {"test": {"0": 3, "1": 0}}}},
        {"parameters": {"total": 11_000_000, "free": 5_500_000, "changed": 0}},
        {"n": {"forget": 2, "retain": 6, "test": 3}, "before": dict.fromkeys(("UA", "RA", "TA", "MIA"))},
        {"original": "runs/\udcff", "of_tomorrow": {"anything": [1, None]}, "versions": {"torch": None, "new": 3}},
    ],
)
def test_metrics_take_what_runs_write_now_and_wrote_before(content):
    before = json.dumps(content)
    check(content, Metrics)
    assert json.dumps(content) == before, "nothing is converted or left out"
    assert Metrics.model_validate(content).model_dump(exclude_unset=True) == content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"UA": "1"}, f"UA is '1', not {PERCENT}; write it again"),
        ({"UA": True}, f"UA is True, not {PERCENT}; write it again"),
        ({"AG": float("nan")}, f"AG is nan, not {PERCENT}; write it again"),
        ({"TA": 100.1}, f"TA is 100.1, not {PERCENT}; write it again"),
        ({"MIA": HUGE}, "MIA is 1000"),
        ({"seed": 1.0}, "seed is 1.0, not a whole number; write it again"),
        ({"seed": 2**63}, "seed is 9223372036854775808, not a whole number"),
        ({"seed": True}, "seed is True, not a whole number"),
        ({"role": "Retrain"}, "role is 'Retrain', not one of original, retrained, unlearned, or null"),
        ({"role": ["retrained"]}, "role is ['retrained'], not one of original"),
        ({"method": None}, "method is None, not a line of text"),
        ({"method": "a\nb"}, "method is 'a\\nb', not a line of text"),
        ({"method": "x" * 501}, "method is 'xxxx"),
        ({"original": ""}, "original is '', not a run directory, or null"),
        ({"reference": "a\0b"}, "reference is 'a\\x00b', not a run directory, or null"),
        ({"n": {"forget": 1, "retain": 2}}, "n is {'forget': 1, 'retain': 2}, not the numbers of forget, retain and"),
        ({"n": {"forget": "1", "retain": 2, "test": 3}}, "n.forget is '1', not a whole number"),
        ({"before": {"UA": 1.0}}, "before is {'UA': 1.0}, not UA to MIA, or null"),
        ({"validation": {"AG": -1}}, f"validation.AG is -1, not {PERCENT}"),
        ({"runtime": {"training": -1}}, "runtime is {'training': -1}, not a group of seconds"),
        ({"hardware": None}, "hardware is None, not a group"),
        ({"versions": {"torch": 2.15}}, "versions.torch is 2.15, not a line of text, or null"),
        ({"attack": {"seed": "0"}}, "attack.seed is '0', not a whole number"),
        (
            {"facts": {"alpha": float("inf")}},
            "facts is {'alpha': inf}, not a group of numbers and lines of text, or null",
        ),
        ({"facts": {"alpha": [1]}}, "facts is {'alpha': [1]}, not a group"),
        ({"notes": "few images"}, "notes is 'few images', not a list of sentences; write it again"),
        ({"notes": ["\n"]}, "notes is "),
        ({"by_class": {"TA": {"0": 101}}}, "by_class.TA is {'0': 101}, not a group of numbers from 0 to 100 or null"),
        ({"parameters": {"free": -1}}, "parameters.free is -1, not a whole number of 0 or more"),
        ({"\ud800": 1}, "one of its keys is not text; write it again"),
    ],
)
def test_metrics_refuse_another_form_and_name_the_key(content, says):
    with pytest.raises(Fault) as caught:
        check(content, Metrics)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("indices", [[1, 1], [-1], [True], [1.0], ["1"], [2**63], None, {"0": 1}, [[1]]])
def test_a_split_refuses_what_are_no_image_numbers(indices):
    with pytest.raises(Fault, match=r"^indices is .*, not a list of image numbers; write it again$"):
        check({"indices": indices}, Split)


def test_a_split_takes_what_runs_write():
    check({"indices": [3, 0, 2**63 - 1], "how": {"rate": 0.1}, "seed": 0, "train_size": 8, "sha256": "ab"}, Split)
    check({"indices": [], "how": None, "seed": None}, Split)


@pytest.mark.parametrize(("model", "keys"), [(Metrics, ("UA", "role", "n.forget", "parameters.changed")), (Split, ())])
def test_keys_are_documented_with_their_form_and_meaning(model, keys):
    head, rule, *rows = table(model).splitlines()
    assert (head, rule) == ("| key | value | meaning |", "|---|---|---|")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert {f"`{key}`" for key in (*keys, *model.model_fields)} <= {key for key, *_ in cells}
    for _, form, meaning in cells:
        assert form
        assert meaning[0].isupper()
        assert meaning.endswith(".")
