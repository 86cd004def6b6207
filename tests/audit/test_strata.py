"""Forget sets by memorisation, from run directories whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
from helpers.audited import FORGOTTEN, family, predictions, run

from medunlearn.__main__ import main
from medunlearn.audit.strata import Memorisation, memorisation


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made(scores):
    scores = np.array(scores)
    rows = np.arange(10, 10 + len(scores))
    return Memorisation(rows, rows % 2, scores, np.zeros(len(scores)), np.ones(len(scores), int))


def test_scores_are_the_original_less_the_mean_of_those_that_left_the_image_out():
    _, retrains = family(retrains=2)
    half = run("runs/half", "Retrain", 31, forgotten=FORGOTTEN[:40])
    found = memorisation("runs/train", [*retrains, half])
    assert found.rows.tolist() == FORGOTTEN.tolist()
    assert found.models.tolist() == [3] * 40 + [2] * 40

    def true(part):
        return part.probs[np.arange(len(part.labels)), part.labels].astype(np.float64)

    inside = true(predictions(1, learned_forget=3.0).forget)
    outside = [true(predictions(seed).forget) for seed in (10, 11)]
    third = true(predictions(31, forgotten=FORGOTTEN[:40]).forget)
    expected = inside[40:] - (outside[0] + outside[1])[40:] / 2
    np.testing.assert_allclose(found.scores[40:], expected, rtol=1e-6)
    np.testing.assert_allclose(
        found.scores[:40], inside[:40] - (outside[0][:40] + outside[1][:40] + third) / 3, rtol=1e-6
    )


def test_strata_are_the_ends_and_the_middle():
    found = made([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6]).strata(3)
    assert found["low"].tolist() == [11, 13, 15]
    assert found["middle"].tolist() == [10, 17, 18]
    assert found["high"].tolist() == [12, 14, 16]


def test_files_are_forget_sets_and_a_row_an_image(capsys):
    family(retrains=2)
    argv = ["strata", "runs/train", "--out_of", "runs/retrain_0", "runs/retrain_1", "--count", "20", "--out", "out"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    rows = {
        name: [int(row) for row in Path(f"out/{name}.txt").read_text().split()] for name in ("low", "middle", "high")
    }
    assert all(f"out/{name}.txt" in printed for name in rows)
    assert len({row for each in rows.values() for row in each}) == 60
    lines = Path("out/strata.csv").read_text().splitlines()
    assert lines[0] == "index,label,inside,outside,memorisation,models"
    scores = {int(line.split(",")[0]): float(line.split(",")[4]) for line in lines[1:]}
    assert len(scores) == len(FORGOTTEN)
    assert max(scores[row] for row in rows["low"]) <= min(scores[row] for row in rows["high"])
