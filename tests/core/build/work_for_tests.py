"""Functions that recipes of the tests name."""

from __future__ import annotations

import os
from pathlib import Path

from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError


def write(kitchen: Kitchen) -> None:
    """Writes the parameter `text`, and counts its calls in the file named by `count`."""
    given = kitchen.parameters
    if "count" in given:
        with Path(given["count"]).open("a", encoding="utf-8") as stream:
            stream.write("x")
    (kitchen.scratch() / "draft").write_text("draft", encoding="utf-8")
    (kitchen.out / "text.txt").write_text(given["text"], encoding="utf-8")
    (kitchen.out / "sub").mkdir()
    (kitchen.out / "sub" / "empty").touch()
    for name in kitchen.recipe.inputs:
        (kitchen.out / f"from-{name}").write_bytes(kitchen.input(name).read_bytes())
    kitchen.facts["length"] = len(given["text"])
    kitchen.note("noted")


def page(kitchen: Kitchen) -> None:
    """Writes one file of the name it is published by."""
    (kitchen.out / "page.html").write_text(kitchen.parameters["text"], encoding="utf-8")


def own(kitchen: Kitchen) -> None:
    """Takes files of the user's own as they lie."""
    from benchwright.build.artifact import scan

    kitchen.root = kitchen.parameters["folder"]
    kitchen.files = scan(Path(kitchen.parameters["folder"]))


def fail(kitchen: Kitchen) -> None:
    """Fails in the way that the parameter `how` says, with half its work done."""
    (kitchen.out / "half").write_text("half", encoding="utf-8")
    how = kitchen.parameters["how"]
    if how == "explained":
        raise BenchwrightError("the file is bad", where="x:1", fix="get a good one")
    if how == "bug":
        raise ZeroDivisionError("one by nought")
    if how == "interrupt":
        raise KeyboardInterrupt
    raise OSError(int(how), os.strerror(int(how)), str(kitchen.out / "half"))
