"""Augments whole uint8 batches, with an independent draw for every image.

Drawing is apart from applying. `draw` runs on the CPU from a generator that the caller owns, so which image gets which
change depends on neither the device nor the number of processes or workers; `augment` then applies the draws to the
batch on its device. RandAugment gives, bit for bit, what `torchvision.transforms.RandAugment` gives on a
single tensor image for the same operations.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision.transforms import functional
from torchvision.transforms.v2.functional import equalize_image

from medunlearn.errors import InputError

Preset = Literal["NoAug", "Default", "Default+RandAugment"]
PRESETS: tuple[str, ...] = get_args(Preset)

PADDING = 4
NUM_OPS = 2
MAGNITUDE = 9
NUM_MAGNITUDE_BINS = 31


class Draws(NamedTuple):
    """Parameters drawn for the augmentation of a batch, one row per image.

    `shift` `(N, 2)` is where the crop begins in the padded image, vertically and horizontally, in [0, 2 * PADDING];
    `flip` `(N,)` says whether it is mirrored; `operation` `(N, num_ops)` counts in `OPERATIONS`, in the order of
    application, and `negative` `(N, num_ops)` is the sign of its magnitude, which unsigned operations ignore. Without
    RandAugment `num_ops` is 0.
    """

    shift: Tensor
    flip: Tensor
    operation: Tensor
    negative: Tensor

    def rows(self, selection: Tensor | slice) -> "Draws":
        """Return the draws of some of the images, such as one process's share."""
        return Draws._make(field[selection] for field in self)

    def to(self, device: torch.device | str) -> "Draws":
        """Move what the device computes with.

        The operations stay on the host, which groups images by them: copying them back would synchronise with the
        device in every step. Lightning calls this method to move a batch.
        """
        return self._replace(shift=_send(self.shift, device), flip=_send(self.flip, device))


def draw(preset: str, count: int, generator: torch.Generator) -> Draws | None:
    """Draw the augmentation of `count` images from a CPU generator.

    Returns:
        The draws, or None for `NoAug`.

    Raises:
        InputError: If there is no such preset.
    """
    if preset not in PRESETS:
        raise InputError(f"augmentation={preset}: unknown preset; choose one of {', '.join(PRESETS)}", part="data")
    if preset == "NoAug":
        return None
    operations = (count, NUM_OPS if preset == "Default+RandAugment" else 0)
    return Draws(
        shift=torch.randint(2 * PADDING + 1, (count, 2), generator=generator),
        flip=torch.randint(2, (count,), generator=generator).bool(),
        operation=torch.randint(len(OPERATIONS), operations, generator=generator),
        negative=torch.randint(2, operations, generator=generator).bool(),
    )


def augment(images: Tensor, draws: Draws | None) -> Tensor:
    """Crop, mirror and change each image as drawn for it.

    Args:
        images: `(N, C, H, W)` uint8 with one or three channels, in any memory format. They are not modified.
        draws: What `draw` gave, with N rows, on any device. The host waits for the device only where `operation` and
            `negative` were taken off the CPU, which `Draws.to` does not do.

    Returns:
        The batch in the same shape, on the same device and in channels-last memory; `images` itself without draws.
    """
    if draws is None:
        return images
    if len(draws.shift) != len(images):  # a single row would be broadcast, with the same crop for every image
        raise ValueError(f"Expected `draws` to have a row for each of {len(images)} images, but got {len(draws.shift)}")
    augmented = _crop_and_flip(images, _send(draws.shift, images.device), _send(draws.flip, images.device))
    signed = torch.tensor([name in _LARGEST_SIGNED for name in OPERATIONS])
    operations = draws.operation.cpu()
    codes = 2 * operations + (draws.negative.cpu() & signed[operations])
    for codes_of_step in codes.unbind(1):
        _apply_in_groups(augmented, codes_of_step)
    return augmented


def _send(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Move a small tensor, to CUDA without synchronising with its queued work."""
    return tensor.to(device, non_blocking=torch.device(device).type == "cuda")


def _crop_and_flip(images: Tensor, shift: Tensor, flip: Tensor) -> Tensor:
    """Crop each zero-padded image and mirror it, with one gather operation for the whole batch."""
    count, channels, height, width = images.shape
    padded = pad(images.permute(0, 2, 3, 1), (0, 0, PADDING, PADDING, PADDING, PADDING))
    image, row, column = (torch.arange(n, device=images.device) for n in (count, height, width))
    row = row + shift[:, :1]
    column = torch.where(flip[:, None], column.flip(0), column) + shift[:, 1:]
    line = image[:, None] * (height + 2 * PADDING) + row
    pixel = line[:, :, None] * (width + 2 * PADDING) + column[:, None, :]
    cropped = padded.reshape(-1, channels).index_select(0, pixel.flatten())
    return cropped.view(count, height, width, channels).permute(0, 3, 1, 2)


def _apply_in_groups(images: Tensor, codes: Tensor) -> None:
    """Change, in place, all images with the same operation and sign together.

    Args:
        images: `(N, C, H, W)`.
        codes: `(N,)` on the CPU, twice the operation, plus one for a negative magnitude.
    """
    pixels = images.permute(0, 2, 3, 1)  # contiguous, so that an image is copied in one piece
    order = _send(codes.argsort(), images.device)  # one transfer for all groups
    sizes = codes.bincount(minlength=2 * len(OPERATIONS)).tolist()
    for code, group in enumerate(torch.split(order, sizes)):
        name = OPERATIONS[code // 2]
        if len(group) and name != "Identity":
            chosen = pixels.index_select(0, group).permute(0, 3, 1, 2)
            changed = _apply(name, chosen, negative=code % 2 == 1)
            pixels.index_copy_(0, group, changed.permute(0, 2, 3, 1))


def _apply(name: str, images: Tensor, negative: bool) -> Tensor:
    """Apply one operation with one magnitude to all `images` `(N, C, H, W)`."""
    height, width = images.shape[-2:]
    magnitude = _magnitude(name, height, width) * (-1 if negative else 1)
    if name in _COLOUR:
        return _COLOUR[name](images, magnitude)
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2)
    source = _source_pixels(name, magnitude, height, width, images.device)
    moved = pad(pixels, (0, 0, 1, 0)).index_select(1, source)
    return moved.view(-1, height, width, images.shape[1]).permute(0, 3, 1, 2)


@lru_cache(maxsize=128)
def _source_pixels(name: str, magnitude: float, height: int, width: int, device: torch.device) -> Tensor:
    """Which pixel of an image each pixel of the moved image shows, counted from 1; 0 is black, from outside.

    torchvision moves an image of pixel numbers, once and always on the CPU: its rounding is then the same on every
    device, and a batch needs a look-up of bytes rather than a resampling of floats.

    Returns:
        `(H * W,)` int64.
    """
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32, device="cpu").view(1, 1, height, width)
    with torch.autocast("cpu", enabled=False):  # the grid in half precision would be off by whole pixels
        moved = _GEOMETRIC[name](numbers, magnitude)
    return moved.flatten().long().to(device)


@lru_cache(maxsize=128)
def _magnitude(name: str, height: int, width: int) -> float:
    """The size of an operation's change at `MAGNITUDE`, rounded to float32 as torchvision's is."""
    if name == "Posterize":
        return 8 - round(MAGNITUDE / ((NUM_MAGNITUDE_BINS - 1) / 4))  # bits that are kept
    if name == "Solarize":
        return torch.linspace(255, 0, NUM_MAGNITUDE_BINS)[MAGNITUDE].item()  # grey value
    largest = _LARGEST_SIGNED.get(name, 0.0) * {"TranslateX": width, "TranslateY": height}.get(name, 1)
    return torch.linspace(0, largest, NUM_MAGNITUDE_BINS)[MAGNITUDE].item()


def _shear(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    # The magnitude is a slope, torchvision's argument an angle; the fixed point is the upper left corner.
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    sheared: Tensor = functional.affine(image, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])
    return sheared


def _translate(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    whole = [int(x), int(y)]
    moved: Tensor = functional.affine(image, angle=0.0, translate=whole, scale=1.0, shear=[0.0, 0.0])
    return moved


def _sharpen(images: Tensor, factor: float) -> Tensor:
    """Blend with a blurred image whose border is left sharp, as torchvision does.

    torchvision's convolution is an operation that is computed in TF32 or half precision where that is switched on, and
    on the CPU it is up to 30 times slower for planar than for channels-last images. Here every sum is exact.
    """
    sharp = images.float()
    columns = (sharp[..., :-2, :] + sharp[..., 1:-1, :]).add_(sharp[..., 2:, :])
    box = (columns[..., :-2] + columns[..., 1:-1]).add_(columns[..., 2:])
    blurred = sharp.clone()
    blurred[..., 1:-1, 1:-1] = box.add_(sharp[..., 1:-1, 1:-1], alpha=4).div_(13).round_()
    return sharp.mul_(factor).add_(blurred.mul_(1.0 - factor)).clamp_(0, 255).to(images.dtype)


_GEOMETRIC: dict[str, Callable[[Tensor, float], Tensor]] = {
    "ShearX": lambda image, slope: _shear(image, x=slope),
    "ShearY": lambda image, slope: _shear(image, y=slope),
    "TranslateX": lambda image, pixels: _translate(image, x=pixels),
    "TranslateY": lambda image, pixels: _translate(image, y=pixels),
    "Rotate": lambda image, degrees: functional.rotate(image, degrees),
}
_COLOUR: dict[str, Callable[[Tensor, float], Tensor]] = {
    "Brightness": lambda images, change: functional.adjust_brightness(images, 1.0 + change),
    "Color": lambda images, change: functional.adjust_saturation(images, 1.0 + change),
    "Contrast": lambda images, change: functional.adjust_contrast(images, 1.0 + change),
    "Sharpness": lambda images, change: _sharpen(images, 1.0 + change),
    "Posterize": lambda images, bits: functional.posterize(images, int(bits)),
    "Solarize": lambda images, threshold: functional.solarize(images, threshold),
    "AutoContrast": lambda images, _: functional.autocontrast(images),
    "Equalize": lambda images, _: equalize_image(images),  # the older `functional.equalize` loops over the images
}
OPERATIONS: tuple[str, ...] = ("Identity", *_GEOMETRIC, *_COLOUR)  # in torchvision's order

# The largest magnitude of the operations that take a sign; a translation's is a share of the image's side.
_LARGEST_SIGNED = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": 150 / 331, "TranslateY": 150 / 331, "Rotate": 30.0}
_LARGEST_SIGNED |= {"Brightness": 0.9, "Color": 0.9, "Contrast": 0.9, "Sharpness": 0.9}
