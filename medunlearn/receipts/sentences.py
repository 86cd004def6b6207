"""What a receipt means, in plain words. It draws no legal conclusion."""

from collections.abc import Iterator

from medunlearn.errors import counted
from medunlearn.metrics.notes import COLLAPSE
from medunlearn.receipts.evidence_schema import Evidence
from medunlearn.receipts.forms import NOT_STATED
from medunlearn.receipts.schema import Aftermath, Data, Process, Statements

LIMITS = (
    "That the images cannot be recovered from the model by any means: a stronger attack than those named here may find "
    "more.",
    "That the procedure was carried out as stated: whoever owns a model and its files can write any figures. The "
    "digests bind the files to each other and to the signature, so that the files can be examined.",
    "That no copy of the old model or of the images is left elsewhere, such as in backups or with recipients.",
    "Whether any law is complied with: that is for the reader to judge.",
)


def statements(data: Data, process: Process, evidence: Evidence, aftermath: Aftermath, signed: bool) -> Statements:
    """Return what the receipt shows, what it does not show, and what was not done.

    Args:
        data: Which images were removed.
        process: How they were removed.
        evidence: What was measured.
        aftermath: What became of the old model.
        signed: Whether the receipt is signed.
    """
    return Statements(
        shows=[*_shows(data, process, evidence)],
        does_not_show=[*LIMITS],
        not_done=[*_not_done(data, evidence, aftermath, signed)],
    )


def _shows(data: Data, process: Process, evidence: Evidence) -> Iterator[str]:
    removed = counted(data.images.train.removed, "training image")
    if process.role == "retrained":
        yield f"The model was trained again without {removed} ({process.method})."
    else:
        yield f"The original model was changed by {process.method}, which aims at one that never saw {removed}."
    if left_out := data.images.val.removed + data.images.test.removed:
        yield f"{counted(left_out, 'validation or test image')} of the same groups are left out of every figure."
    if data.copies and (number := data.copies.exact + data.copies.near):
        found = f"{data.copies.exact} exact, {data.copies.near} near"
        verb = "has a copy" if number == 1 else "have a copy"
        yield (
            f"{counted(number, 'removed training image')} {verb} among the retained ones ({found}): what these teach "
            "is not forgotten."
        )
    yield from _errors(evidence)
    if evidence.AG is not None:
        yield f"Its figures lie {evidence.AG:.2f} percentage points (AG) from those of a model trained without them."
    if evidence.proxy_gap is not None:
        yield (
            f"Its figures lie {evidence.proxy_gap:.2f} percentage points (proxy gap) from what is predicted of such a "
            "model from validation images."
        )
    if evidence.audit:
        answers = [each.answer for each in evidence.audit]
        found = ", ".join(f"{answers.count(each)} {each}" for each in dict.fromkeys(answers))
        yield f"An audit asked {counted(len(answers), 'question')}, whether it is as retrained models are: {found}."


def _errors(evidence: Evidence) -> Iterator[str]:
    before, after = evidence.untouched, evidence.model
    if before is None:
        return
    if before.UA is not None and after.UA is not None:
        yield f"It errs on {after.UA:.1f} % of the removed training images, the original model on {before.UA:.1f} %."
    lost = {"retained": (before.RA, after.RA), "test": (before.TA, after.TA)}
    for which, (was, found) in lost.items():
        if was is not None and found is not None and was - found > COLLAPSE:
            yield f"It has collapsed: {was - found:.1f} points fewer {which} images are classified right than before."


def _not_done(data: Data, evidence: Evidence, aftermath: Aftermath, signed: bool) -> Iterator[str]:
    if not signed:
        yield "The receipt is not signed: nothing shows who made it, nor that it was not changed."
    if data.commitments is None:
        yield "No commitments to the images: the data were not at hand."
    if evidence.reference is None:
        yield "No comparison with a model that was retrained without the images."
    if evidence.audit is None:
        yield "No audit."
    if aftermath.descendants is None:
        yield "No search for other models that were made from the old one."
    for name, value in (("original", "the old model"), ("backups", "backups"), ("recipients", "recipients")):
        if getattr(aftermath, name) == NOT_STATED:
            yield f"Nothing is stated about {value}."
    yield "No time stamp by a third party: the date is that of the machine."
    if data.copies is None:
        yield "No search for copies of the removed images among the retained ones."
