"""How many images a second does `medunlearn fit` train on, against today's practice and against the bare network?

Practice is a plain loop as in the public code of the field: a DataLoader without workers over PIL images, torchvision's
transforms on each image, float32, planar memory. Bare is forward, backward and update on one batch that stays on the
device. Whole loops are timed from the first batch of the first epoch to the last; bare steps after a warm-up.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from common import (
    DEVICE,
    autocast,
    fit,
    made_up,
    network,
    options,
    report,
    seconds,
    short_options,
    small,
    synchronise,
)
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import resnet18

from medunlearn.training.memory import keep_freed_memory

CLASSES = 8


class PILImages(Dataset):
    """A data set as it is commonly written: one PIL image at a time, transformed alone."""

    def __init__(self, file: Path, size: int) -> None:
        with np.load(file) as arrays:
            self.images, self.labels = arrays["train_images"], arrays["train_labels"]
        steps = [transforms.RandomCrop(size, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        self.transform = transforms.Compose([*steps, transforms.Normalize([0.5] * 3, [0.5] * 3)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index, 0])


def practice(file: Path, size: int, batch: int, short: bool) -> float:
    """Return images a second of one epoch of today's practice."""
    model = small(CLASSES) if short else resnet18(num_classes=CLASSES)
    if not short:
        model.conv1, model.maxpool = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False), torch.nn.Identity()
    model.to(DEVICE).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=5e-4)
    data = PILImages(file, size)
    synchronise()
    start = time.perf_counter()
    for images, labels in DataLoader(data, batch, shuffle=True):
        loss = F.cross_entropy(model(images.to(DEVICE)), labels.to(DEVICE))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    synchronise()
    return len(data) / (time.perf_counter() - start)


def bare(model: torch.nn.Module, size: int, batch: int) -> float:
    """Return images a second of forward, backward and update alone, in the precision and layout of `medunlearn fit`."""
    model = model.to(DEVICE, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=5e-4)
    images = torch.rand(batch, 3, size, size, device=DEVICE).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch, device=DEVICE) % CLASSES

    def step() -> None:
        with autocast():
            loss = F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return batch / seconds(step, repeats=5 if DEVICE.type == "cpu" else 50, warm_up=3)


def main() -> None:
    args = options(__doc__)
    count, size, batch, epochs = (16, 16, 8, 1) if args.short else (1024, 64, 256, 3)
    if DEVICE.type == "cuda" and not args.short:
        count, epochs = 12_032, 10
    with tempfile.TemporaryDirectory() as folder:
        file = made_up(Path(folder) / "images.npz", count, size, others=8 if args.short else 64)
        arguments = (f"--data.batch_size={batch}", f"--trainer.max_epochs={epochs}", *short_options(args.short))
        apart = not args.short
        train = fit("Train", Path(folder) / "train", file, *arguments, apart=apart)
        unlearn = ("--data.forget.rate=0.1", f"--model.init_args.original={folder}/train")
        salun = fit("SalUn", Path(folder) / "salun", file, *arguments, *unlearn, apart=apart)
        today = practice(file, size, batch, args.short)
    if DEVICE.type == "cpu":
        keep_freed_memory()  # as `medunlearn fit` does; after today's practice, which does not
    ceiling = bare(network(args, CLASSES), size, batch)
    found = {
        "today's practice": today,
        "medunlearn fit, Train": count * epochs / train["runtime"]["training"],
        "medunlearn fit, SalUn": count * epochs / salun["runtime"]["training"],
        "bare network": ceiling,
    }
    rows = [
        {"loop": loop, "images/s": speed, "x practice": speed / today, "% of bare": 100 * speed / ceiling}
        for loop, speed in found.items()
    ]
    report(args, rows, images=count, size=size, batch=batch, epochs=epochs, precision=train["precision"])


if __name__ == "__main__":
    main()
