"""The poison of a study: noise on the images of a forget set, kept as drawn, and the poisoned data file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medunlearn.data.npz import ImageData
from medunlearn.data.writing import in_format
from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import exists, read_archive, unreadable, writing_to
from medunlearn.runs import RunDir

WHITE = 255
KEYS = ("noise", "images", "labels", "index", "scale", "seed", "clean_sha256", "poisoned_sha256")


@dataclass(frozen=True, eq=False)
class Poison:
    """Noise on some training images.

    Attributes:
        noise: As drawn, N(0, scale^2) in each pixel and channel, in units of the range from black to white; float32, in
            the shape of `images`.
        images: The images without it, uint8 (n, H, W) or (n, H, W, 3).
        labels: Their classes, (n,).
        index: Their indices into the training set, (n,).
        scale: Standard deviation of the noise.
        seed: Seed of the noise.
        clean_sha256: Hash of the data without noise, see `ImageData.sha256`.
        poisoned_sha256: Hash of the data with it.
    """

    noise: npt.NDArray[np.float32]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    scale: float
    seed: int
    clean_sha256: str
    poisoned_sha256: str = ""

    @classmethod
    def drawn(cls, data: ImageData, index: np.ndarray, scale: float, seed: int) -> "Poison":
        """Return a poison for the training images at `index`, without the hash of the poisoned data."""
        images = data.train.images[index]
        noise = _noise(seed, 0, images.shape, scale)
        return cls(noise, images, data.train.labels[index], index, scale, seed, data.sha256)

    def added(self, noise: np.ndarray) -> np.ndarray:
        """Return the noise that is left after pixels are rounded and clipped, float32 in units of the noise."""
        return (_pixels(self.images, noise).astype(np.float32) - self.images) / np.float32(WHITE)

    def fresh(self, draws: int) -> Iterator[np.ndarray]:
        """Yield the rounded and clipped part, see `added`, of fresh draws of the noise, each with its own seed."""
        for number in range(1, draws + 1):
            yield self.added(_noise(self.seed, number, self.images.shape, self.scale))

    def applied(self, data: ImageData) -> ImageData:
        """Return data with the noise added."""
        images = data.train.images.copy()
        images[self.index] = _pixels(self.images, self.noise)
        return replace(data, train=replace(data.train, images=images))


@dataclass(frozen=True)
class Folder:
    """The folder of a study: the poison, the poisoned data, and a run directory for each stage.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def poison(self) -> Path:
        """The noise, and what it was added to."""
        return self.path / "poison.npz"

    @property
    def data(self) -> Path:
        """The poisoned data in MedMNIST's format."""
        return self.path / "poisoned.npz"

    @property
    def table(self) -> Path:
        """What the study has found."""
        return self.path / "poison.md"

    def make(self, data: ImageData, index: np.ndarray, scale: float, seed: int) -> Poison:
        """Return the poison of this folder; make it and the poisoned data if they are missing.

        Args:
            data: The data without noise.
            index: The forget set, sorted indices into the training set, (n,).
            scale: Standard deviation of the noise; 1 is the range from black to white.
            seed: Seed of the noise.

        Raises:
            InputError: If the folder holds another poison, or one that cannot be read.
        """
        if exists(self.poison):
            poison = self.read()
            self._check_same(poison, Poison.drawn(data, index, scale, seed))
        else:
            if exists(self.data):
                raise InputError(f"out={self.path}: {self.data} is of no study; name another folder by `--out`")
            poison = Poison.drawn(data, index, scale, seed)
            poison = replace(poison, poisoned_sha256=poison.applied(data).sha256)
            with writing_to(self.path):
                RunDir(self.path).write_arrays(self.poison, _arrays(poison))
        if not exists(self.data):
            with writing_to(self.path):
                RunDir(self.path).write_arrays(self.data, in_format(poison.applied(data)))
        return poison

    def read(self) -> Poison:
        """Return the poison that was written.

        Raises:
            FileError: If it is missing or damaged.
        """
        try:
            found = read_archive(self.poison)
            if missing := [name for name in KEYS if name not in found]:
                raise Fault(f"it lacks {missing[0]}")
            if found["noise"].shape != found["images"].shape or not np.isfinite(found["noise"]).all():
                raise Fault("its noise does not fit its images")
            scale, seed = found["scale"].item(), found["seed"].item()
        except (Fault, OSError, ValueError, TypeError) as error:
            problem = unreadable(error, "delete the folder, and the same command makes it again")
            raise FileError(f"out={self.path}: {self.poison} {problem}") from None
        hashes = [found[name].tobytes().hex() for name in ("clean_sha256", "poisoned_sha256")]
        return Poison(found["noise"], found["images"], found["labels"], found["index"], scale, seed, *hashes)

    def _check_same(self, kept: Poison, asked: Poison) -> None:
        pairs = {
            "data": (kept.clean_sha256, asked.clean_sha256),
            "forget set": (
                _bytes(kept.index, kept.images, kept.labels),
                _bytes(asked.index, asked.images, asked.labels),
            ),
            "scale": (kept.scale, asked.scale),
            "seed": (kept.seed, asked.seed),
        }
        if other := [name for name, (one, two) in pairs.items() if one != two]:
            raise InputError(
                f"out={self.path}: holds a study with another {other[0]}; give its settings, or name another "
                "folder by `--out`"
            )


def _bytes(*arrays: np.ndarray) -> list[bytes]:
    return [array.dtype.str.encode() + array.tobytes() for array in arrays]


def _noise(seed: int, number: int, shape: tuple[int, ...], scale: float) -> npt.NDArray[np.float32]:
    """Return a draw of noise, independent of other draws and of a forget set with the same seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def _pixels(images: np.ndarray, noise: np.ndarray) -> npt.NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(images + WHITE * noise), 0, WHITE).astype(np.uint8))


def _arrays(poison: Poison) -> dict[str, np.ndarray]:
    """Return a poison as numbers, the hashes as bytes."""
    found = {name: getattr(poison, name) for name in KEYS}
    return {
        name: np.frombuffer(bytes.fromhex(value), np.uint8) if isinstance(value, str) else np.asarray(value)
        for name, value in found.items()
    }
