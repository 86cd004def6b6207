"""What a receipt states of what was measured."""

from pydantic import Field

from medunlearn.receipts.forms import Hash, Model, Number, Text


class Figures(Model):
    """Figures of a model in %, as `metrics.json` has them."""

    UA: Number | None
    RA: Number | None
    TA: Number | None
    MIA: Number | None


class ByGroup(Model):
    """Figures by patient, or by what else groups are, in %; a group counts once, however many images."""

    by: Text
    UA: Number | None
    recognised: Number | None = Field(description="Share of groups of which an image is still recognised.")
    MIA: Number | None


class Reference(Figures):
    """The retrained model that AG is computed against."""

    sha256: Hash


class Attack(Model):
    """Settings of the membership attack behind MIA."""

    feature: Text
    nonmembers: Text
    seed: int


class Verdict(Model):
    """The answer of an audit to one question."""

    question: Text
    measure: Text
    value: Number | None
    interval: list[Number] | None = Field(description="95 %.")
    band: list[Number] | None = Field(description="Lowest and highest value among Retrains.")
    untouched: Number | None
    answer: Text
    reason: Text


class Evidence(Model):
    """What was measured."""

    model: Figures
    untouched: Figures | None = Field(description="The original on the same images.")
    reference: Reference | None
    AG: Number | None = Field(description="Mean distance to the reference in percentage points.")
    proxy_gap: Number | None = Field(description="Mean distance to what is predicted of a Retrain, without one.")
    attack: Attack | None
    by_group: ByGroup | None
    audit: list[Verdict] | None = Field(description="None where there was no audit.")
