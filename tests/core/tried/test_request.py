"""What the command line says of inputs."""

from __future__ import annotations

import pytest

from benchwright.errors import UsageError
from benchwright.tried.request import Asked, parse_lengths, parse_shapes


def test_shapes() -> None:
    assert parse_shapes(["a=1,2", "b.c=3", "x:0=4x5"]) == {"a": (1, 2), "b.c": (3,), "x:0": (4, 5)}


@pytest.mark.parametrize("text", ["a", "a=", "a=0", "a=1,", "a=-1", "a=1;2"])
def test_no_shapes(text: str) -> None:
    with pytest.raises(UsageError, match="is no shape"):
        parse_shapes([text])


def test_a_shape_given_twice() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_shapes(["a=1", "a=2"])


def test_lengths() -> None:
    assert parse_lengths("16") == (16, 16)
    assert parse_lengths("16..512") == (16, 512)
    assert parse_lengths(None) is None


@pytest.mark.parametrize("text", ["", "0", "16..", "a..b", "5..4", "1...2"])
def test_no_lengths(text: str) -> None:
    with pytest.raises(UsageError):
        parse_lengths(text)


def test_a_record_holds_what_was_given() -> None:
    assert Asked().record() == {}
    assert Asked(lengths=(1, 2), shapes={"a": (3,)}).record() == {
        "lengths": [1, 2],
        "shapes": {"a": [3]},
    }
