"""Refusals of `medunlearn.relearning`, with inputs that reach them."""

import numpy as np

from medunlearn.relearning.training import Schedule


def other_images(at):
    at.take("t", "r", "s")
    at.npz(train_images=np.zeros((16, 8, 8, 3), np.uint8), train_labels=np.arange(16) % 4)
    return at.command("relearn", "s")


ROWS = [
    (lambda at: at.command("relearn"), "relearn: no run given; name one that unlearned, as in `medunlearn relearn …`"),
    (other_images, "relearn=s: these are not the run's images; give its data file by --file"),
    (lambda at: Schedule(steps=0), "steps=0: give a whole number of 1 or more"),
    (lambda at: Schedule(lr=-1.0), "lr=-1: give a number above 0"),
]
