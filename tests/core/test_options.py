"""Options: declared once; unknown names and impossible numbers are refused."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from benchwright.options import Options, describe


class Inner(Options):
    """A part."""

    size: int = Field(3, description="how large")


class Sample(Options):
    """One of everything."""

    name: str = Field(description="what it is called")
    level: Literal["low", "high"] = Field("low", description="how much")
    rate: float | None = Field(None, gt=0, description="how fast")
    names: list[str] = Field(default_factory=list, description="many")
    inner: Inner = Field(default_factory=Inner, description="a part")
    switch: bool = False


def test_descriptions_come_from_the_model() -> None:
    assert list(describe(Sample)) == [
        ("name", "string", "required", "what it is called"),
        ("level", "low | high", "'low'", "how much"),
        ("rate", "number | null", "None", "how fast"),
        ("names", "list of string", "[]", "many"),
        ("inner", "Inner", "Inner(size=3)", "a part"),
        ("switch", "boolean", "False", ""),
    ]
    assert list(describe(Options)) == []


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample.model_validate({"name": "a", "nam": "b"})


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), 0, -1, "fast"])
def test_numbers_that_cannot_be_are_refused(rate: object) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"name": "a", "rate": rate})


def test_options_cannot_be_changed_later() -> None:
    sample = Sample(name=" spaced ")
    assert sample.name == "spaced"
    with pytest.raises(ValidationError, match="frozen"):
        sample.name = "b"
