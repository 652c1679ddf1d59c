"""The same graphs for four builders: ours, doit as it is, GNU make and ninja.

A shape is written below a folder of its own as if it had just been built, so that a builder's
next call has nothing to do. `python noop_graphs.py SHAPE COUNT` in that folder is our builder's.

Shapes: `chains`: COUNT tasks in chains of ten, each from the one before it, the first from a
source file; `fan-in`: COUNT tasks and one that takes the results of all; `data-set`: one data
set of COUNT files under ten tasks.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CHAIN = 10
USERS = 10
"""Tasks that take the data set."""


class Node(NamedTuple):
    """One task: its number, the numbers of the tasks that it takes, and its source files."""

    number: int
    takes: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()


def nodes(shape: str, count: int) -> Iterator[Node]:
    """The tasks of a shape, each after those that it takes."""
    if shape == "chains":
        for number in range(count):
            if number % CHAIN:
                yield Node(number, takes=(number - 1,))
            else:
                yield Node(number, sources=(f"source/{number}",))
    elif shape == "fan-in":
        for number in range(count):
            yield Node(number, sources=(f"source/{number}",))
        yield Node(count, takes=tuple(range(count)))
    else:
        yield Node(0, sources=tuple(f"source/{number}" for number in range(count)))
        for number in range(1, USERS + 1):
            yield Node(number, takes=(0,))


def _sources(folder: Path, shape: str, count: int) -> None:
    (folder / "source").mkdir(parents=True)
    for node in nodes(shape, count):
        for name in node.sources:
            (folder / name).write_text(name)


def _outputs(folder: Path, shape: str, count: int) -> None:
    (folder / "out").mkdir()
    for node in nodes(shape, count):
        (folder / f"out/{node.number}").write_text(str(node.number))


def _files(node: Node) -> list[str]:
    return [*node.sources, *(f"out/{other}" for other in node.takes)]


def write_make(folder: Path, shape: str, count: int) -> None:
    """A Makefile, and files in the order in which it would make them."""
    _sources(folder, shape, count)
    _outputs(folder, shape, count)
    with (folder / "Makefile").open("w") as text:
        every = " ".join(f"out/{node.number}" for node in nodes(shape, count))
        text.write(f"all: {every}\n")
        for node in nodes(shape, count):
            text.write(f"out/{node.number}: {' '.join(_files(node))}\n\ttouch $@\n")


def write_ninja(folder: Path, shape: str, count: int) -> None:
    """A build.ninja. Its rule is a generator's: ninja then needs no log of a build that 50,000
    processes would have had to do; what it saves is one look-up in that log for each file."""
    _sources(folder, shape, count)
    _outputs(folder, shape, count)
    with (folder / "build.ninja").open("w") as text:
        text.write("rule touch\n  command = touch $out\n  generator = 1\n")
        for node in nodes(shape, count):
            text.write(f"build out/{node.number}: touch {' '.join(_files(node))}\n")


_DODO = """\
import sys

sys.path.insert(0, {here!r})
import noop_graphs

DOIT_CONFIG = {{"backend": "sqlite3", "dep_file": "doit.sqlite3"}}


def task_node():
    yield from noop_graphs.plain_tasks({shape!r}, {count})
"""


def plain_tasks(shape: str, count: int) -> Iterator[dict[str, Any]]:
    """Task dicts as doit's users write them. doit has no manifests: each user of a data set
    names its files."""
    data = [f"source/{number}" for number in range(count)]
    for node in nodes(shape, count):
        yield {
            "name": str(node.number),
            "actions": [(touch, [f"out/{node.number}"])],
            "file_dep": data if shape == "data-set" else _files(node),
            "targets": [f"out/{node.number}"],
        }


def touch(path: str) -> None:
    """A plain action."""
    with open(path, "a"):
        pass


def write_doit(folder: Path, shape: str, count: int) -> None:
    """A dodo.py; the first call records the tasks."""
    _sources(folder, shape, count)
    _outputs(folder, shape, count)
    here = str(Path(__file__).parent)
    (folder / "dodo.py").write_text(_DODO.format(here=here, shape=shape, count=count))


def our_tasks(shape: str, count: int) -> Iterator[dict[str, Any]]:
    """The same tasks through `benchwright.build.task.product`."""
    from benchwright.build.recipe import Recipe
    from benchwright.build.task import product

    for node in nodes(shape, count):
        inputs = {str(other): f"out/{other}/manifest.json" for other in node.takes}
        if shape != "data-set":
            inputs |= {name: name for name in node.sources}
        folder = f"out/{node.number}"
        made = Recipe(
            task=f"node:{node.number}",
            call="benchwright.layout:touch",
            folder=folder,
            parameters={"number": node.number, "kind": shape},
            inputs=inputs,
            tools={"doit": "0.37"},
            log=f"{folder}.log",
        )
        yield product(made, doc="a node", files=("data",) if shape != "data-set" else ())


def write_ours(folder: Path, shape: str, count: int) -> None:
    """Finished artifacts with manifest and recipe; the first call finds them right and records
    them. Written here without the flushes to disk of a real build, which only take time."""
    from benchwright.build import artifact
    from benchwright.build.task import META

    _sources(folder, shape, count)
    before = os.getcwd()
    os.chdir(folder)
    try:
        for node, task in zip(nodes(shape, count), our_tasks(shape, count), strict=True):
            made = task["meta"][META]["recipe"]
            place = Path(made.folder)
            place.mkdir(parents=True)
            for name in node.sources if shape == "data-set" else ("data",):
                (place / name).parent.mkdir(exist_ok=True)
                (place / name).write_text(str(node.number))
            (place / "manifest.json").write_text(artifact.Manifest(artifact.scan(place)).to_json())
            how = {
                "task": made.task,
                "key": made.key(),
                "ingredients": made.ingredients(),
                "inputs": made.input_digests(),
            }
            (place / "recipe.json").write_text(json.dumps(how))
    finally:
        os.chdir(before)


def main(shape: str, count: str) -> int:
    """Our builder's call."""
    from benchwright.build.engine import run_tasks
    from benchwright.garbage import none_until_work

    with none_until_work():
        return run_tasks(our_tasks(shape, int(count)), [])


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
