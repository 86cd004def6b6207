"""The fast solver against libsvm, which solves the same problem another way."""

import numpy as np
import pytest
from sklearn.svm import SVC

from medunlearn.metrics import interior_point
from medunlearn.metrics.interior_point import nonmembers_by_interior_point
from medunlearn.metrics.membership import PENALTY, membership_inference, nonmembers_by_libsvm

KINDS = {
    "even": lambda rng, n: rng.random(n),
    "near one": lambda rng, n: 1 - 10.0 ** rng.uniform(-9, 0, n),
    "three values": lambda rng, n: rng.integers(0, 3, n) / 2,
    "rounded": lambda rng, n: np.round(rng.random(n), 1),
    "all alike": lambda rng, n: np.full(n, 0.3),
    "half saturated": lambda rng, n: np.where(rng.random(n) < 0.5, 1.0, rng.random(n)),
    "entropy": lambda rng, n: np.abs(rng.normal(0, 0.7, n)),
}


def confidences(rng, count, spread):
    """True-class probabilities as trained classifiers have them: most near 1, some anywhere."""
    return (1 - np.clip(rng.gamma(spread, 0.05, count), 0, 1)).astype(np.float32).astype(np.float64)[:, None]


def libsvm(samples, is_member, queries):
    """Decisions of libsvm solved nearly exactly, and how far from a tie each is."""
    machine = SVC(C=PENALTY, gamma=1 / samples.shape[1], tol=1e-6).fit(samples, is_member)
    return ~machine.predict(queries), np.abs(machine.decision_function(queries))


@pytest.mark.parametrize("kind", KINDS)
def test_solver_decides_as_libsvm_on_every_kind_of_feature(kind):
    solved = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        members, nonmembers, queries = rng.integers(1, 60, 3)
        samples = np.concatenate([KINDS[kind](rng, members), KINDS[kind](rng, nonmembers)])[:, None]
        is_member = np.repeat([True, False], [members, nonmembers])
        shown = KINDS[kind](rng, queries)[:, None]
        called = nonmembers_by_interior_point(samples, is_member, shown, PENALTY, 1.0)
        if called is None:
            continue  # not exact enough, which it reports: libsvm is used
        expected, distance = libsvm(samples, is_member, shown)
        differs = called != expected
        assert not differs[distance > 1e-5].any(), (kind, seed)
        solved += 1
    assert solved >= 30


def test_solver_decides_as_libsvm_in_two_dimensions():
    rng = np.random.default_rng(0)
    samples = np.concatenate([rng.random((200, 2)), 0.4 + rng.random((200, 2))])
    is_member = np.repeat([True, False], 200)
    queries = rng.random((500, 2)) * 1.4
    called = nonmembers_by_interior_point(samples, is_member, queries, PENALTY, 0.5)
    assert (called == libsvm(samples, is_member, queries)[0]).all()
    assert 0.2 < called.mean() < 0.8


@pytest.mark.parametrize("spreads", [(0.2, 0.4, 0.3), (1, 2, 1.5), (0.3, 0.3, 0.3)])
def test_solver_decides_as_libsvm_with_its_defaults_on_thousands(spreads):
    """What the issue of speed asks: the same decision for at least 99.99 % of the forget set."""
    rng = np.random.default_rng(5)
    members, nonmembers, forget = (confidences(rng, 2000, spread) for spread in spreads)
    samples, is_member = np.concatenate([members, nonmembers]), np.repeat([True, False], 2000)
    called = nonmembers_by_interior_point(samples, is_member, forget, PENALTY, 1.0)
    assert (called == nonmembers_by_libsvm(samples, is_member, forget)).mean() >= 0.9999
    assert 0 < called.mean() < 1


def test_equal_samples_may_be_merged():
    rng = np.random.default_rng(1)
    few = rng.random((30, 1))
    samples, is_member = np.tile(few, (4, 1)), np.tile(rng.random(30) < 0.5, 4)
    queries = rng.random((200, 1))
    merged = nonmembers_by_interior_point(samples, is_member, queries, PENALTY, 1.0)
    heavier = nonmembers_by_interior_point(few, is_member[:30], queries, 4 * PENALTY, 1.0)
    assert (merged == heavier).all()
    assert (merged == libsvm(samples, is_member, queries)[0]).all()


def test_a_kernel_of_large_rank_is_left_to_libsvm():
    rng = np.random.default_rng(2)
    samples, is_member = rng.random((600, 9)), np.repeat([True, False], 300)
    assert nonmembers_by_interior_point(samples, is_member, samples[:5], PENALTY, 1 / 9) is None


def test_the_attack_falls_back_to_libsvm(monkeypatch):
    rng = np.random.default_rng(3)
    groups = []
    for spread in (0.2, 0.4, 0.3):
        confidence = confidences(rng, 300, spread)
        groups += [np.concatenate([confidence, 1 - confidence], axis=1), np.zeros(300, dtype=np.int64)]
    expected = membership_inference(*groups, solver="libsvm")
    assert 0 < expected < 1
    monkeypatch.setattr(interior_point, "ITERATIONS", 0)
    assert membership_inference(*groups) == expected


def test_libsvm_as_an_option_never_meets_the_fast_solver(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("the interior-point method was called")

    groups = [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0])] * 3
    monkeypatch.setattr("medunlearn.metrics.membership.nonmembers_by_interior_point", fail)
    membership_inference(*groups, solver="libsvm")
    with pytest.raises(AssertionError, match="was called"):
        membership_inference(*groups)


def test_an_unknown_solver_is_refused():
    groups = [np.array([[0.9, 0.1]]), np.array([0])] * 3
    with pytest.raises(ValueError, match=r"Expected argument `solver` to be one of .*, but got 'sgd'"):
        membership_inference(*groups, solver="sgd")
