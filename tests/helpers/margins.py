"""Made-up margins of shadow models."""

import numpy as np


def shadows(originals, images, apart, seed=0, spread=1.0):
    """Return margins of forgotten and unseen images in pairs of shadows, the former higher by `apart`."""
    rng = np.random.default_rng(seed)
    first = np.argsort(rng.random((originals // 2, images)), axis=1) < images // 2
    inside = np.stack([first, ~first], axis=1).reshape(originals, images)
    level = rng.normal(0, 10, images)
    phi = level + spread * (rng.normal(size=(originals, images)) + apart * inside)
    return np.where(inside, phi, np.nan), np.where(inside, np.nan, phi)
