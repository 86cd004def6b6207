"""The base of the models of a receipt, and the forms of their values."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NOT_STATED = "not stated"

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Plain = bool | int | Number | str | None
"""A value of a setting."""


class Model(BaseModel):
    """The base of all parts."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
