import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from sklearn.svm import SVC

from medunlearn.metrics import Feature, Part, attack, attack_calls, attack_sample, membership_inference

FEATURES = get_args(Feature)
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
GROUPS = ("member", "nonmember", "forget")


def softmax_outputs(count, seed, sharpness, classes=4):
    """Probabilities and labels of a made-up model that is right the more often the larger `sharpness` is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += sharpness
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels


def three_groups():
    """Unequal groups that overlap, as `membership_inference` takes them."""
    return *softmax_outputs(60, 1, 4.0), *softmax_outputs(45, 2, 1.5), *softmax_outputs(37, 3, 3.0)


def constant(row, count, label=0):
    return np.tile(np.array(row, dtype=np.float32), (count, 1)), np.full(count, label)


def by_hand(probs, labels, feature):
    """The features once more, one row at a time."""
    rows = list(zip(probs.astype(np.float64), labels, strict=True))
    return np.array(
        {
            "confidence": [[row[label]] for row, label in rows],
            "correctness": [[float(all(row[label] >= other for other in row))] for row, label in rows],
            "entropy": [[-sum(p * np.log(p) for p in row if p > 0)] for row, label in rows],
            "prob": [list(row) for row, label in rows],
        }[feature]
    )


@pytest.mark.parametrize("solver", ["interior_point", "libsvm"])
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("name", ["blood_like", "path_like"])
def test_attack_equals_the_reference_to_the_last_digit(name, feature, solver):
    path = REFERENCE / f"svc_mia_{name}.npz"
    if not path.is_file():
        pytest.skip(f"the reference values {path} lie outside the repository and are not here")
    with np.load(path) as stored:
        groups = [stored[f"{group}_{kind}"] for group in GROUPS for kind in ("probs", "labels")]
        expected = float(stored[f"expected_{feature}"])
    assert membership_inference(*groups, feature=feature, solver=solver) == expected


@pytest.mark.parametrize("feature", FEATURES)
def test_attack_equals_a_support_vector_machine_fitted_by_hand(feature):
    groups = three_groups()
    member, nonmember, forget = (by_hand(groups[i], groups[i + 1], feature) for i in (0, 2, 4))
    gamma = 1 / member.shape[1]
    machine = SVC(C=3, gamma=gamma).fit(np.vstack([member, nonmember]), ["in"] * len(member) + ["out"] * len(nonmember))
    expected = np.mean(machine.predict(forget) == "out")
    assert 0.05 < expected < 0.95  # or the comparison would mean little
    assert membership_inference(*groups, feature=feature) == pytest.approx(expected, abs=1e-12)


def test_default_feature_is_the_papers():
    groups = three_groups()
    values = {feature: membership_inference(*groups, feature=feature) for feature in FEATURES}
    assert membership_inference(*groups) == values["confidence"]
    assert len(set(values.values())) == len(FEATURES)  # no two features are the same thing


def test_features_of_four_rows_are_those_worked_out_on_paper():
    # Members have entropy 0 and are right; non-members are uniform and, at label 1, wrong. The forget set has one of
    # each in every feature.
    certain, uniform = [1.0, 0.0], [0.5, 0.5]
    members, outsiders = constant(certain, 10, label=0), constant(uniform, 10, label=1)
    forget = np.array([certain, uniform, uniform, uniform], dtype=np.float32), np.array([0, 1, 1, 1])
    for feature in FEATURES:
        assert membership_inference(*members, *outsiders, *forget, feature=feature) == 0.75


@pytest.mark.parametrize("feature", FEATURES)
def test_forget_set_like_members_gives_0_and_like_nonmembers_1(feature):
    members, outsiders = constant([1, 0, 0, 0], 30), constant([0.25] * 4, 30, label=2)
    assert membership_inference(*members, *outsiders, *constant([1, 0, 0, 0], 7), feature=feature) == 0
    assert membership_inference(*members, *outsiders, *constant([0.25] * 4, 7, label=2), feature=feature) == 1


@pytest.mark.parametrize("feature", FEATURES)
def test_attack_does_not_depend_on_the_order_of_rows(feature):
    groups = three_groups()
    order = {count: np.random.default_rng(count).permutation(count) for count in map(len, groups)}
    assert membership_inference(*groups, feature=feature) == pytest.approx(
        membership_inference(*(array[order[len(array)]] for array in groups), feature=feature), abs=1e-12
    )


def test_arguments_stay_as_they_are():
    groups = three_groups()
    before = [array.copy() for array in groups]
    for feature in FEATURES:
        membership_inference(*groups, feature=feature)
    assert all(np.array_equal(was, now) for was, now in zip(before, groups, strict=True))


@pytest.mark.parametrize("place", range(3))
def test_shapes_that_do_not_match_are_refused_by_name(place):
    name = GROUPS[place]
    groups = list(three_groups())
    groups[2 * place + 1] = groups[2 * place + 1][:-1]
    probs, labels = groups[2 * place : 2 * place + 2]
    message = (
        f"Expected `{name}_probs` of shape (N, C) and `{name}_labels` of shape (N,), "
        f"but got {probs.shape} and {labels.shape}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        membership_inference(*groups)


def test_labels_in_a_column_and_probabilities_without_classes_are_refused():
    groups = list(three_groups())
    with pytest.raises(ValueError, match=r"but got \(60, 4\) and \(60, 1\)$"):
        membership_inference(groups[0], groups[1][:, None], *groups[2:])
    with pytest.raises(ValueError, match=r"but got \(60,\) and \(60,\)$"):
        membership_inference(groups[0][:, 0], *groups[1:])


@pytest.mark.parametrize("place", range(3))
def test_empty_group_is_refused_by_name(place):
    groups = list(three_groups())
    groups[2 * place : 2 * place + 2] = np.empty((0, 4), np.float32), np.empty(0, np.int64)
    with pytest.raises(ValueError, match=f"^Expected `{GROUPS[place]}_probs` to hold at least one row, but got none$"):
        membership_inference(*groups)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_rather_than_scored(place, value):
    groups = list(three_groups())
    groups[2 * place][5, 1] = value
    message = f"Expected `{GROUPS[place]}_probs` to be finite; the model has diverged: lower the learning rate"
    for feature in FEATURES:
        with pytest.raises(ValueError, match=f"^{message}$"):
            membership_inference(*groups, feature=feature)


def test_unknown_feature_is_refused_with_the_known_ones():
    message = f"Expected argument `feature` to be one of {FEATURES}, but got 'm_entropy'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        membership_inference(*three_groups(), feature="m_entropy")


@pytest.mark.parametrize(("members", "nonmembers"), [(50, 20), (20, 50), (30, 30), (1, 9)])
def test_sample_has_equal_counts_sorted_without_repetition_and_the_smaller_side_whole(members, nonmembers):
    count = min(members, nonmembers)
    for drawn, total in zip(attack_sample(members, nonmembers, seed=3), (members, nonmembers), strict=True):
        assert len(drawn) == count
        assert (np.diff(drawn) > 0).all()
        assert drawn.min() >= 0
        assert drawn.max() < total
        if total == count:
            assert drawn.tolist() == list(range(total))


def test_sample_hangs_on_the_seed_alone():
    first, again, other = (attack_sample(200, 40, seed)[0].tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other
    np.random.seed(0)  # noqa: NPY002  the global generator must not matter
    assert attack_sample(200, 40, 5)[0].tolist() == first
    assert attack_sample(200, 40)[0].tolist() == attack_sample(200, 40, 0)[0].tolist()


def test_sample_is_uniform_over_the_larger_side():
    times = np.zeros(20)
    for seed in range(400):
        times[attack_sample(20, 5, seed)[0]] += 1
    # 100 expected of each, standard deviation 8.7.
    assert times.min() > 60
    assert times.max() < 140


def parts(members=80, nonmembers=30, forget=23):
    """The parts as `attack` takes them; their rows are numbers of images, not places in the arrays."""
    made = [softmax_outputs(members, 1, 4.0), softmax_outputs(nonmembers, 2, 1.5), softmax_outputs(forget, 3, 3.0)]
    return [Part(*group, rows=np.arange(len(group[1])) * 7 + 1000) for group in made]


@pytest.mark.parametrize(("members", "nonmembers"), [(80, 30), (30, 80)])
@pytest.mark.parametrize("feature", FEATURES)
def test_attack_is_a_percentage_on_the_samples(members, nonmembers, feature):
    retain, test, forget = parts(members, nonmembers)
    inside, outside = attack_sample(members, nonmembers, seed=4)
    samples = (retain.probs[inside], retain.labels[inside], test.probs[outside], test.labels[outside])
    share = membership_inference(*samples, forget.probs, forget.labels, feature)
    assert attack(retain, test, forget, feature, seed=4) == pytest.approx(100 * share, abs=1e-9)
    assert 1 < attack(retain, test, forget, feature, seed=4) < 100


def test_attack_has_no_noise_behind_the_last_digit():
    certain, uniform = [1.0, 0.0], [0.5, 0.5]
    retain, test = (Part(*constant(row, 20), rows=np.arange(20)) for row in (certain, uniform))
    for outsiders in range(26):
        probs = np.array([uniform] * outsiders + [certain] * (25 - outsiders), dtype=np.float32)
        assert attack(retain, test, Part(probs, np.zeros(25, np.int64), np.arange(25))) == 4 * outsiders


def test_attack_defaults_to_confidence_and_seed_0():
    retain, test, forget = parts()
    assert attack(retain, test, forget) == attack(retain, test, forget, "confidence", 0)
    # Were the samples not seeded by the argument, no seed would change the value.
    assert len({attack(retain, test, forget, seed=seed) for seed in range(12)}) > 1


@pytest.mark.parametrize("label", [-1, 2, 0.5])
def test_a_label_that_is_no_class_is_refused(label):
    groups = [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])] * 2
    with pytest.raises(ValueError, match="Expected `forget_labels` to be whole numbers from 0 to 1"):
        membership_inference(*groups, groups[0], np.array([0, label]))


@pytest.mark.parametrize("feature", FEATURES)
def test_attack_says_of_each_image_what_its_share_is_of(feature):
    retain, test, forget = (
        Part(*softmax_outputs(*each), np.arange(each[0])) for each in ((60, 1, 4.0), (45, 2, 1.5), (37, 3, 3.0))
    )
    called = attack_calls(retain, test, forget, feature, seed=2)
    assert (called.shape, called.dtype) == ((37,), bool)
    assert 100 * called.mean() == pytest.approx(attack(retain, test, forget, feature, seed=2), abs=1e-9)
    turned = attack_calls(retain, test, forget.take(np.arange(37)[::-1]), feature, seed=2)
    assert np.array_equal(turned, called[::-1])
