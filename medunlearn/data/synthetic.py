"""Generated images of cells, for demonstrations and tests."""

import numpy as np

from medunlearn.data.npz import ImageData, Split

SYNTHETIC = "synthetic"
"""The name of the generated data set, where a MedMNIST name would stand."""

COUNTS = {"train": 300, "val": 60, "test": 240}
CLASSES = 4
CLASS_NAMES = ("one lobe", "two lobes", "three lobes", "four lobes")
"""Number of lobes of the nucleus in most images of each class."""


def synthetic_data(size: int = 28, seed: int = 0, counts: dict[str, int] = COUNTS) -> ImageData:
    """Return generated images of stained cells in MedMNIST's format, (N, size, size, 3) with four classes.

    A class sets the mean of four traits: lobes of the nucleus, its size, the granules around it, and the stain. Every
    trait varies within a class, so that classes overlap: a model can generalise to most images and must memorise the
    rest, which is what membership inference and unlearning are about.

    Args:
        size: Height and width in pixels.
        seed: Seed of everything drawn.
        counts: Number of images by split.
    """
    rng = np.random.default_rng(seed)
    splits = {name: _split(rng, count, size) for name, count in counts.items()}
    return ImageData(**splits, num_classes=CLASSES, name=SYNTHETIC, class_names=CLASS_NAMES)


def _split(rng: np.random.Generator, count: int, size: int) -> Split:
    labels = rng.permutation(np.arange(count) % CLASSES)
    return Split(np.stack([_cell(rng, label, size) for label in labels]), labels.astype(np.int64))


def _cell(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """Draw one cell, uint8 (size, size, 3): background, cytoplasm with granules, lobed nucleus, blur-free noise."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5 - rng.normal(0, 0.05, size=(2, 1, 1))
    radius, angle = np.hypot(y, x), np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)
    lobes = 1 + label if rng.random() < 0.8 else 1 + rng.integers(CLASSES)
    nucleus_edge = rng.normal(0.17 + 0.012 * label, 0.03) * (1 + rng.uniform(0.1, 0.4) * np.cos(lobes * angle))
    cell_edge = rng.normal(0.34, 0.03) * (1 + 0.06 * np.cos(2 * angle + rng.uniform(0, 6)))
    granules = rng.normal(0, 1, (size, size, 1)) * np.clip(rng.normal(10 + 8 * (label % 2), 8), 0, None)
    image = np.full((size, size, 3), (225, 210, 205)) + rng.normal(0, 8, 3)
    cytoplasm = np.array((205, 165, 190)) + rng.normal(0, 14, 3) - 24 * (label // 2)
    nucleus = np.array((110, 60, 140)) + rng.normal(0, 18, 3)
    image = np.where((radius < cell_edge)[..., None], cytoplasm + granules, image)
    image = np.where((radius < nucleus_edge)[..., None], nucleus, image)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
