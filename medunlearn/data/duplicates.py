"""Finds copies of forgotten images in the retain set, which a model would continue to learn from."""

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

SIDE = 16
"""Side length in pixels at which images are compared."""
NEAR = 0.99
"""Correlation of two reduced images from which they count as near copies. Among 3,000 different blood cells the highest
is 0.958; 140 of BreastMNIST's 546 training images, pictures of one lesion saved twice, reach it. Aligned radiographs of
different patients may be as alike: look at the pairs."""
MOST = 10_000
"""Most forgotten images that are searched for near copies; this takes a few seconds."""
PIXELS = 2**23  # values of the images that are reduced at a time
AT_ONCE = 2**26  # values of the correlation matrix that are computed at a time


class Duplicates(NamedTuple):
    """Pairs of a forgotten and a retained image, as indices into the training set."""

    exact: list[tuple[int, int]]
    """Pairs equal in every pixel; one for each forgotten image that has a copy."""
    near: list[tuple[int, int]]
    """Pairs similar at reduced size: each further forgotten image with its most similar retained image."""
    compared: int
    """How many forgotten images were compared for near copies."""


def find_duplicates(images: np.ndarray, forget: Rows, retain: Rows) -> Duplicates:
    """Return exact and near copies of forgotten images among the retained.

    Near copies are found after reducing to 16x16 gray pixels, whatever their brightness and contrast; an image that
    was turned, mirrored or cut differently is not found. 12,000 images of 64x64x3 pixels of which 1,200 are forgotten
    take two seconds of one core.

    Args:
        images: The training images, uint8 (N, H, W) or (N, H, W, 3).
        forget: Indices of the forgotten ones, (F,).
        retain: Indices of the retained ones, (R,).

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
        >>> images[2] = images[0]
        >>> find_duplicates(images, forget=np.array([0]), retain=np.array([1, 2])).exact
        [(0, 2)]
    """
    if not len(forget):
        return Duplicates([], [], 0)
    kept = {_digest(images[row]): int(row) for row in retain[::-1]}
    exact = {int(row): kept.get(_digest(images[row])) for row in forget}
    pairs = [(row, other) for row, other in exact.items() if other is not None]
    others = np.array([row for row, other in exact.items() if other is None], dtype=np.int64)[:MOST]
    return Duplicates(pairs, _near(images, others, retain), len(others))


def reduced(images: np.ndarray) -> npt.NDArray[np.float32]:
    """Return images as vectors of length 1 without their brightness, (N, 256); zeros for one of a single tone.

    Args:
        images: uint8 (N, H, W) or (N, H, W, 3).

    Example:
        >>> bright = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
        >>> bool(np.allclose(reduced(bright), reduced(bright // 2 + 9), atol=0.01))
        True
    """
    gray = images.mean(3) if images.ndim == 4 else images
    edges = [np.linspace(0, size, min(SIDE, size) + 1).round().astype(int) for size in gray.shape[1:]]
    sums = np.zeros((len(gray), gray.shape[1] + 1, gray.shape[2] + 1))
    sums[:, 1:, 1:] = gray.cumsum(1, dtype=np.float64).cumsum(2)
    corners = sums[:, edges[0]][:, :, edges[1]]
    means = np.diff(np.diff(corners, axis=1), axis=2) / np.outer(*map(np.diff, edges))
    vectors = means.reshape(len(gray), -1)
    vectors = vectors - vectors.mean(1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-6, length, np.inf), dtype=np.float32)


def _near(images: np.ndarray, forget: Rows, retain: Rows) -> list[tuple[int, int]]:
    if not len(forget) or not len(retain):
        return []
    kept = _reduced_at(images, retain)
    pairs = []
    for rows in np.array_split(forget, -(-len(forget) // max(1, AT_ONCE // len(retain)))):
        alike = _reduced_at(images, rows) @ kept.T
        best = alike.argmax(1)
        found = alike[np.arange(len(rows)), best] >= NEAR
        pairs += [(int(row), int(retain[place])) for row, place in zip(rows[found], best[found], strict=True)]
    return pairs


def _reduced_at(images: np.ndarray, rows: Rows) -> npt.NDArray[np.float32]:
    """Reduce images in chunks, since intermediate results need many times their memory."""
    pieces = -(-len(rows) * images[0].size // PIXELS)
    return np.concatenate([reduced(images[some]) for some in np.array_split(rows, pieces)])


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
