"""The README's first table, printed from the evidence's results."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"
BAND = {"10": 1.0, "50": 0.5}


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(EVIDENCE))
    yield import_module("front_table")
    for name in ("front_table", "methods_table", "cases_table"):
        sys.modules.pop(name, None)


def row(run, role, gap, proxy="", **more):
    rate, seed = run.removesuffix("_twin").rsplit("_", 2)[1:]
    own = {
        "run": f"runs/evidence/{run}",
        "role": role,
        "AG": str(gap),
        "proxy": str(proxy),
        "epochs": "3.0",
        "RTE_minutes": "0.5",
    }
    own |= {"method": run.split("_")[0].title(), "forgotten": f"{rate} %", "augmentation": "Default"}
    own["reference"] = f"runs/evidence/retrain_{rate}_{seed}"
    return own | {"split_sha256": f"{rate} {seed}", "band": str(BAND[rate])} | more


def results():
    rows = []
    for seed in range(3):
        for rate in BAND:
            rows.append(row(f"retrain_{rate}_{seed}", "retrained", 0.0, epochs="50.0", RTE_minutes="10"))
            rows.append(row(f"retrain_{rate}_{seed}_twin", "retrained", BAND[rate], epochs="50.0", RTE_minutes="99"))
            rows.append(row(f"train_{rate}_{seed}", "original", 4.0 + seed))
            rows.append(row(f"paper_salun_{rate}_{seed}", "unlearned", 2.0, 0.1, method="SalUn (lr 0.003)"))
            rows.append(row(f"tuned_best_{rate}_{seed}", "unlearned", 0.2 * (1 + seed), 0.5, method="Best (lr 1)"))
            rows.append(row(f"best_{rate}_{seed}", "unlearned", 0.1, 0.2))
            rows.append(row(f"second_{rate}_{seed}", "unlearned", 3.0, 0.6, epochs=f"{int(rate) / 10:g}"))
            rows.append(row(f"third_{rate}_{seed}", "unlearned", 5.0, 0.7))
            rows.append(row(f"fourth_{rate}_{seed}", "unlearned", 0.01, 0.8))
            rows.append(row(f"regun_{rate}_{seed}", "unlearned", 0.01, 0.01, method="ReGUn"))
    rows.append(row("partial_10_0", "unlearned", 0.0, 0.0))
    rows.append(row("second_10_0", "unlearned", 99.0, 0.0, augmentation="NoAug"))
    return rows


def test_the_three_nearest_are_shown_each_method_once_with_mean_and_deviation(script):
    assert script.table(results()).splitlines()[2:] == [
        "| Retrain, another seed | 1.00 ± 0.00 | 0.50 ± 0.00 | 50 | 100 % | 100 % | |",
        "| untouched model | 5.00 ± 1.00 | 5.00 ± 1.00 | 0 | 0 % | 0 % | |",
        "| SalUn | 2.00 ± 0.00 | 2.00 ± 0.00 | 3 | 5.0 % | 5.0 % | the paper |",
        "| Fourth | **0.01 ± 0.00** | **0.01 ± 0.00** | 3 | 5.0 % | 5.0 % | its recipe |",
        "| Best | **0.10 ± 0.00** | **0.10 ± 0.00** | 3 | 5.0 % | 5.0 % | its recipe |",
        "| Second | 3.00 ± 0.00 | 3.00 ± 0.00 | 1, 5 | 5.0 % | 5.0 % | its recipe |",
    ]


def test_all_methods_that_ran_on_every_seed_can_be_shown(script):
    shown = script.table(results(), every=True)
    assert "| Fourth | **0.01 ± 0.00** |" in shown
    assert "Regun" not in shown and "Partial" not in shown
    one = [each for each in results() if "fourth_50" not in each["run"]]
    assert "| Fourth | **0.01 ± 0.00** | - | 3 | 5.0 % | - | its recipe |" in script.table(one, every=True)


def test_the_gap_of_each_seed_can_be_shown(script):
    shown = script.table(results(), every=True, shown=script.by_seed)
    assert "| untouched model | 4.00, 5.00, 6.00 | 4.00, 5.00, 6.00 |" in shown
    assert "| Best | **0.20, 0.40, 0.60** |" in shown


def test_runs_of_a_search_that_kept_the_recipe_are_those_of_the_recipe(script):
    rows = [each for each in results() if "/best_50" not in each["run"]]
    shown = script.table(rows, every=True)
    assert "| Best | **0.10 ± 0.00** | **0.40 ± 0.20** | 3 | 5.0 % | 5.0 % | its recipe |" in shown
    assert "| Best | **0.40 ± 0.20** | **0.40 ± 0.20** | 3 | 5.0 % | 5.0 % | proxy gap, seed 0 |" in shown
    rows = [each for each in results() if "/best_" not in each["run"]]
    shown = script.table(rows, every=True)
    line = "| Best | **0.40 ± 0.20** | **0.40 ± 0.20** | 3 | 5.0 % | 5.0 % | its recipe, kept by the search |"
    assert line in shown and "seed 0" not in shown


def test_gaps_and_bands_can_be_those_of_the_median_draw(script):
    found = [("second_10_1", "retrain_10_1", 0.9), ("retrain_10_1_twin", "retrain_10_1", 1.6)]
    draws = [{"run": run, "reference": reference, "AG_median": str(gap)} for run, reference, gap in found]
    shown = script.table(script.with_medians(results(), draws), shown=script.by_seed)
    assert "| Second | 3.00, 0.90, 3.00 | 3.00, 3.00, 3.00 |" in shown
    assert "| Retrain, another seed | 1.00, 1.60, 1.00 | 0.50, 0.50, 0.50 |" in shown


def test_bold_is_within_the_band_alone(script):
    rows = [each | {"AG": "0.6"} if "tuned_best" in each["run"] else each for each in results()]
    assert "| Best | **0.60 ± 0.00** | 0.60 ± 0.00 |" in script.table(rows, every=True)


def test_the_page_of_the_evidence_has_the_tables_of_the_committed_results(script):
    page = (EVIDENCE / "README.md").read_text()
    rows = script.read(script.RESULTS)
    medians = script.with_medians(rows, script.read(script.RESULTS.with_name("attack_draws.csv")))
    assert script.table(medians, every=True) + "\n\n" in page
    assert script.table(medians, every=True, shown=script.by_seed) + "\n\n" in page
    assert "\n".join(import_module("cases_table").lines(medians)) + "\n\n" in page
    assert script.table(rows, every=True) + "\n\n" in page


def test_cases_of_one_seed_stand_in_a_table_of_their_own(script):
    def of(case, run, role, gap, **more):
        own = {"run": f"e/{run}_{case}_0", "reference": f"e/retrain_{case}_0", "UA": str(2 * gap)}
        return row(f"{run}_10_0", role, gap) | own | more

    runs = [of(case, "retrain", "retrained", 0.0) for case in ("1", "class", "noaug", "10")]
    runs.append(row("train_10_0", "original", 4.0) | {"UA": "1", "reference": "e/retrain_class_0"})
    runs += [of("class", "tuned_best", "unlearned", 1.0), of("1", "tuned_best", "unlearned", 2.0)]
    runs.append(of("noaug", "paper_salun", "unlearned", 9.0, method="SalUn (lr 0.003)"))
    runs += [of("noaug", "salun", "unlearned", 0.5), of("10", "salun", "unlearned", 0.1)]
    assert [*import_module("cases_table").lines(runs)][2:] == [
        "| Retrain | 0.00 (0.0) | 0.00 (0.0) | 0.00 (0.0) | - |  |",
        "| untouched model | - | 4.00 (1.0) | - | - |  |",
        "| Salun | - | - | 0.50 (1.0) | - | its recipe |",
        "| Tuned | 2.00 (4.0) | 1.00 (2.0) | - | - | proxy gap, 10 % |",
        "| SalUn | - | - | 9.00 (18.0) | - | the paper |",
    ]
