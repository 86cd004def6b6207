"""What does each augmentation preset cost, against the step that it feeds and against torchvision image by image?"""

import torch
import torch.nn.functional as F
from common import DEVICE, autocast, network, options, report, seconds
from torchvision import transforms

from medunlearn.data.augmentation import PRESETS, augment, draw
from medunlearn.training.memory import keep_freed_memory


def step_seconds(model: torch.nn.Module, images: torch.Tensor) -> float:
    """Return the time of forward, backward and update on a batch."""
    model = model.to(DEVICE, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=5e-4)
    inputs, labels = images.float() / 255, torch.zeros(len(images), dtype=torch.int64, device=DEVICE)

    def step() -> None:
        with autocast():
            loss = F.cross_entropy(model(inputs).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return seconds(step, repeats=3 if DEVICE.type == "cpu" else 50)


def one_by_one(preset: str, size: int) -> transforms.Compose:
    """Return torchvision's transforms of a preset, for a single tensor image."""
    steps = [] if preset == "NoAug" else [transforms.RandomCrop(size, padding=4), transforms.RandomHorizontalFlip()]
    return transforms.Compose([*steps, *([transforms.RandAugment(2, 9)] if "RandAugment" in preset else [])])


def main() -> None:
    args = options(__doc__)
    batch, size, repeats = (8, 16, 1) if args.short else (256, 64, 20)
    if DEVICE.type == "cpu":
        keep_freed_memory()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8, generator=generator)
    images = images.permute(0, 3, 1, 2).to(DEVICE)
    step = step_seconds(network(args), images)
    rows = []
    for preset in PRESETS:

        def whole_batch(preset: str = preset) -> None:
            draws = draw(preset, batch, generator)
            augment(images, None if draws is None else draws.to(DEVICE))

        transform, separate = one_by_one(preset, size), images.cpu()
        ours = seconds(whole_batch, repeats)
        image_by_image = seconds(lambda: torch.stack([transform(image) for image in separate]), max(1, repeats // 4))  # noqa: B023
        rows.append(
            {
                "preset": preset,
                "ms a batch": 1e3 * ours,
                "% of a step": 100 * ours / step,
                "torchvision, image by image, ms": 1e3 * image_by_image,
            }
        )
    report(args, rows, batch=batch, size=size, step_ms=1e3 * step)


if __name__ == "__main__":
    main()
