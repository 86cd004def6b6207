"""Images as the arrays of a file in MedMNIST's format."""

import numpy as np

from medunlearn.data.npz import SPLITS, ImageData


def in_format(data: ImageData) -> dict[str, np.ndarray]:
    """Return data as the arrays of a file that `read_npz` reads; without those of a split that has no image."""
    arrays = {} if data.class_names is None else {"class_names": np.array(data.class_names)}
    for name in SPLITS:
        split = getattr(data, name)
        if len(split):  # no test images where the runs do without them
            arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    return arrays
