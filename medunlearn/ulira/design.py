"""The design of a U-LiRA study: the images that each shadow model retains, forgets, or never sees."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medunlearn.errors import InputError

TARGETS, HALVES = 0, 1
"""Purposes of the random streams of a study."""


@dataclass(frozen=True)
class Design:
    """The design of a study, determined by its numbers alone.

    Target images are drawn once, 2T for each of D draws, and no two draws share one. Shadows come in pairs: one learns
    a random half of the training set, its twin the other half, and each half has exactly T targets of each draw. Draw d
    of a shadow forgets the T targets that it has learned; the other T it has never seen. So each target is forgotten by
    one shadow of each pair and unseen by the other. Adding pairs does not change existing ones.

    Args:
        originals: Shadow originals N, an even number of 4 or more.
        draws: Forget sets D of each.
        targets: Images T in each forget set.
        seed: Seed of the assignment of images.
        images: Images in the training set.

    Raises:
        InputError: If there are too few images.
    """

    originals: int
    draws: int
    targets: int
    seed: int
    images: int

    def __post_init__(self) -> None:
        if self.columns > self.images - 2:  # each half must retain an image
            raise InputError(
                f"targets={self.targets}: {self.draws} draws take {self.columns} images and some must be left of "
                f"{self.images}; give fewer of either"
            )

    @property
    def columns(self) -> int:
        """Number of target images, over all draws."""
        return 2 * self.draws * self.targets

    @property
    def pairs(self) -> np.ndarray:
        """The pair of each shadow, (N,)."""
        return np.arange(self.originals) // 2

    def target_images(self, draw: int) -> np.ndarray:
        """Return the targets of a draw, sorted indices into the training set, (2T,)."""
        return np.sort(self._order[: self.columns].reshape(self.draws, -1)[draw])

    def half(self, original: int) -> np.ndarray:
        """Return the training images of a shadow original, sorted indices into the training set."""
        rest = self._shared(original, self.draws, np.sort(self._order[self.columns :]))
        return np.sort(np.concatenate([rest, *(self.forgotten(original, draw) for draw in range(self.draws))]))

    def forgotten(self, original: int, draw: int) -> np.ndarray:
        """Return the forget set of a shadow's draw, sorted indices into the training set, (T,)."""
        return self._shared(original, draw, self.target_images(draw))

    def unseen(self, original: int, draw: int) -> np.ndarray:
        """Return the targets of a draw that a shadow has never seen, sorted indices into the training set, (T,)."""
        return np.setdiff1d(self.target_images(draw), self.forgotten(original, draw))

    def places(self, original: int, draw: int) -> np.ndarray:
        """Return the positions of `forgotten` in the shadow's own training set, (T,)."""
        return np.searchsorted(self.half(original), self.forgotten(original, draw))

    def all_unseen(self, original: int) -> np.ndarray:
        """Return the targets that a shadow has never seen, draw by draw, (D T,)."""
        return np.concatenate([self.unseen(original, draw) for draw in range(self.draws)])

    def columns_of(self, draw: int, images: np.ndarray) -> np.ndarray:
        """Return the columns of some targets of a draw; all targets have columns, draw by draw."""
        return 2 * self.targets * draw + np.searchsorted(self.target_images(draw), images)

    @cached_property
    def _order(self) -> np.ndarray:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(TARGETS,))).permutation(self.images)

    def _shared(self, original: int, part: int, images: np.ndarray) -> np.ndarray:
        """Return the half of some images that is this shadow's, sorted; its twin has the rest."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(HALVES, original // 2, part)))
        order = rng.permutation(images)
        first = len(images) // 2
        return np.sort(order[first:] if original % 2 else order[:first])
