"""What is meant by a MODEL on the command line: an ONNX file, a folder, or a Hugging Face id."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from benchwright.errors import UsageError, did_you_mean
from benchwright.tried.facts import CONFIG

ONNX_PLACES = ("onnx/model.onnx", "model.onnx", "onnx/decoder_model_merged.onnx")
"""Where a folder that holds ONNX has it, the usual place first."""

_HUB_ID = re.compile(
    r"(?P<repo>[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)"
    r"(?:@(?P<revision>[\w./-]+))?(?::(?P<subfolder>[\w./-]+))?"
)


class HubId(NamedTuple):
    """A model on a hub: revision is a branch, tag or commit, and None for the main one."""

    repo: str
    revision: str | None = None
    subfolder: str | None = None

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{self.repo}{at}{f':{self.subfolder}' if self.subfolder else ''}"


class Located(NamedTuple):
    """A model on this machine: onnx is its graph, None where it has to be exported; folder is
    where its configuration lies; title is what to call it."""

    title: str
    folder: Path
    onnx: Path | None


def resolve(text: str, started: Path) -> Located | HubId:
    """What is meant; UsageError where there is no such thing. started: where paths begin."""
    path = started / os.path.expanduser(text)
    if path.is_file():
        if path.suffix != ".onnx":
            raise UsageError(
                f"`{text}` is a file that is no ONNX model",
                where=str(path),
                why=_other_kind(path),
                fix="name an .onnx file, or the folder with the model's config.json",
            )
        return Located(path.stem, path.parent, path.resolve())
    if path.is_dir():
        return locate(path, path.resolve().name)
    found = _HUB_ID.fullmatch(text)
    looks_like_path = text.startswith((".", "/", "~")) or text.endswith(".onnx")
    if found is None or looks_like_path:
        raise UsageError(
            f"there is no file or folder `{text}`",
            where=str(path),
            why=_nearby(path),
            fix="name an .onnx file, a model folder, or a Hugging Face id such as "
            "`sentence-transformers/all-MiniLM-L6-v2`",
        )
    return HubId(found["repo"], found["revision"], found["subfolder"])


def locate(folder: Path, title: str) -> Located:
    """The model that a folder holds; UsageError where there is none."""
    for name in ONNX_PLACES:
        if (folder / name).is_file():
            return Located(title, _with_config(folder / name, folder), (folder / name).resolve())
    graphs = sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])
    if len(graphs) == 1:
        return Located(title, _with_config(graphs[0], folder), graphs[0].resolve())
    if graphs and not (folder / CONFIG).is_file():
        raise UsageError(
            "this folder holds several ONNX models",
            where=str(folder),
            why=", ".join(str(graph.relative_to(folder)) for graph in graphs[:8]),
            fix="name one of them",
        )
    if not (folder / CONFIG).is_file():
        raise UsageError(
            "this folder holds no model",
            where=str(folder),
            why=f"it has neither an .onnx file nor a {CONFIG}",
            fix="name an .onnx file, or a folder as Hugging Face's libraries save a model",
        )
    return Located(title, folder, None)


def config_folder(onnx: Path) -> Path:
    """Where the configuration of a lone graph lies, if anywhere: beside it, or above `onnx/`."""
    return _with_config(onnx, onnx.parent)


def _with_config(onnx: Path, folder: Path) -> Path:
    for place in (onnx.parent, onnx.parent.parent):
        if (place / CONFIG).is_file():
            return place
    return folder


def _other_kind(path: Path) -> str:
    if path.suffix in (".safetensors", ".bin", ".pt", ".pth"):
        return "weights alone do not say what the model computes"
    return f"its name ends in {path.suffix or 'nothing'}, not in .onnx"


def _nearby(path: Path) -> str | None:
    try:
        return did_you_mean(path.name, [item.name for item in path.parent.iterdir()]) or None
    except OSError:
        return f"there is no folder {path.parent} either"


def slug(title: str) -> str:
    """A title as a part of task names and paths."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", title).strip("-._") or "model"
