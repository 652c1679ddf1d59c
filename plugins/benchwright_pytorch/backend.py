"""Building and opening PyTorch engines.

An engine is the weights of each of the program's graphs in the precision to compute in, one file
`<graph>.safetensors` by graph name; the module is made anew by the graph's factory.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from benchwright.bfloat16 import BFLOAT16, require_bfloat16, write_note
from benchwright.contracts.backend import Backend
from benchwright.contracts.program import Graph, Program, Sessions
from benchwright.errors import BenchwrightError
from benchwright_pytorch.precision import FLOAT32, INSTEAD, NOTE, precision_of
from benchwright_pytorch.weights import fill, make_module, require_outputs, torch_form

# Behind weights, which says what to install where torch is missing.
import torch  # isort: skip
from safetensors import SafetensorError  # isort: skip
from safetensors.torch import load_model, save_model  # isort: skip

from benchwright_pytorch.session import PyTorchSession  # isort: skip

DTYPES = {FLOAT32: torch.float32, BFLOAT16: torch.bfloat16}


class PyTorchBackend(Backend):
    """The backend behind the name `pytorch`."""

    def __init__(self) -> None:
        self._modules: WeakValueDictionary[tuple[Any, ...], torch.nn.Module] = WeakValueDictionary()
        _hear_warning_once()

    def build_engine(
        self, program: Program, model: Path, options: Mapping[str, Any], out: Path
    ) -> Mapping[str, Any]:
        precision = precision_of(model)
        if precision == BFLOAT16:
            require_bfloat16(INSTEAD)
        parameters = 0
        for graph in program.graphs:
            form = torch_form(program, graph)
            module = make_module(form)
            require_outputs(module, graph, form)
            fill(module, model / form.weights)
            save_model(module.to(_dtype(module, precision)), str(out / f"{graph.name}.safetensors"))
            parameters += sum(item.numel() for item in module.parameters())
        write_note(out / NOTE, precision)
        return {"precision": precision, "parameters": parameters}

    def open(
        self, program: Program, engine: Path, options: Mapping[str, Any], threads: int
    ) -> Sessions:
        precision = precision_of(engine)
        # For threads that are yet to call torch; a session sees to its own.
        torch.set_num_threads(threads)
        sessions = {}
        for graph in program.graphs:
            module = self._module(program, graph, engine, precision, options)
            dtype = _dtype(module, precision)
            sessions[graph.name] = PyTorchSession(module, graph, dtype, threads)
        return sessions

    def _module(
        self,
        program: Program,
        graph: Graph,
        engine: Path,
        precision: str,
        options: Mapping[str, Any],
    ) -> torch.nn.Module:
        """The graph's module, the same for all instances that are open: weights are held once."""
        path = engine / f"{graph.name}.safetensors"
        try:
            status = path.stat()
        except OSError as error:
            raise BenchwrightError(
                "this engine has no such file", where=str(path), fix="run the engine task again"
            ) from error
        key = (path, status.st_mtime_ns, status.st_ino, *sorted(options.items()))
        module = self._modules.get(key)
        if module is None:
            module = make_module(torch_form(program, graph))
            module = module.to(_dtype(module, precision))
            try:
                load_model(module, str(path))
            except (RuntimeError, SafetensorError, OSError) as error:
                raise BenchwrightError(
                    "this engine cannot be loaded",
                    where=str(path),
                    why=str(error).splitlines()[0],
                    fix="delete it and run the engine task again",
                ) from error
            if options["channels_last"]:
                turned: Any = module
                module = turned.to(memory_format=torch.channels_last)
            if options["compile"]:
                module = _compiled(module)
            self._modules[key] = module
        return module


def _dtype(module: torch.nn.Module, precision: str) -> torch.dtype:
    """What the module is computed in: `full_precision` keeps it in float32."""
    return DTYPES[FLOAT32 if getattr(module, "full_precision", False) else precision]


def _compiled(module: torch.nn.Module) -> torch.nn.Module:
    """The module, compiled when it is first called, for any batch and any number of threads."""
    # Before the import, which sets it to a folder that everybody can find and fill.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(_cache()))
    from torch._functorch import config as functorch
    from torch._inductor import config as inductor

    # What these would keep for another process is pickles.
    inductor.fx_graph_cache = False
    functorch.enable_autograd_cache = False
    # Compiled here and now: no pool of processes beside a measured run.
    inductor.compile_threads = 1
    compiled: Any = torch.compile(module, dynamic=True, options={"cpp.dynamic_threads": True})
    made: torch.nn.Module = compiled
    return made


def _cache() -> Path:
    """Where compiled code lies, in a folder that others cannot write to."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "benchwright" / "torchinductor"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _hear_warning_once() -> None:
    """torch warns, once in a process, of arrays that must not be written to; samples are such, and
    no module writes into its inputs."""
    array = np.zeros(1, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.from_numpy(array)
