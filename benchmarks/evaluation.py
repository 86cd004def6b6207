"""What does the one evaluation pass cost from which UA, RA, TA, MIA, histograms and curves derive?

Against the same network on the same number of images in one batch after another, without gradients; and how often each
image is shown to the network, which must be once.
"""

import tempfile
from collections import Counter
from pathlib import Path

import torch
from common import DEVICE, made_up, options, report, seconds
from lightning.pytorch import Trainer

from medunlearn import Classifier, ForgetSpec, MedMNISTDataModule, UnlearningMetrics
from medunlearn.contracts import Batch
from medunlearn.training.memory import keep_freed_memory


class Counting(Classifier):
    """Counts how often the network is shown each image, identified by the sum of its pixels."""

    seen: Counter[int] = Counter()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, torch.Tensor]:
        self.seen.update(batch.images.double().sum(dim=(1, 2, 3)).tolist())
        return super().predict_step(batch, batch_idx)


def main() -> None:
    args = options(__doc__)
    train, others, size = (16, 8, 16) if args.short else (512, 128, 64)
    if DEVICE.type == "cuda" and not args.short:
        train, others = 12_032, 1_712
    if DEVICE.type == "cpu":
        keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        file = made_up(Path(folder) / "images.npz", train, size, others)
        data = MedMNISTDataModule(file=file, forget=ForgetSpec(rate=0.25))
        method, evaluation = Counting(data.num_classes), UnlearningMetrics()
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        Trainer(max_epochs=0, callbacks=[evaluation], enable_model_summary=False, **quiet).fit(method, data)
    total = train + 2 * others
    shown = sum(method.seen.values())
    spent = method.stopwatch.seconds
    model = method.backbone.to(DEVICE).eval()
    images = torch.rand(min(128, total), 3, size, size, device=DEVICE).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        bare = len(images) / seconds(lambda: model(images), 3)
    rows = [
        {"what": "images", "value": total},
        {"what": "images shown to the network", "value": shown},
        {"what": "most often that one image was shown", "value": max(method.seen.values())},
        {"what": "evaluation pass, images/s", "value": shown / spent["evaluation"]},
        {"what": "bare network in float32, images/s", "value": bare},
        {"what": "membership attack, s", "value": spent["attack"]},
    ]
    report(args, rows, train=train, others=others, size=size)


if __name__ == "__main__":
    main()
