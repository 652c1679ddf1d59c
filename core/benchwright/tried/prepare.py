"""From what is typed to a description: fetched, exported and understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchwright.build.artifact import read_manifest
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.tried.describe import describe
from benchwright.tried.described import Description
from benchwright.tried.request import EXPORTERS, Asked
from benchwright.tried.resolve import HubId, Located, locate, resolve

RunTasks = Callable[[list[dict[str, Any]]], int]
"""Runs tasks that have to be done before a model is understood; returns the exit code."""


def prepare(text: str, asked: Asked, started: Path, run: RunTasks) -> Description:
    """The description of a model named on the command line; BenchwrightError where it cannot be
    had, converted or understood."""
    found = resolve(text, started)
    about: dict[str, Any] = {}
    if isinstance(found, HubId):
        from benchwright.tried.hub import fetch

        fetched = fetch(found, asked)
        about |= {"weights": fetched.origin, "commit": fetched.commit}
        found = locate(fetched.folder, found.repo)
    if found.onnx is None:
        found, more = _exported(found, asked, run)
        about |= more
    elif asked.exporter != EXPORTERS[0]:
        raise UsageError(
            "`--exporter` is for models that have to be converted to ONNX",
            where=str(found.onnx),
            why="this one is there as ONNX",
            fix="leave it out",
        )
    return describe(found, asked, about)


def _exported(model: Located, asked: Asked, run: RunTasks) -> tuple[Located, Mapping[str, Any]]:
    from benchwright.tried import export

    task = export.task_of(model, asked)
    if run([task]) != ExitCode.OK:
        raise BenchwrightError(
            f"{model.title} could not be converted to ONNX",
            where=str(model.folder),
            why="see above",
        )
    place = Path(export.folder_of(model, asked))
    graph = next(name for name in ("model.onnx", "encoder_model.onnx") if (place / name).is_file())
    facts = {"exported": dict(read_manifest(place).facts), "weights": model.title}
    return Located(model.title, place, (place / graph).resolve()), facts
