import numpy as np
import pytest

from medunlearn.data.npz import read_npz
from medunlearn.data.synthetic import CLASSES, COUNTS, synthetic_data

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def data():
    return synthetic_data(size=16, counts={"train": 120, "val": 9, "test": 40})


def test_images_are_the_same_for_the_same_seed_and_others_for_another(data):
    again, other = (synthetic_data(16, seed, {"train": 120, "val": 9, "test": 40}) for seed in (0, 1))
    assert again.sha256 == data.sha256
    assert other.sha256 != data.sha256
    assert not np.array_equal(other.train.images, data.train.images)


def test_images_do_not_depend_on_the_global_generator(data):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    again = synthetic_data(16, counts={"train": 120, "val": 9, "test": 40})
    assert again.sha256 == data.sha256
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("size", [8, 28])
def test_images_have_medmnists_format(size, tmp_path):
    made = synthetic_data(size, counts={"train": 8, "val": 4, "test": 5})
    assert (made.size, made.channels, made.num_classes, made.name) == (size, 3, CLASSES, "synthetic")
    for split, count in zip(SPLITS, (8, 4, 5), strict=True):
        part = getattr(made, split)
        assert part.images.shape == (count, size, size, 3)
        assert part.images.dtype == np.uint8
        assert part.labels.shape == (count,)
        assert part.labels.dtype == np.int64
    arrays = {f"{split}_{kind}": value for split in SPLITS for kind, value in vars(getattr(made, split)).items()}
    np.savez(tmp_path / "synthetic.npz", **arrays)
    assert read_npz(tmp_path / "synthetic.npz").sha256 == made.sha256


def test_the_default_is_small_and_has_every_split():
    made = synthetic_data(8)
    assert {split: len(getattr(made, split)) for split in SPLITS} == COUNTS
    assert all(10 <= count <= 1000 for count in COUNTS.values())


def test_classes_are_balanced_to_one_image(data):
    for split in SPLITS:
        counts = np.bincount(getattr(data, split).labels, minlength=CLASSES)
        assert counts.max() - counts.min() <= 1
        assert len(counts) == CLASSES


def test_labels_are_not_in_order(data):
    assert not np.array_equal(data.train.labels, np.sort(data.train.labels))
    assert not np.array_equal(data.train.labels, np.arange(120) % CLASSES)


def test_images_do_not_occur_twice(data):
    images = [image.tobytes() for split in SPLITS for image in getattr(data, split).images]
    assert len(set(images)) == len(images)


def test_an_image_is_no_flat_colour_and_no_mere_noise(data):
    images = data.train.images.astype(float)
    assert images.std(axis=(1, 2)).min() > 5
    # A nucleus in the middle, darker than the corners.
    middle, corner = images[:, 6:10, 6:10].mean(axis=(1, 2, 3)), images[:, :2, :2].mean(axis=(1, 2, 3))
    assert np.mean(middle < corner - 30) > 0.95


def test_images_of_one_class_differ_more_than_the_classes_do(data):
    images, labels = data.train.images.astype(float), data.train.labels
    colours = images.mean(axis=(1, 2))
    means = np.stack([colours[labels == label].mean(axis=0) for label in range(CLASSES)])
    within = np.mean([colours[labels == label].std(axis=0) for label in range(CLASSES)])
    assert means.std(axis=0).mean() < within  # the colour alone does not tell the class
    assert within > 3


def test_classes_can_be_told_apart_better_than_by_chance():
    made = synthetic_data(size=16)
    # The nearest class mean of the granules' strength, a trait that the class sets: odd classes have more of them.
    images = made.train.images.astype(float)
    rough = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2, 3))
    odd = made.train.labels % 2 == 1
    guess = rough > np.median(rough)
    assert np.mean(guess == odd) > 0.55
