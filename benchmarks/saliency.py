"""What do the saliency mask and the frozen weights cost?

The pass over the forget set against plain inference with gradients of the same images; choosing the top half of 11 M
coordinates; and what holding the frozen half adds to an update.
"""

import torch
import torch.nn.functional as F
from common import DEVICE, network, options, report, seconds

from medunlearn.methods.saliency import FrozenWeights, forget_gradients, saliency_mask
from medunlearn.training.memory import keep_freed_memory


def main() -> None:
    args = options(__doc__)
    images, size, batch, repeats = (16, 16, 8, 1) if args.short else (256, 64, 128, 3)
    if DEVICE.type == "cpu":
        keep_freed_memory()
    model = network(args).to(DEVICE, memory_format=torch.channels_last).eval()
    inputs = torch.rand(images, 3, size, size, device=DEVICE).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(images, device=DEVICE) % 8
    batches = list(zip(inputs.split(batch), labels.split(batch), strict=True))

    def plain() -> None:
        for part, classes in batches:
            model.zero_grad()
            F.cross_entropy(model(part), classes).backward()

    gradients = forget_gradients(model, batches)
    mask = saliency_mask(gradients, 0.5)
    plain()
    held = FrozenWeights(model, mask)
    optimizer = torch.optim.SGD(model.parameters(), 0.013, 0.9, weight_decay=5e-4)
    rows = [
        {"what": f"evaluation with gradients, {images} images", "ms": seconds(plain, repeats)},
        {
            "what": "the pass for the mask, the same images",
            "ms": seconds(lambda: forget_gradients(model, batches), repeats),
        },
        {"what": "choosing half of 11 M coordinates", "ms": seconds(lambda: saliency_mask(gradients, 0.5))},
        {"what": "an update of SGD", "ms": seconds(optimizer.step, 10)},
        {"what": "holding the frozen half in it", "ms": seconds(lambda: (held.clear_gradients(), held.restore()), 10)},
    ]
    report(args, [row | {"ms": 1e3 * row["ms"]} for row in rows], size=size, batch=batch)


if __name__ == "__main__":
    main()
