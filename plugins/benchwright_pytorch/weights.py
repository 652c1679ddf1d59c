"""Modules and their weights: made by a graph's factory, filled from safetensors or from the
initialisers of an ONNX graph. No pickle is read.

The weights that a `TorchForm` names are a file of the model artifact. Where that is an ONNX graph,
its initialisers are the state by name, so that a benchmark whose graph is written with the names
of its module's state needs no second file of weights. A module whose graph holds them otherwise
has a method `graph_state(weights)` that returns the state.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchwright.contracts.program import Graph, Program, TorchForm
from benchwright.errors import BenchwrightError

try:
    import torch
    from onnx import TensorProto, helper, load_model, numpy_helper
    from safetensors.torch import load_file
except ModuleNotFoundError as missing:
    raise BenchwrightError(
        "the backend `pytorch` needs the packages torch, safetensors and onnx",
        why=str(missing),
        fix="pip install 'benchwright[torch]'",
    ) from missing

State = dict[str, torch.Tensor]

_UNUSED = "num_batches_tracked"
"""What a batch normalisation counts in training: graphs lack it, and nothing is computed of it."""


def torch_form(program: Program, graph: Graph) -> TorchForm:
    """The graph's torch form; BenchwrightError where it has none."""
    if graph.torch is None:
        raise BenchwrightError(
            f"graph `{graph.name}` of `{program.name}` has no torch form",
            why=f"it comes as {', '.join(graph.forms) or 'nothing at all'}",
            fix="choose a backend that takes one of its forms, or another preset",
        )
    return graph.torch


def make_module(form: TorchForm) -> torch.nn.Module:
    """The module that the form's factory makes, in evaluation mode, with weights of its own."""
    package, _, name = form.factory.partition(":")
    try:
        made = getattr(importlib.import_module(package), name)(**form.arguments)
    except Exception as error:
        # The factory is a benchmark's code: it may raise anything.
        raise BenchwrightError(
            "this torch module cannot be made",
            where=form.factory,
            why=f"{type(error).__name__}: {error}",
        ) from error
    if not isinstance(made, torch.nn.Module):
        raise BenchwrightError(
            "this factory makes no torch module",
            where=form.factory,
            why=f"it returned {type(made).__name__}",
        )
    return made.eval()


def require_outputs(module: torch.nn.Module, graph: Graph, form: TorchForm) -> None:
    """Holds the graph's outputs to those that the module names in `output_names`, if it does."""
    known = getattr(module, "output_names", None)
    for spec in graph.outputs:
        if known is not None and spec.name not in known:
            raise BenchwrightError(
                f"this module has no output `{spec.name}`",
                where=form.factory,
                why=f"its outputs are {', '.join(known)}",
            )


def fill(module: torch.nn.Module, path: Path) -> None:
    """Gives the module its weights from a file; BenchwrightError where they are not those."""
    state = read_state(path)
    turned: Any = getattr(module, "graph_state", None)
    if path.suffix == ".onnx" and turned is not None:
        state = turned(state)
    wanted = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    wanted &= {name for name in module.state_dict() if not name.endswith(_UNUSED)}
    if lacking := sorted(wanted - set(state)):
        raise BenchwrightError(
            f"this file lacks weights of the module {type(module).__name__}",
            where=str(path),
            why=f"{len(lacking)} are not in it, such as {', '.join(lacking[:3])}",
        )
    unknown = sorted(set(state) - set(module.state_dict()))
    if unknown and path.suffix != ".onnx":
        # A graph's initialisers may be shapes and axes as well.
        raise BenchwrightError(
            f"this file has weights that the module {type(module).__name__} does not",
            where=str(path),
            why=f"{len(unknown)} of them, such as {', '.join(unknown[:3])}",
        )
    try:
        module.load_state_dict({name: state[name] for name in wanted}, strict=False)
    except RuntimeError as error:
        raise BenchwrightError(
            f"these weights do not fit the module {type(module).__name__}",
            where=str(path),
            why=str(error).splitlines()[-1].strip(),
        ) from error


def read_state(path: Path) -> State:
    """Tensors by name, mapped rather than read where that can be.

    path: a safetensors file, or an ONNX graph with its weights inside or beside it. Raises
    BenchwrightError for anything else, and for a missing or damaged file.
    """
    readers: dict[str, Callable[[Path], State]] = {
        ".safetensors": load_file,
        ".onnx": _initialisers,
    }
    if path.suffix not in readers:
        raise BenchwrightError(
            "weights in this form are not read",
            where=str(path),
            why=f"known are {', '.join(readers)}; a checkpoint that is a pickle can run code",
            fix="let the model task write safetensors (benchwright.checkpoint)",
        )
    try:
        return readers[path.suffix](path)
    except Exception as error:
        # A missing file, and whatever the libraries make of a damaged one.
        raise BenchwrightError(
            "these weights cannot be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="run the model task again",
        ) from error


def _initialisers(path: Path) -> State:
    graph = load_model(str(path), load_external_data=False).graph
    return {item.name: torch.from_numpy(_array(item, path.parent)) for item in graph.initializer}


def _array(tensor: Any, folder: Path) -> Any:
    """A tensor's values as a writable array; what lies beside the graph is mapped."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.array(numpy_helper.to_array(tensor))
    facts = {item.key: item.value for item in tensor.external_data}
    place = facts["location"]
    if Path(place).name != place:
        raise ValueError(f"the weight {tensor.name} lies outside the model's folder: {place}")
    return np.memmap(
        folder / place,
        dtype=helper.tensor_dtype_to_np_dtype(tensor.data_type),
        # Copied where it is written to: torch knows no read-only arrays.
        mode="c",
        offset=int(facts.get("offset", 0)),
        shape=tuple(tensor.dims),
    )
