"""Checks against the images: the hash of the data, the commitments, and the model's outputs on forgotten images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medunlearn.data.npz import ImageData
from medunlearn.files import exists
from medunlearn.receipts.checking import Case, Line, compared, differs, images, not_here, ok
from medunlearn.receipts.commitments import read_secrets
from medunlearn.receipts.images import SPLITS, Removed, by_class

NO_SPLIT = "split.json, which says which images, is not here"
BATCH = 256
TIE = 1e-3
"""Difference of the two largest logits up to which another processor may predict the other class."""


def data_lines(case: Case, data: ImageData | None, reason: str) -> Iterator[Line]:
    """Yield lines for the hashes and numbers of the images.

    Args:
        case: The receipt.
        data: The images; None if they are not available.
        reason: Why they are not.
    """
    stated = case.statement.predicate.data
    if data is None:
        yield not_here("data", reason)
        return
    yield compared("data", data.sha256, stated.sha256, "are others than the receipt is about")
    if not exists(case.run.split):
        yield not_here("data without the removed images", NO_SPLIT)
        return
    removed = Removed.of(case.split)
    removed.images(data)  # rejects rows that the data do not have
    if stated.sha256_after is not None:
        yield compared("data without the removed images", removed.without(data).sha256, stated.sha256_after)
    yield compared("split of the data", removed.split_sha256(data.sha256), stated.split_sha256)
    before = {name: getattr(stated.images, name).before for name in SPLITS}
    known = {name: by_class(getattr(data, name).labels) for name in SPLITS if before[name] is not None}
    yield compared("classes of the data", before | known, before)


def commitment_line(case: Case, data: ImageData | None, reason: str, salts: Path | None) -> Line:
    """Return whether the commitments are to the images that `split.json` lists.

    Raises:
        InputError: If the file of salts holds none.
    """
    subject, stated = "commitments to the removed images", case.statement.predicate.data.commitments
    if stated is None:
        return not_here(subject, "the receipt has none")
    if data is None or not exists(case.run.split):
        return not_here(subject, reason if data is None else NO_SPLIT)
    if salts is None:
        return not_here(subject, "their salts are not here; give them by --salts")
    secrets, receipt = read_secrets(salts)
    if receipt != case.statement.predicate.identity.id:
        return differs(subject, f"the salts are of receipt {receipt[:40]}")
    if secrets.kind != stated.kind:
        return differs(subject, f"the salts are for {secrets.kind} commitments, these are {stated.kind}")
    removed = Removed.of(case.split).images(data)
    found, listed = secrets.commitments(removed), [*stated.train, *stated.val, *stated.test]
    if len(found) != len(listed):
        return differs(subject, f"{images(len(listed))} in the receipt, {images(len(found))} in split.json")
    wrong = sum(each.hex() != other for each, other in zip(found, listed, strict=True))
    return differs(subject, f"{wrong} of {len(listed)} are to others") if wrong else ok(subject, images(len(listed)))


def answer_line(case: Case, data: ImageData | None, reason: str, backbone: str | None) -> Line:
    """Return whether the model's outputs on the forgotten images are those of `predictions.npz`.

    Raises:
        InputError: If the model cannot be loaded.
    """
    subject = "the model's answers to the removed images"
    if data is None or not exists(case.run.predictions) or not exists(case.run.weights):
        missing = "model.ckpt" if not exists(case.run.weights) else "predictions.npz"
        return not_here(subject, reason if data is None else f"{missing} is not here")
    arrays = case.run.read_predictions("receipt", ["forget_probs", "forget_index"])
    logits = model_logits(case.run.path, data.train.images[arrays["forget_index"]], backbone)
    given, recorded = logits.argmax(1), arrays["forget_probs"].argmax(1)
    top, other = logits[np.arange(len(logits)), given], logits[np.arange(len(logits)), recorded]
    wrong = int((top - other > TIE).sum())
    return differs(subject, f"{wrong} of {len(given)} are others") if wrong else ok(subject, images(len(given)))


def model_logits(run: Path, stored: npt.NDArray[np.uint8], backbone: str | None) -> npt.NDArray[np.float32]:
    """Return the logits of a run's model on images, float32 (N, C), computed on the CPU.

    Args:
        run: The run directory.
        stored: uint8 (N, H, W) or (N, H, W, 3).
        backbone: Import path of the network, if it is one of the user's own; see `load_model`.
    """
    import torch

    from medunlearn.models import load_model

    network = load_model(run, backbone)
    channels, found = int(network.architecture["in_channels"]), list[Any]()
    with torch.inference_mode():
        for start in range(0, len(stored), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(stored[start : start + BATCH]))
            batch = batch.permute(0, 3, 1, 2) if batch.ndim == 4 else batch.unsqueeze(1)
            found.append(network(batch.expand(-1, channels, -1, -1)).float().numpy())
    return np.concatenate(found)
