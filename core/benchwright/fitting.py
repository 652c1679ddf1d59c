"""Whether a model's file fits the graph that a program names: what every backend asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchwright.contracts.program import Graph
from benchwright.contracts.tensor import TensorSpec
from benchwright.errors import BenchwrightError

_FIX = "use the model file that the benchmark names"

Found = tuple[str, Sequence[int | str] | None]
"""An input as the file has it: NumPy's name of its dtype, and its axes, an open one by any text
(None where the file leaves them out)."""


def require_fit(
    graph: Graph, path: Path, inputs: Mapping[str, Found], outputs: Iterable[str]
) -> None:
    """BenchwrightError where the file lacks a tensor of the graph, takes an input that nobody would
    give it, or has an input of another dtype, rank, or size of an axis that is fixed on both sides.

    inputs: those that must be given at each call, by name.
    """
    _require_names("input", [spec.name for spec in graph.inputs], list(inputs), path)
    _require_names("output", [spec.name for spec in graph.outputs], list(outputs), path)
    wanted = [spec.name for spec in graph.inputs]
    for name in inputs:
        if name not in wanted:
            raise BenchwrightError(
                f"this model also takes the input `{name}`",
                where=str(path),
                why=f"the benchmark gives it {', '.join(wanted)}",
                fix=_FIX,
            )
    for spec in graph.inputs:
        _require_input(spec, inputs[spec.name], path)


def _require_names(kind: str, names: Sequence[str], found: Sequence[str], path: Path) -> None:
    for name in names:
        if name not in found:
            raise BenchwrightError(
                f"this model has no {kind} `{name}`",
                where=str(path),
                why=f"its {kind}s are {', '.join(sorted(found))}",
                fix=_FIX,
            )


def _require_input(spec: TensorSpec, found: Found, path: Path) -> None:
    dtype, given = found
    axes = spec.shape if given is None else given
    fits = len(axes) == len(spec.shape) and all(
        own == wanted or not (isinstance(own, int) and isinstance(wanted, int))
        for own, wanted in zip(axes, spec.shape, strict=True)
    )
    if not fits or dtype != spec.dtype:
        raise BenchwrightError(
            f"the input `{spec.name}` of this model is {dtype} [{', '.join(map(str, axes))}]",
            where=str(path),
            why=f"the benchmark's is {spec.dtype} [{', '.join(map(str, spec.shape))}]",
            fix=_FIX,
        )
