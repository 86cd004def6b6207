"""Settings of the evidence that ran on every seed, by their mean proxy gap."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from medunlearn.plans.options import setting

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(EVIDENCE))
    yield import_module("grid")
    for name in ("grid", "run", "jobs", "attack_draws"):
        sys.modules.pop(name, None)


def rows(settings, proxies, gaps, name="fine_tune", case="10"):
    found = zip(range(3), proxies, gaps, strict=False)
    same = {"method": name, "case": case, "settings": settings}
    return [{**same, "seed": seed, "proxy": str(proxy), "AG_median": str(gap)} for seed, proxy, gap in found]


def test_settings_stand_by_mean_proxy_gap_and_each_methods_least_is_bold(script):
    found = [
        *rows("5, 0.1", (1, 2, 3), (1.0, 1.0, 4.0)),
        *rows("5, 0.2", (1, 1, 1), (5.0, 5.0, 5.0)),
        *rows("recipe", (0, 0), (0, 0)),  # not on every seed
        *rows("5, 0.1", (3, 3, 3), (1.0, 2.0, 3.0), case="50"),
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in script.table(found).splitlines()[2:]]
    assert cells == [
        ["fine_tune", "10 %", "**5, 0.2**", "1.00", "5.00 ± 0.00"],
        ["fine_tune", "10 %", "5, 0.1", "2.00", "2.00 ± 1.73"],
        ["fine_tune", "50 %", "**5, 0.1**", "3.00", "2.00 ± 1.00"],
    ]


def test_recipes_and_what_the_searches_found_stand_beside_them(script):
    proxies = [
        {"run": "tuned_fine_tune_10_2", "AG_median": "1.5", "curve_attack": "0.5"},
        {"run": "fine_tune_50_0", "AG_median": "2.5", "curve_attack": "0.25"},
        {"run": "scrub_50_0", "AG_median": "0", "curve_attack": "0"},
    ]
    assert [(row["case"], row["settings"], row["seed"], row["proxy"]) for row in script.known(proxies)] == [
        ("10", "tuned on seed 0", "2", "0.5"),
        ("50", "recipe", "0", "0.25"),
    ]


def test_a_varied_run_is_the_recipe_with_other_settings_in_a_place_of_its_own(script, monkeypatch):
    run = import_module("run")
    monkeypatch.setattr(run, "stage_job", lambda stage, *needs: stage)
    changed = {"model.init_args.lr": 0.5, "trainer.max_epochs": 2}
    stage = run.Evidence(Path("d.npz"), Path("e")).varied("kernel_transpose", "50", 1, Path("g/x"), **changed)
    assert str(stage.run) == "g/x"
    names = ("model.init_args.lr", "trainer.max_epochs", "data.forget.rate", "model.init_args.original")
    assert [setting(stage.settings, name) for name in names] == [0.5, 2, 0.5, "e/train_1"]


def test_page_has_the_table_of_the_committed_figures(script):
    found = [*script.read(script.RESULTS / "grid.csv"), *script.known(script.read(script.RESULTS / "proxies.csv"))]
    assert script.table(found) in (EVIDENCE / "README.md").read_text()
