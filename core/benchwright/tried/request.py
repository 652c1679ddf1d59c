"""What a person asks of the models to be tried, as the command line says it, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchwright.errors import UsageError, did_you_mean

EXPORTERS = ("torch", "optimum")
"""What converts a model folder to ONNX, the usual one first: `torch.onnx` or optimum-onnx."""


class Asked(NamedTuple):
    """What the description of a model follows from, besides the model itself.

    batch: samples of a batch, None for what is found best; shapes: dimensions by the name of an
    input, or one size by the name of a dimension; lengths: (least, most) tokens of a sample;
    samples: how many, None for a number that fits the memory; data: a file of real inputs;
    new_tokens: how many a generating model makes of a prompt; task: what the model is for, where
    its config leaves that open; pickles: whether weights may be pickled; exporter: one of
    EXPORTERS.
    """

    batch: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = {}
    lengths: tuple[int, int] | None = None
    samples: int | None = None
    seed: int = 0
    data: str | None = None
    new_tokens: int | None = None
    task: str | None = None
    pickles: bool = False
    exporter: str = EXPORTERS[0]

    def record(self) -> dict[str, Any]:
        """What was given, as JSON: the rest is as by default."""
        given = self._asdict()
        given["shapes"] = {name: list(shape) for name, shape in self.shapes.items()}
        given["lengths"] = None if self.lengths is None else list(self.lengths)
        default = {**Asked()._asdict(), "shapes": {}}
        return {name: value for name, value in given.items() if value != default[name]}


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """`name=dim,dim` of each `--shape`; UsageError for anything else."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, dims = text.rpartition("=")
        if not equals or not re.fullmatch(r"[1-9]\d*([,x][1-9]\d*)*", dims):
            raise UsageError(
                f"`{text}` is no shape",
                where="--shape",
                fix="write an input's name and its dimensions, such as "
                "`--shape pixel_values=3,224,224`, or a dimension's name and its size",
            )
        if name in found:
            raise UsageError(f"the shape of `{name}` is given twice", where="--shape")
        found[name] = tuple(int(dim) for dim in re.split("[,x]", dims))
    return found


def parse_lengths(text: str | None) -> tuple[int, int] | None:
    """`16` or `16..512`; UsageError for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)(?:\.\.([1-9]\d*))?", text)
    if found is None:
        raise UsageError(
            f"`{text}` is neither a length nor a range of lengths",
            where="--lengths",
            fix="write `--lengths 16`, or `--lengths 16..512` for lengths spread evenly between",
        )
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise UsageError(
            f"`{text}` begins above its end", where="--lengths", fix=f"write {high}..{low}"
        )
    return low, high


def parse_exporter(text: str) -> str:
    """One of EXPORTERS; UsageError for anything else."""
    if text not in EXPORTERS:
        raise UsageError(
            f"unknown exporter `{text}`; {did_you_mean(text, EXPORTERS)}", where="--exporter"
        )
    return text
