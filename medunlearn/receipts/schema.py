"""What a receipt states: an in-toto Statement (version 1) whose predicate is this project's own.

Anything that is not in these models is rejected. Only the free text of `request` and `aftermath`, which the user gives,
could hold a path or a patient's name; nothing can hold a pixel.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from medunlearn.receipts.evidence_schema import Evidence
from medunlearn.receipts.forms import Count, Hash, Model, Number, Plain, Text

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:medunlearn:deletion-receipt:v1"
VERSION = "1.0"


class Digest(Model):
    """The digest of a file."""

    sha256: Hash


class Subject(Model):
    """A file that the receipt is about (ResourceDescriptor)."""

    name: Text = Field(description="Its name in the run directory; `original/` and `reference/` before other runs'.")
    digest: Digest


class Previous(Model):
    """The receipt of the request before this one."""

    id: Text
    sha256: Hash = Field(description="SHA-256 of its payload.")


class Identity(Model):
    """Which receipt this is, and what made it."""

    id: Text = Field(description="UUID, version 7.")
    created: Text = Field(description="RFC 3339, UTC, in milliseconds; the same moment as in the id.")
    tool: Text
    version: Text
    git_commit: Text | None = Field(
        description="Commit of the tool's own repository, with -dirty where it was changed."
    )
    previous: Previous | None = Field(description="None for the first request to a model.")


class Request(Model):
    """What was asked for, as the user states it."""

    case: Text = Field(description="The controller's reference, which means nothing to others; or `not stated`.")
    received: Text = Field(description="Date of the request; or `not stated`.")
    ground: Text = Field(description="The legal ground; or `not stated`.")
    approved_by: Text = Field(description="Role of who approved it; or `not stated`.")


class SplitCounts(Model):
    """Numbers of images of a split, by class number."""

    before: dict[str, Count] | None = Field(description="None where it is not known for lack of the data.")
    removed: Count
    after: dict[str, Count]


class Images(Model):
    """Numbers of images; those removed from validation and test are left out of every figure."""

    train: SplitCounts
    val: SplitCounts
    test: SplitCounts


class Commitments(Model):
    """A commitment to each image that was removed, in the order of the splits and of the images in them."""

    kind: Literal["salted", "keyed"] = Field(description="SHA-256 with a salt for each image, or HMAC-SHA-256.")
    train: list[Hash]
    val: list[Hash]
    test: list[Hash]
    merkle_root: Hash = Field(description="Root over all of them (RFC 6962).")


class Copies(Model):
    """Copies of removed training images among the retained, which teach what was to be forgotten."""

    exact: Count = Field(description="Removed images of which a retained one is the same in every pixel.")
    near: Count = Field(description="Further ones of which a retained one is the same when reduced to 16x16.")


class EarlierRequest(Model):
    """A request whose images are in the forget set too."""

    removed: dict[str, Count] = Field(description="Images by split.")
    split_sha256: Hash | None
    model_sha256: Hash | None
    proxy_gap: Number | None


class Data(Model):
    """Which images were removed."""

    name: Text = Field(description="Name of a public data set, or the one that the user gives; else `not stated`.")
    sha256: Hash = Field(description="Over types, shapes, images and labels, before.")
    sha256_after: Hash | None = Field(description="The same without the removed images; None for lack of the data.")
    split_sha256: Hash = Field(description="Over `sha256` and the forget set.")
    chosen_by: Text = Field(description="How the forget set was chosen: groups, indices, classes or rate.")
    group_by: Text | None = Field(description="The column that groups are of, such as patient.")
    groups: Count | None = Field(description="How many groups were withdrawn.")
    images: Images
    class_names: list[Text] | None
    commitments: Commitments | None = Field(description="None for lack of the data.")
    copies: Copies | None = Field(description="None where nobody has searched for them.")
    requests: list[EarlierRequest] = Field(description="Earlier requests to the same model, the first one first.")


class Process(Model):
    """How the images were removed from the model."""

    method: Text
    role: Literal["unlearned", "retrained"]
    settings: dict[str, Plain | list[Plain]] = Field(
        description="Resolved settings that are numbers or known words, by dotted name; no paths and no names."
    )
    seed: int | None
    deterministic: bool
    epochs: Count | None
    RTE: Number | None = Field(description="Run time in minutes.")
    hardware: dict[str, Plain]
    versions: dict[str, Plain]


class Descendant(Model):
    """Another run that started from the old model."""

    method: Text
    model_sha256: Hash | None
    removed_too: bool = Field(description="Whether the same images were removed from it.")


class Aftermath(Model):
    """What became of the old model, as the user states it, and what was found to be made of it."""

    original: Text = Field(description="What became of the original; or `not stated`.")
    backups: Text = Field(description="What becomes of backups; or `not stated`.")
    recipients: Text = Field(description="Who was informed; or `not stated`.")
    descendants: list[Descendant] | None = Field(description="None where nobody has searched for them.")


class Statements(Model):
    """What the receipt means, in plain words."""

    shows: list[str]
    does_not_show: list[str]
    not_done: list[str]


class Predicate(Model):
    """The receipt."""

    schema_version: Literal["1.0"]
    identity: Identity
    request: Request
    data: Data
    process: Process
    evidence: Evidence
    aftermath: Aftermath
    statement: Statements


class Statement(Model):
    """An in-toto Statement with a receipt as its predicate: the payload of `receipt.json`."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[Subject], Field(min_length=1)]
    predicateType: Literal["urn:medunlearn:deletion-receipt:v1"]
    predicate: Predicate

    def to_bytes(self) -> bytes:
        """Return it as JSON text."""
        return (json.dumps(self.model_dump(by_alias=True), indent=1) + "\n").encode()


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a statement, as `docs/receipt.schema.json` has it.

    Example:
        >>> json_schema()["title"]
        'Statement'
    """
    return Statement.model_json_schema(by_alias=True)
