"""What is known of a tried model: its description, as a JSON file.

Everything that follows is made from it, in whatever process: so it is complete, and a changed one
makes another data set and model. Where the model's files lie is no part of it, and kept beside it:
the same model elsewhere has the same description.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import BenchwrightError
from benchwright.layout import Layout

GROUP = "try"
"""The group of the campaigns that `benchwright try` makes."""

PRESET = "tried"
"""The one preset of a tried model."""

FORMAT = 2
"""Number of the description's form. One of another form is not read, but made anew."""

FORM_FACTORY = "benchwright.tried.export.modules:original"
"""What makes the torch form of a graph, where there is one."""

FOLDER = f"{Layout.of(f'{GROUP}/any').root}/tried"
"""Where descriptions lie, below the folder that the build runs in."""


class Source(NamedTuple):
    """A file that the model consists of: the name it is to have, where it lies, its sha256 and
    its size in bytes."""

    name: str
    path: str
    sha256: str
    size: int


class Input(NamedTuple):
    """One input of the program: what a sample has of it.

    shape: of one sample; a name in it is a size that differs by sample (`Description.sizes`).
    axis: where the batch is in the graph's own tensor; None where the graph takes one value for
    all. fill: how values are made up: `tokens` (limit: the size of the vocabulary), `ones`,
    `zeros`, `positions`, `normal`, `bytes`, `size` (of the first input whose size differs) or
    `constant` (limit: the value).
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    axis: int | None
    fill: str
    limit: float = 0.0


class Graph(NamedTuple):
    """A graph of the model: its name, its file among the sources, and its tensors as they are in
    the graph (dimensions of every batch are called N). torch: `factory`, `weights` and `arguments`
    of its torch form, where it has one."""

    name: str
    file: str
    inputs: tuple[tuple[str, str, tuple[int | str, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int | str, ...]], ...]
    torch: Mapping[str, Any] | None = None


class Description(NamedTuple):
    """A tried model.

    name: the benchmark's; title: the model as the user named it; request: what was asked for;
    driver: `call` (one call a batch), `generate` (a greedy loop with a key-value cache) or
    `translate` (the same, after an encoder); batch: how many samples a call takes, 0 for any
    number and -1 where the graph has no batch at all; sizes: (least, most) of each size that
    differs by sample; data: a file of real inputs; facts: what a person may want to know.
    """

    name: str
    title: str
    request: Mapping[str, Any]
    sources: tuple[Source, ...]
    graphs: tuple[Graph, ...]
    driver: str
    batch: int
    inputs: tuple[Input, ...]
    sizes: Mapping[str, tuple[int, int]]
    samples: int
    seed: int
    data: Source | None
    facts: Mapping[str, Any]

    @property
    def generates(self) -> bool:
        """Whether its program generates tokens, one after another."""
        return self.driver != "call"

    def text(self) -> str:
        """As the file has it."""
        values = {**self._asdict(), "format": FORMAT}
        for name in ("sources", "graphs", "inputs"):
            values[name] = [item._asdict() for item in values[name]]
        values["data"] = None if self.data is None else self.data._asdict()
        for item in (*values["sources"], values["data"] or {}):
            item.pop("path", None)
        return json.dumps(values, indent=1, sort_keys=True) + "\n"

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def save(self) -> None:
        """Writes the file and that of the places, unless they are there as they should be."""
        path = file_of(self.name)
        places = {item.name: item.path for item in self.sources}
        data = None if self.data is None else self.data.path
        _write(_places_of(path), json.dumps({"sources": places, "data": data}, indent=1) + "\n")
        _write(path, self.text())


def file_of(name: str) -> Path:
    """The file of the description of that name."""
    return Path(FOLDER, f"{name}.json")


def _places_of(path: Path) -> Path:
    return path.with_suffix(".places")


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def load(name: str) -> Description:
    """The description of that name; BenchwrightError where it cannot be read."""
    return parse(file_of(name))


def parse(path: Path) -> Description:
    """Reads a description's file. Without the file of the places beside it, paths are empty."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("it is of another version of Benchwright")
        places = _places_of(path)
        known = json.loads(places.read_text(encoding="utf-8")) if places.is_file() else {}
        paths, data = known.get("sources", {}), values["data"]
        values["sources"] = tuple(
            Source(path=paths.get(item["name"], ""), **item) for item in values["sources"]
        )
        values["data"] = data and Source(path=known.get("data") or "", **data)
        values["graphs"] = tuple(
            Graph(
                item["name"],
                item["file"],
                _tensors(item["inputs"]),
                _tensors(item["outputs"]),
                item["torch"],
            )
            for item in values["graphs"]
        )
        values["inputs"] = tuple(
            Input(**{**item, "shape": tuple(item["shape"])}) for item in values["inputs"]
        )
        values["sizes"] = {name: (low, high) for name, (low, high) in values["sizes"].items()}
        return Description(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchwrightError(
            "the description of this tried model cannot be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="try the model again, or delete the file",
        ) from error


def _tensors(items: Any) -> tuple[tuple[str, str, tuple[int | str, ...]], ...]:
    return tuple((name, dtype, tuple(shape)) for name, dtype, shape in items)


def names() -> list[str]:
    """The names of all descriptions, sorted."""
    try:
        found = os.listdir(FOLDER)
    except OSError:
        return []
    return sorted(
        name.removesuffix(".json")
        for name in found
        if name.endswith(".json") and not name.startswith(".")
    )
