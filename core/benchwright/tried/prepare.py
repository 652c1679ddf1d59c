"""From what is typed to a description: fetched, exported and understood."""

from __future__ import annotations

from pathlib import Path

from benchwright.errors import UsageError
from benchwright.tried.campaign import Way
from benchwright.tried.describe import describe
from benchwright.tried.described import Description
from benchwright.tried.request import Asked
from benchwright.tried.resolve import HubId, resolve


def prepare(text: str, asked: Asked, started: Path, way: Way, *, quiet: bool) -> Description:
    """The description of a model named on the command line."""
    found = resolve(text, started)
    if isinstance(found, HubId):
        raise UsageError("not yet")
    if found.onnx is None:
        raise UsageError("not yet")
    return describe(found, asked, {})
