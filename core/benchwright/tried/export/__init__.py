"""The stage `export`: a model folder becomes ONNX, once, in a process of its own.

The exporter is `torch.onnx`, which comes with torch, or optimum-onnx where that is asked for;
either exports the model that `transformers` has loaded. The first needs the extra `export`, the
second `optimum`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from benchwright.build.recipe import Kitchen, Recipe
from benchwright.build.task import product
from benchwright.distributions import installed_version, tool_versions
from benchwright.errors import BenchwrightError, UsageError
from benchwright.layout import Layout
from benchwright.tried.described import GROUP
from benchwright.tried.facts import CONFIG, PREPROCESSOR
from benchwright.tried.request import EXPORTERS, Asked
from benchwright.tried.resolve import Located, slug

TOOLS = ("torch", "transformers", "onnx")
_MORE_TOOLS = {"optimum": ("optimum", "optimum-onnx")}
_EXTRAS = {"torch": "export", "optimum": "optimum"}
_WEIGHTS = "*.safetensors"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth")
_USUAL_SECONDS = 10.0


def folder_of(model: Located, asked: Asked) -> str:
    """Where the export of a model lies."""
    what = f"{model.folder.resolve()}\n{asked.task}"
    if asked.exporter != EXPORTERS[0]:
        what += f"\n{asked.exporter}"
    mark = hashlib.sha256(what.encode()).hexdigest()[:8]
    return f"{Layout.of(f'{GROUP}/any').root}/exported/{slug(model.title)}-{mark}"


def task_of(model: Located, asked: Asked) -> dict[str, Any]:
    """The task that exports a model folder; UsageError where that cannot be done."""
    exporter = asked.exporter
    tools = (*TOOLS, *_MORE_TOOLS.get(exporter, ()))
    missing = [name for name in tools if installed_version(name) is None]
    if missing:
        raise UsageError(
            "this model has to be converted to ONNX first, and what does that is not installed",
            where=str(model.folder),
            why=f"missing: {', '.join(missing)}",
            fix=f"pip install 'benchwright[{_EXTRAS[exporter]}]', or name an .onnx file",
        )
    weights = _weights(model, asked)
    files = [model.folder / CONFIG, *weights]
    folder = folder_of(model, asked)
    name = f"export:{Path(folder).name}"
    size = sum(path.stat().st_size for path in weights)
    made = Recipe(
        task=name,
        call="benchwright.tried.export:build",
        folder=folder,
        parameters={"task": asked.task, "pickles": asked.pickles, "exporter": exporter},
        inputs={path.name: str(path) for path in files},
        tools=tool_versions(*tools),
        sources=("benchwright.tried.export",),
        log=f"{Path(folder).parent.parent}/logs/{name.replace(':', '/')}.log",
        aside={"folder": str(model.folder.resolve())},
        store="copy",
    )
    return product(
        made,
        doc=f"{model.title} as ONNX",
        seconds=_USUAL_SECONDS,
        disk_bytes=2 * size,
        resources={"cpu": 1, "memory": 3 * size + 1_000_000_000},
    )


def _weights(model: Located, asked: Asked) -> list[Path]:
    found = sorted(model.folder.glob(_WEIGHTS))
    if found:
        return found
    pickles = sorted(path for pattern in _PICKLES for path in model.folder.glob(pattern))
    if not pickles:
        raise UsageError(
            "this folder holds no weights",
            where=str(model.folder),
            why=f"there is a {CONFIG}, but no {_WEIGHTS}",
            fix="get the model's weights as well",
        )
    if not asked.pickles:
        raise UsageError(
            "this model's weights are pickles, which can run code of their author's",
            where=str(pickles[0]),
            why="only safetensors and ONNX are taken, unless you say otherwise",
            fix="get a revision with .safetensors files, or add `--allow-pickle` if you trust it",
        )
    return pickles


def build(kitchen: Kitchen) -> None:
    """Exports in a process of its own: graphs, facts, and the configuration beside them."""
    from benchwright.harness.guarded import run_guarded
    from benchwright.tried.export.child import FACTS, FAILURE

    source = Path(kitchen.recipe.aside["folder"])
    place = kitchen.scratch()
    spec = {
        "folder": str(source),
        "out": str(kitchen.out.resolve()),
        "task": kitchen.parameters["task"],
        "pickles": kitchen.parameters["pickles"],
        "exporter": kitchen.parameters["exporter"],
    }
    path = place.resolve() / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-m", "benchwright.tried.export.child", str(path)]
    total = int(_USUAL_SECONDS)
    status = run_guarded(
        command, kitchen.log, tick=lambda s: kitchen.progress(min(int(s), total), total)
    )
    failure = place / FAILURE
    if failure.exists():
        told = json.loads(failure.read_text(encoding="utf-8"))
        raise BenchwrightError(told["what"], where=told["where"], why=told["why"], fix=told["fix"])
    if status != 0:
        raise BenchwrightError(
            "the process that exports this model ended before it was done",
            where=str(source),
            why=f"exit status {status}",
            fix="see the log; status 137 often means that memory ran out",
        )
    facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
    kitchen.facts.update(facts)
    kitchen.note(f"largest difference from the original: {facts['largest_difference']:.3g}")
    for name in (CONFIG, PREPROCESSOR):
        if (source / name).is_file():
            (kitchen.out / name).write_bytes((source / name).read_bytes())
