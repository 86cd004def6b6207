"""The poison of a study: the noise as it is drawn, what is left of it in the pixels, and the files that hold both."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from medunlearn.data.npz import read_npz
from medunlearn.data.synthetic import synthetic_data
from medunlearn.poisoning.poison import Folder, Poison

DATA = synthetic_data(size=8, counts={"train": 32, "val": 8, "test": 12})
GRAY = replace(
    DATA,
    class_names=None,
    **{
        name: replace(part, images=part.images[..., 0].copy())
        for name, part in vars(DATA).items()
        if name in ("train", "val", "test")
    },
)
INDEX = np.array([1, 4, 5, 30])


def test_noise_is_normal_with_the_scale_and_of_the_seed():
    poison = Poison.drawn(DATA, INDEX, 0.1, seed=3)
    assert poison.noise.shape == (4, 8, 8, 3)
    assert kstest(poison.noise.ravel() / 0.1, "norm").pvalue > 0.05
    assert np.array_equal(poison.noise, Poison.drawn(DATA, INDEX, 0.1, seed=3).noise)
    assert not np.array_equal(poison.noise, Poison.drawn(DATA, INDEX, 0.1, seed=4).noise)


@pytest.mark.parametrize("data", [DATA, GRAY], ids=["colour", "gray"])
def test_poisoned_images_are_rounded_and_clipped_and_no_other_is_touched(data):
    poison = Poison.drawn(data, INDEX, 0.5, seed=0)
    applied = poison.applied(data)
    exact = data.train.images[INDEX] + 255.0 * poison.noise.astype(np.float64)
    assert np.abs(applied.train.images[INDEX] - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-4
    assert np.isin(applied.train.images[INDEX], [0, 255]).any(), "some are clipped"
    others = np.setdiff1d(np.arange(32), INDEX)
    assert np.array_equal(applied.train.images[others], data.train.images[others])
    assert applied.val is data.val
    assert applied.test is data.test
    assert np.array_equal(applied.train.labels, data.train.labels)
    left = applied.train.images[INDEX].astype(float) - data.train.images[INDEX]
    assert poison.added(poison.noise) == pytest.approx(left / 255, abs=1e-6)


def test_fresh_draws_are_of_the_same_kind_and_differ_from_the_noise_and_from_each_other():
    poison = Poison.drawn(DATA, INDEX, 0.05, seed=0)
    one, two = poison.fresh(2)
    assert one.shape == two.shape == poison.noise.shape
    for first, second in ((one, two), (one, poison.added(poison.noise))):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1
    assert np.array_equal(next(poison.fresh(5)), one), "the first draws do not depend on their number"


@pytest.mark.parametrize("data", [DATA, GRAY, DATA.without_test()], ids=["colour", "gray", "untested"])
def test_folder_keeps_the_poison_and_a_data_file_that_runs_can_read(data, tmp_path):
    folder = Folder(tmp_path / "study")
    made = folder.make(data, INDEX, 0.1, 7)
    written = read_npz(folder.data, test=len(data.test) > 0)
    assert written.sha256 == made.poisoned_sha256 == made.applied(data).sha256 != made.clean_sha256
    assert written.class_names == data.class_names
    before = [path.read_bytes() for path in (folder.poison, folder.data)]
    folder.data.unlink()  # killed before it was written
    again = folder.make(data, INDEX, 0.1, 7)
    assert [path.read_bytes() for path in (folder.poison, folder.data)] == before
    for name, value in vars(made).items():
        assert np.array_equal(getattr(again, name), value), name


def test_noise_shares_no_random_bits_with_a_forget_set_of_the_same_seed():
    noise = Poison.drawn(DATA, INDEX, 1.0, seed=0).noise
    same_bits = np.random.default_rng(0).standard_normal(noise.shape, dtype=np.float32)
    assert not np.isclose(noise, same_bits).any()
