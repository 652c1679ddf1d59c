"""The graph of the synthetic campaign, and a program that builds it in the current folder:
`python -m functional.synthetic.build [JOBS]`.

Three layers, each task over two of the layer below; one task over all of them; a page and a tree
that are published elsewhere; one measured run.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from benchwright.build.recipe import Recipe
from benchwright.build.task import measurement, product

ROOT = "build/synthetic"
WIDTHS = (5, 5, 4)
PUBLISHED = (f"{ROOT}/page.html", f"{ROOT}/tree")
MEASURED = f"{ROOT}/runs/one"
GENERATION = "SYNTHETIC_GENERATION"
"""The environment variable with a text that goes into every file."""


def tasks() -> list[dict[str, Any]]:
    """The task dicts."""
    found = []
    below: list[str] = []
    every: list[str] = []
    for layer, width in enumerate(WIDTHS):
        made = [
            _recipe(
                f"layer{layer}:{number}",
                "several",
                inputs=[below[number % len(below)], below[(number + 1) % len(below)]]
                if below
                else [],
                seed=number,
            )
            for number in range(width)
        ]
        found += [product(one, doc="a task of a layer") for one in made]
        below = [f"{one.folder}/manifest.json" for one in made]
        every += below
    gathered = _recipe("gather", "several", inputs=every)
    found.append(product(gathered, doc="a task over all"))
    last = [f"{gathered.folder}/manifest.json"]
    page, tree = PUBLISHED
    found.append(
        product(_recipe("page", "single", inputs=last, publish=page), doc="page", targets=[page])
    )
    found.append(product(_recipe("tree", "several", inputs=last, publish=tree), doc="tree"))
    run = _recipe("run:one", "measured", inputs=last, folder=MEASURED)
    found.append(measurement(run, doc="a run", files=("result",), task_dep=["gather"], seconds=0.1))
    return found


def _recipe(
    task: str, call: str, *, inputs: list[str], seed: int = 0, publish: str = "", folder: str = ""
) -> Recipe:
    place = task.replace(":", "/")
    return Recipe(
        task=task,
        call=f"functional.synthetic.recipes:{call}",
        folder=folder or (f"{ROOT}/manifests/{place}" if publish else f"{ROOT}/{place}"),
        parameters={"seed": f"{seed}{os.environ.get(GENERATION, '')}"},
        inputs={str(number): path for number, path in enumerate(inputs)},
        log=f"{ROOT}/logs/{place}.log",
        publish=publish,
        store="" if publish or folder else "copy",
    )


def main(arguments: list[str]) -> int:
    """Builds everything."""
    from benchwright.build.engine import run_tasks

    return run_tasks(tasks(), [], jobs=int(arguments[0]) if arguments else 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
