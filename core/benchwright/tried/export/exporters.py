"""The exporters: each writes a model's graphs as ONNX files, from the model as it was loaded.

Only the exporting process imports this.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.errors import BenchwrightError
from benchwright.tried.export.units import Unit, decodes

OPSET = 17
"""Operators that every backend knows."""

Export = Callable[[Sequence[Unit], Any, str, Path], None]
"""Writes the files of some units, which are all of a model for a task, into a folder."""


def export(exporter: str, units: Sequence[Unit], model: Any, task: str, out: Path) -> None:
    """Writes a model's graphs. exporter: see `request.EXPORTERS`."""
    try:
        _EXPORTERS[exporter](units, model, task, out)
    except BenchwrightError:
        raise
    except Exception as error:
        # What an exporter raises has no common base.
        told = str(error).strip().splitlines() or [""]
        raise BenchwrightError(
            f"the exporter `{exporter}` cannot export this model",
            why=f"{type(error).__name__}: {told[0]}",
            fix="try another with `--exporter`, a newer transformers, or an ONNX file from "
            "elsewhere",
        ) from error


def _torch(units: Sequence[Unit], model: Any, task: str, out: Path) -> None:
    import torch

    for unit in units:
        inputs = tuple(unit.sample(1))
        # The exporter leaves a module in the mode that it says it was in.
        unit.module.eval()
        # Called once before, so that the outputs' names are known.
        unit.module(*inputs)
        outputs = list(unit.outputs())
        names = (*unit.inputs, *outputs)
        torch.onnx.export(
            unit.module,
            inputs,
            str(out / unit.file),
            input_names=list(unit.inputs),
            output_names=outputs,
            dynamic_axes={name: dict(unit.axes.get(name, {0: "batch"})) for name in names},
            opset_version=OPSET,
            dynamo=False,
        )


def _optimum(units: Sequence[Unit], model: Any, task: str, out: Path) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    if len(units) > 1:
        raise BenchwrightError(
            "models of an encoder and a decoder are not exported with optimum-onnx here",
            why="it cuts their decoder into graphs for the first token and for the others, which "
            "the loop that generates does not run",
            fix="leave out `--exporter optimum`",
        )
    with tempfile.TemporaryDirectory(dir=out) as place:
        # Configurations that it writes as well stay there. Its own opset, which it knows best.
        onnx_export_from_model(
            model,
            Path(place),
            task=f"{task}-with-past" if decodes(task) else task,
            do_validation=False,
        )
        for path in Path(place).glob("*.onnx*"):
            os.replace(path, out / path.name)


_EXPORTERS: Mapping[str, Export] = {"torch": _torch, "optimum": _optimum}
