"""Figures from made-up margins: known AUC, chance, intervals, and distances to Retrains."""

import numpy as np
import pytest
from helpers.margins import shadows
from scipy.special import ndtr

from medunlearn.metrics import forgetting_quality, klom
from medunlearn.ulira.design import Design
from medunlearn.ulira.figures import figures
from medunlearn.ulira.observed import Observed
from medunlearn.ulira.study import rows

PAIRS = np.arange(32) // 2


def test_auc_of_a_leak_is_found_with_an_interval_and_lies_above_chance():
    found = figures(*shadows(32, 100, 1.0), PAIRS, draws=60)
    low, high = found["auc_interval"]
    assert low < found["auc"] < high
    assert found["auc"] == pytest.approx(ndtr(1 / np.sqrt(2)), abs=0.03)
    assert found["auc"] > found["auc_chance"][1]
    assert found["auc_chance"][0] < 0.5 < found["auc_chance"][1]
    assert (found["forgotten"], found["unseen"], found["pooled"]) == (1600, 1600, True)
    assert found["tpr@0.01"] > found["tpr@0.01_chance"][1]
    assert [found[name] for name in ("models", "quality", "klom", "klom_95")] == [None] * 4


def test_chance_holds_95_of_100_studies_without_a_leak():
    studies = [figures(*shadows(4, 12, 0.0, seed), PAIRS[:4], draws=39) for seed in range(50)]
    inside = [low <= found["auc"] <= high for found in studies for low, high in [found["auc_chance"]]]
    assert 42 <= sum(inside) < 50, "fewer are a chance of 1 in 300, and all of 1 in 13"


def test_few_unseen_images_show_no_low_rate():
    found = figures(*shadows(4, 20, 0.0), PAIRS[:4], draws=9)
    assert found["unseen"] == 40
    assert found["tpr@0.1"] is not None
    assert found["tpr@0.01"] is found["tpr@0.01_interval"] is found["tpr@0.01_chance"] is None


def test_distances_to_retrains_are_those_of_the_metrics():
    forgotten, unseen = shadows(8, 10, 1.0)
    oracle = shadows(8, 10, 0.0, seed=1)[1]
    found = figures(forgotten, unseen, PAIRS[:8], oracle, draws=9)
    sides = [np.stack([each[~np.isnan(each)] for each in side.T], axis=1) for side in (forgotten, oracle)]
    assert found["models"] == 4
    assert found["quality"] == forgetting_quality(*sides)
    assert found["klom"] == pytest.approx(klom(*sides).mean())
    assert found["klom_95"] == pytest.approx(np.quantile(klom(*sides), 0.95))


def test_distances_take_as_many_models_as_every_image_has():
    forgotten, unseen = shadows(8, 10, 1.0)
    forgotten[:2] = unseen[:2] = np.nan
    assert figures(forgotten, unseen, PAIRS[:8], unseen, draws=3)["models"] == 3
    forgotten[2:4] = unseen[2:4] = np.nan
    assert figures(forgotten, unseen, PAIRS[:8], unseen, draws=3)["quality"] is None


def test_a_study_of_one_pair_of_finished_shadows_has_no_figures():
    forgotten, unseen = shadows(4, 6, 1.0)
    forgotten[2:] = unseen[2:] = np.nan
    found = figures(forgotten, unseen, PAIRS[:4], draws=3)
    assert [found[name] for name in ("auc", "auc_interval", "auc_chance", "tpr@0.1")] == [None] * 4


def test_rows_are_of_configs_with_a_finished_run_against_retrains_that_never_saw_the_image():
    design = Design(8, 1, 5, 0, 40)

    def made(name, role, apart, seed):
        return Observed(name, *shadows(8, 10, apart, seed), role=role, method="M", runs=8)

    found = [made("o", "original", 3.0, 0), made("g", "retrained", 0.0, 1), made("u", "unlearned", 1.0, 2)]
    nothing = Observed("n", *np.full((2, 8, 10), np.nan))
    found_rows = rows([*found, nothing], design)
    assert [row["run"] for row in found_rows] == ["o", "g", "u"]
    assert [row["models"] for row in found_rows] == [4, 4, 4]
    sides = [
        np.stack([each[~np.isnan(each)] for each in side.T], axis=1) for side in (found[1].forgotten, found[1].unseen)
    ]
    assert found_rows[1]["klom"] == pytest.approx(klom(*sides).mean()), "Retrains against Retrains: the floor"
    assert "quality" in found_rows[2]
