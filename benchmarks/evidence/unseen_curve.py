"""Another learning curve of an original: its parts' errors on all images that they have not seen, without the original.

    python benchmarks/evidence/unseen_curve.py runs/evidence/train_?
    python benchmarks/evidence/proxies.py RUN... --curve unseen=runs/evidence/train_0/unseen_curve.json

The curve that `medunlearn curve` makes rests on the validation images, and on the original's luck with them. A model
trained on a part has not seen the rest of the training set either, which is several times as many images. It is written
beside each original, from the predictions of its parts; `proxies.py` compares what it predicts with the Retrains.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn import load_predictions
from medunlearn.runs import RunDir


def unseen_point(point: dict[str, Any]) -> dict[str, Any]:
    """Return a part's point with its error in % on the images left out and the validation images together."""
    predictions = load_predictions(point["run"])
    left_out, val = predictions.forget, predictions.val
    wrong = np.concatenate([part.probs.argmax(1) != part.labels for part in (left_out, val)])
    return point | {"val_error": 100 * float(wrong.mean())}


def unseen_curve(curve: dict[str, Any]) -> dict[str, Any]:
    """Return a curve of the parts alone."""
    points = [unseen_point(point) for point in curve["points"] if "run" in point]
    return {**curve, "reading": "level", "points": points}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("originals", type=Path, nargs="+", help="their curve made by `medunlearn curve --way parts`")
    for original in parser.parse_args().originals:
        found = unseen_curve(RunDir(original).read_curve("original"))
        (original / "unseen_curve.json").write_text(json.dumps(found, indent=2) + "\n")
        errors = ", ".join(f"{each['val_error']:.2f} % with {each['images']} images" for each in found["points"])
        print(f"{original}: {errors}")


if __name__ == "__main__":
    main()
