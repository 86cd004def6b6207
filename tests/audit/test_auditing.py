"""What an audit finds of models whose answers are known. (The arithmetic: `tests/metrics/`.)"""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.audited import FORGOTTEN, TEST, family, predictions, run
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from medunlearn.audit import Settings, audit, read_subjects
from medunlearn.audit.attacks import rmia_scores
from medunlearn.audit.distances import between, by_jensen_shannon, to_retrains
from medunlearn.metrics import bootstrap_mean, interval
from medunlearn.runs import RunDir

QUICK = Settings(draws=200)
FORGET = "Does it answer as Retrain: forgotten images?"
TELL = "Can forgotten images be recognised?"
LIST = "Can one who has both models list them?"
TEST_IMAGES = "Does it answer as Retrain: test images?"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def audited(settings=QUICK, against=(), **unlearned):
    own, retrains = family(**unlearned)
    (found,) = audit(read_subjects([own, *retrains], against), settings)
    return found


def answers(found):
    return {verdict.question: verdict.answer for verdict in found.verdicts}


def row_of(found, model="SalUn", attack="margin", part="forget"):
    (row,) = [each for each in found.attacks if (each.model, each.attack, each.part) == (model, attack, part)]
    return row


def test_a_model_as_a_retrain_is_inside_every_band():
    found = audited()
    assert set(answers(found).values()) == {"inside"}, answers(found)
    assert 0.4 < row_of(found).auc < 0.6


def test_a_model_that_has_forgotten_nothing_is_outside():
    found = audited(learned_forget=3.0)
    assert answers(found)[TELL] == "outside"
    assert answers(found)[FORGET] == "outside"
    assert answers(found)[TEST_IMAGES] == "inside"
    reasons = {verdict.question: verdict.reason for verdict in found.verdicts}
    assert reasons[LIST] == "margins have fallen less than a Retrain's: it still knows them"
    assert row_of(found).auc > 0.9
    by_part = {(row.part, row.measure): row for row in found.distances}
    assert by_part["forget", "Jensen-Shannon"].relative == pytest.approx(1, abs=0.2)


def test_a_model_that_has_forgotten_too_much_is_outside_too():
    found = audited(learned_forget=-3.0)
    assert answers(found)[TELL] == "outside"
    assert row_of(found).auc < 0.2
    reasons = {verdict.question: verdict.reason for verdict in found.verdicts}
    assert reasons[TELL] == "below the band of Retrains: a trace of unlearning too"


def test_damage_elsewhere_is_seen_where_it_is():
    found = audited(damage=2.0)
    assert answers(found)[TEST_IMAGES] == "outside"
    assert answers(found)[FORGET] == "inside"


def test_what_would_pass_the_untouched_model_is_not_answered():
    """An original that has hardly learned the forget set: no attack tells it from a Retrain."""
    run("runs/train", "Train", 1, forgotten=np.arange(0), learned_forget=0.05)
    retrains = [run(f"runs/retrain_{at}", "Retrain", 10 + at) for at in range(3)]
    own = run("runs/own", "SalUn", 5, original="runs/train", reference=retrains[0])
    (found,) = audit(read_subjects([own, *retrains]), QUICK)
    assert answers(found)[TELL] == "cannot tell"
    assert answers(found)[FORGET] == "cannot tell"
    assert answers(found)[TEST_IMAGES] == "inside"  # there the untouched model is as it should be


def test_without_a_second_retrain_there_is_no_band():
    found = audited(retrains=1)
    assert set(answers(found).values()) == {"cannot tell"}
    assert all("no band of Retrains" in verdict.reason for verdict in found.verdicts)
    assert {row.attack for row in found.attacks} >= {"margin", "difference", "RMIA"}
    assert not [row for row in found.attacks if row.attack == "LiRA"]


def test_without_a_retrain_the_attack_is_taken_to_chance_and_nothing_else_is_said():
    found = audited(retrains=0, learned_forget=3.0)
    assert answers(found)[TELL] == "outside"
    assert found.distances == []
    assert not [row for row in found.attacks if row.attack in ("RMIA", "LiRA")]


def test_figures_are_those_of_scikit_learn_and_scipy():
    found = audited(learned_forget=1.0)
    own, first = predictions(5, learned_forget=1.0), predictions(10)

    def margins(part):
        z, y = part.logits.astype(np.float64), part.labels
        others = np.where(np.arange(z.shape[1]) == y[:, None], -np.inf, z)
        return z[np.arange(len(y)), y] - np.log(np.exp(others).sum(1))

    inside, outside = margins(own.forget), margins(own.test)
    truth = np.repeat([1, 0], [len(inside), len(outside)])
    assert row_of(found).auc == pytest.approx(roc_auc_score(truth, np.concatenate([inside, outside])))
    assert row_of(found).n == (len(FORGOTTEN), TEST)
    others = [predictions(10 + at) for at in range(3)]
    expected = np.mean([jensenshannon(own.forget.probs, each.forget.probs, axis=1) ** 2 for each in others])
    by_part = {(row.part, row.measure): row for row in found.distances}
    assert by_part["forget", "Jensen-Shannon"].unlearned == pytest.approx(expected, rel=1e-4)
    differs = np.mean([own.test.probs.argmax(1) != each.test.probs.argmax(1) for each in others])
    assert by_part["test", "disagreement"].unlearned == pytest.approx(differs)
    assert first.forget.rows.tolist() == FORGOTTEN.tolist()


def test_the_gold_standard_passes_its_own_audit():
    """Each Retrain lies in the band of the others, most of the time: what is found of it is what chance allows."""
    found = audited(retrains=4)
    for attack in ("margin", "difference", "RMIA", "LiRA"):
        for number in range(1, 5):
            row = row_of(found, f"Retrain {number}", attack)
            values = [row_of(found, f"Retrain {other}", attack).auc for other in range(1, 5) if other != number]
            low, high = row.intervals["auc"]
            assert low <= max(values)
            assert high >= min(values)


def test_levels_that_so_few_images_cannot_show_are_left_out():
    figures = row_of(audited()).figures
    assert figures["tpr@0.1"] is not None
    assert figures["tpr@0.01"] is not None
    assert figures["tpr@0.001"] is None


def test_runs_without_logits_are_audited_by_what_they_have():
    found = audited(logits=False)
    assert {row.attack for row in found.attacks} == {"confidence", "entropy", "RMIA"}
    assert len([note for note in found.notes if "kept no logits" in note]) == 5
    assert json.dumps(found.content())


def test_non_members_of_another_source_are_named():
    found = audited(damage=3.0, retrains=0)
    assert not [note for note in found.notes if "measures shift" in note]
    retrains = [run(f"runs/retrain_{at}", "Retrain", 10 + at, damage=3.0) for at in range(2)]
    (shifted,) = audit(read_subjects(["runs/own", *retrains]), QUICK)
    (note,) = [note for note in shifted.notes if "measures shift" in note]
    assert "with an AUC of 0.9" in note or "with an AUC of 1.0" in note


def test_intervals_by_patient_are_wider_where_the_images_of_one_are_alike():
    own, retrains = family()
    subjects = read_subjects([own, *retrains])
    patients = {"train": np.arange(400) // 40, "test": np.arange(TEST) // 30}
    by_patient = [replace(each, groups=patients) for each in subjects]
    (alone,), (grouped,) = (audit(each, Settings(draws=200)) for each in (subjects, by_patient))
    assert row_of(alone).auc == row_of(grouped).auc
    assert row_of(alone).intervals["auc"] != row_of(grouped).intervals["auc"]


def test_classes_and_images_name_where_it_was_not_forgotten():
    found = audited(learned_forget=3.0)
    assert sorted(row.n for row in found.classes) == [20, 20, 20, 20]
    row = found.classes[0]
    assert row.interval[0] > 0
    assert row.auc > 0.9
    assert len(found.worst) == 10
    assert {image["index"] for image in found.worst} <= set(FORGOTTEN.tolist())
    assert [image["distance"] for image in found.worst] == sorted((i["distance"] for i in found.worst), reverse=True)


def test_without_non_members_nothing_is_attacked_and_a_note_says_so():
    own, retrains = family()
    made = RunDir(own)
    arrays = {
        name: array[:0] if name.startswith("test_") else array for name, array in predictions(5).to_arrays().items()
    }
    made.write_predictions(arrays)
    made.write_json(made.metrics, made.read_metrics("test") | {"files": made.hashes()})
    (found,) = audit(read_subjects([own, *retrains]), QUICK)
    assert found.attacks == []
    (note,) = found.notes
    assert note == "There are no test images, so nothing is attacked; --nonmembers val takes validation images"
    (other,) = audit(read_subjects([own, *retrains]), Settings("val", draws=50))
    assert row_of(other).n == (len(FORGOTTEN), 200)


def test_rmia_attacks_other_images_than_those_of_its_population():
    found = audited()
    (row,) = [each for each in found.attacks if (each.attack, each.model) == ("RMIA", "SalUn")]
    assert row.n == (len(FORGOTTEN), TEST // 2)
    own, retrains = found.subject.unlearned, list(found.subject.retrains)
    scores = rmia_scores(own, retrains, QUICK)
    order = np.random.default_rng(QUICK.seed).permutation(TEST)
    assert scores.nonmember_rows.tolist() == sorted(order[1::2].tolist())

    def ratio(part):
        def true(model):
            part_ = getattr(model.predictions, part)
            return part_.probs[np.arange(len(part_.labels)), part_.labels].astype(np.float64)

        return true(own) / ((1.3 * np.mean([true(each) for each in retrains], axis=0) + 0.7) / 2)

    population = ratio("test")[np.sort(order[::2])]
    np.testing.assert_allclose(scores.members, [(value > population).mean() for value in ratio("forget")])


def test_intervals_of_classes_hold_for_all_of_them_together():
    found = audited(learned_forget=3.0)
    rows = {row.name: row for row in found.classes}
    models = found.subject.unlearned, found.subject.retrains
    labels = found.subject.unlearned.predictions.forget.labels
    excess = to_retrains(*models, "forget", by_jensen_shannon) - between(models[1], "forget", by_jensen_shannon)
    for number in range(4):
        means = bootstrap_mean(excess[labels == number], QUICK.draws, QUICK.seed)
        assert rows[str(number)].interval == pytest.approx(interval(means, 1 - 0.05 / 4))
