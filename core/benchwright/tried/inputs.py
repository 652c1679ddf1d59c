"""Understanding what a graph takes: which dimension is the batch, which differ by sample, and with
what each input is filled.

Names, dtypes and shapes are the graph's; sizes that the graph leaves open come from what the user
said, then from the model's own configuration. What neither tells is asked for by name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchwright.contracts.tensor import BATCH
from benchwright.errors import UsageError, did_you_mean
from benchwright.tried.described import Graph, Input
from benchwright.tried.facts import ModelFacts
from benchwright.tried.onnxfile import OnnxFile, Tensor
from benchwright.tried.request import Asked

USUAL_LENGTH = 128
"""Tokens of a sample where nobody says how many."""

AUDIO_SECONDS = 5
"""Seconds of sound in a sample where nobody says how many."""

_MASK = re.compile(r"mask|is_valid|padding")
_SEGMENT = re.compile(r"(token_)?type_?ids?|segment|language_ids|langs?$")
_POSITION = re.compile(r"position_?ids|positions?$")
_LENGTH = re.compile(r"len(gth)?s?$|_lens?$")
_RATE = re.compile(r"^(sr|sample_?rate|sampling_?rate)$")
_FLAG = re.compile(r"use_cache|training|is_train")
_IMAGE = re.compile(r"pixel|image|img")
_AUDIO = re.compile(r"input_values|audio|wave|speech|sound")
_INTEGERS = ("int64", "int32", "int16", "int8", "uint16", "uint32", "uint64")


class Understood(NamedTuple):
    """batch and sizes as in `Description`; graph: with every dimension named."""

    batch: int
    inputs: tuple[Input, ...]
    sizes: dict[str, tuple[int, int]]
    graph: Graph
    remarks: tuple[str, ...]


def understand(
    onnx: OnnxFile, file: str, name: str, asked: Asked, facts: ModelFacts, where: str
) -> Understood:
    """What the graph in `file` takes. where: the model, for messages; UsageError names what to add
    to the command line, or what contradicts what."""
    refuse_unusable(onnx, where)
    tensors = [_named(tensor) for tensor in onnx.inputs]
    symbol = _batch_symbol(tensors)
    batch = 0 if symbol is not None else _fixed_batch(tensors)
    if asked.batch is not None and batch not in (0, asked.batch):
        takes = "one sample" if batch < 0 else f"a batch of {batch}"
        raise UsageError(
            f"`--batch {asked.batch}` contradicts this graph, which takes {takes} a call",
            where=where,
            fix="leave it out, or export the model with a dynamic batch",
        )
    axes = {tensor.name: _batch_axis(tensor, symbol, batch) for tensor in tensors}
    shapes = {tensor.name: _sample_shape(tensor, axes[tensor.name]) for tensor in tensors}
    known = _Sizes(asked, facts, where)
    known.take_given(shapes, axes, tensors)
    remarks: list[str] = []
    inputs = []
    for tensor in tensors:
        if not shapes[tensor.name] and axes[tensor.name] is None:
            inputs.append(_constant(tensor, facts))
            continue
        fill, limit = _fill(tensor, onnx, facts, remarks)
        shape = tuple(
            known.size(tensor, dim, fill, shapes[tensor.name]) for dim in shapes[tensor.name]
        )
        inputs.append(Input(tensor.name, tensor.dtype, shape, axes[tensor.name], fill, limit))
    known.refuse_leftovers(inputs)
    graph = Graph(
        name,
        file,
        tuple(
            (tensor.name, tensor.dtype, _with_batch(tensor, axes[tensor.name], symbol))
            for tensor in tensors
        ),
        tuple(
            (tensor.name, tensor.dtype, _output_shape(tensor, symbol)) for tensor in onnx.outputs
        ),
    )
    return Understood(batch, tuple(inputs), known.ragged, graph, tuple(remarks))


def refuse_unusable(onnx: OnnxFile, where: str) -> None:
    """UsageError where a graph takes what no array of numbers is."""
    if not onnx.inputs:
        raise UsageError("this graph takes no input", where=where, why="it is a constant")
    for tensor in (*onnx.inputs, *onnx.outputs):
        if tensor.dtype in ("string", "unknown", "bfloat16"):
            raise UsageError(
                f"`{tensor.name}` of this graph is of a kind that NumPy has no array for",
                where=where,
                why="it holds text, or a sequence, or 16-bit floats of the other kind",
                fix="export the model without its text pre- and postprocessing, in fp32 or fp16",
            )


def _named(tensor: Tensor) -> Tensor:
    """The tensor with a name for each dimension that has none."""
    if tensor.shape is None:
        return tensor._replace(shape=())
    shape = tuple(
        dim if dim != "" else f"{tensor.name}.{place}" for place, dim in enumerate(tensor.shape)
    )
    return tensor._replace(shape=shape)


def _dims(tensor: Tensor) -> tuple[int | str, ...]:
    return tensor.shape or ()


# ---- which dimension is the batch


def _batch_symbol(tensors: Sequence[Tensor]) -> str | None:
    """The symbol of the batch: the one that most inputs begin with."""
    first = [_dims(tensor)[0] for tensor in tensors if _dims(tensor)]
    symbols = Counter(dim for dim in first if isinstance(dim, str))
    if not symbols:
        return None
    called = [name for name in symbols if re.search(r"batch|^n$|^b$|^bs$", name, re.I)]
    if called:
        return called[0]
    # What one input begins with is no batch where another begins with a number of its own.
    fixed = any(isinstance(dim, int) and dim > 1 for dim in first)
    return None if fixed else symbols.most_common(1)[0][0]


def _is_batch(dim: int | str, symbol: str | None) -> bool:
    """Whether a first dimension is the batch: the symbol, or one that has no name of its own."""
    return isinstance(dim, str) and (dim == symbol or dim.endswith(".0"))


def _fixed_batch(tensors: Sequence[Tensor]) -> int:
    """How many samples a call of a graph without a symbolic batch takes; -1: it has no batch."""
    first = {_dims(t)[0] for t in tensors if _dims(t)}
    if len(first) != 1:
        return -1
    (size,) = first
    if not isinstance(size, int):
        return -1
    ranks = {len(_dims(t)) for t in tensors if _dims(t)}
    if size == 1 and min(ranks) >= 2:
        return 1
    return size if ranks <= {2, 4} else -1


def _batch_axis(tensor: Tensor, symbol: str | None, batch: int) -> int | None:
    dims = _dims(tensor)
    if symbol is None:
        return 0 if dims and batch > 0 else None
    if dims and _is_batch(dims[0], symbol):
        return 0
    return dims.index(symbol) if symbol in dims else None


def _sample_shape(tensor: Tensor, axis: int | None) -> tuple[int | str, ...]:
    dims = _dims(tensor)
    return dims if axis is None else (*dims[:axis], *dims[axis + 1 :])


def _with_batch(tensor: Tensor, axis: int | None, symbol: str | None) -> tuple[int | str, ...]:
    dims = list(_dims(tensor))
    if axis is not None and symbol is not None:
        dims[axis] = BATCH
    return tuple(dims)


def _output_shape(tensor: Tensor, symbol: str | None) -> tuple[int | str, ...]:
    return tuple(BATCH if dim == symbol and symbol else dim for dim in _dims(_named(tensor)))


# ---- what an input is filled with


def _constant(tensor: Tensor, facts: ModelFacts) -> Input:
    """An input that is one number for all samples."""
    name = tensor.name.lower()
    value = 0.0 if tensor.dtype == "bool" and _FLAG.search(name) else 1.0
    if _RATE.search(name):
        value = float(facts.sampling_rate or 16_000)
    return Input(tensor.name, tensor.dtype, (), None, "constant", value)


def _fill(
    tensor: Tensor, onnx: OnnxFile, facts: ModelFacts, remarks: list[str]
) -> tuple[str, float]:
    """(fill, limit) of an input; see `described.Input`."""
    name = tensor.name.lower()
    if tensor.dtype == "uint8":
        return "bytes", 256.0
    if _MASK.search(name) or tensor.dtype == "bool":
        return "ones", 0.0
    if tensor.dtype not in _INTEGERS:
        return "normal", 0.0
    if _SEGMENT.search(name):
        return "zeros", 0.0
    if _POSITION.search(name):
        return "positions", 0.0
    if _LENGTH.search(name):
        return "size", 0.0
    rows = onnx.tables.get(tensor.name)
    if re.search("ids|token", name) and facts.vocabulary:
        return "tokens", float(min(rows or facts.vocabulary, facts.vocabulary))
    if rows:
        return "tokens", float(rows)
    remarks.append(
        f"nothing tells what values `{tensor.name}` may have: it gets 0 and 1 "
        "(`--input-data FILE.npz` gives real ones)"
    )
    return "tokens", 2.0


# ---- how large an open dimension is


class _Sizes:
    """Sizes of the dimensions that the graph leaves open, each decided once."""

    def __init__(self, asked: Asked, facts: ModelFacts, where: str) -> None:
        self._asked = asked
        self._facts = facts
        self._where = where
        self._fixed: dict[str, int] = {}
        self._given: dict[str, str] = {}
        self.ragged: dict[str, tuple[int, int]] = {}

    def take_given(
        self,
        shapes: Mapping[str, tuple[int | str, ...]],
        axes: Mapping[str, int | None],
        tensors: Sequence[Tensor],
    ) -> None:
        """Takes what `--shape` says; UsageError where it fits neither graph nor itself."""
        open_dims = {dim for shape in shapes.values() for dim in shape if isinstance(dim, str)}
        for name, given in self._asked.shapes.items():
            if name in shapes:
                self._take_shape(name, given, shapes[name], axes[name])
            elif name in open_dims and len(given) == 1:
                self._set(name, given[0], f"{name}={given[0]}")
            else:
                hint = did_you_mean(name, {*shapes, *open_dims})
                raise UsageError(
                    f"this model has neither an input nor a dimension `{name}`; {hint}",
                    where=f"--shape {name}",
                )

    def _take_shape(
        self, name: str, given: tuple[int, ...], shape: tuple[int | str, ...], axis: int | None
    ) -> None:
        option = f"{name}={','.join(map(str, given))}"
        if axis is not None and len(given) == len(shape) + 1:
            given = (*given[:axis], *given[axis + 1 :])
        if len(given) != len(shape):
            raise UsageError(
                f"`{name}` has {len(shape)} dimensions without the batch, not {len(given)}",
                where=f"--shape {option}",
                why=f"in the graph a sample is {_shown(shape)}",
            )
        for dim, size in zip(shape, given, strict=True):
            if isinstance(dim, str):
                self._set(dim, size, option)
            elif dim != size:
                raise UsageError(
                    f"`--shape {option}` contradicts the graph, where a sample is {_shown(shape)}",
                    where=self._where,
                    fix="leave out what the graph fixes",
                )

    def _set(self, dim: str, size: int, option: str) -> None:
        if self._fixed.setdefault(dim, size) != size:
            raise UsageError(
                f"`--shape {option}` contradicts `--shape {self._given[dim]}`",
                where=self._where,
                why=f"both have the dimension `{dim}`: it would be {self._fixed[dim]} and {size}",
                fix="give both the same size",
            )
        self._given.setdefault(dim, option)

    def size(
        self, tensor: Tensor, dim: int | str, fill: str, shape: tuple[int | str, ...]
    ) -> int | str:
        """The size of one dimension of a sample; its name where it differs by sample."""
        if isinstance(dim, int):
            return dim
        if dim in self._fixed:
            return self._fixed[dim]
        if dim in self.ragged:
            return dim
        if fill in ("tokens", "ones", "zeros", "positions"):
            low, high = self._lengths(dim)
            if low == high:
                self._fixed[dim] = low
                return low
            self.ragged[dim] = (low, high)
            return dim
        guessed = self._guess(tensor, dim, shape)
        if guessed is None:
            others = ",".join(str(d) if isinstance(d, int) else "SIZE" for d in shape)
            raise UsageError(
                f"nothing tells how large the dimension `{dim}` of `{tensor.name}` is",
                where=self._where,
                why=f"in the graph a sample is {_shown(shape)}",
                fix=f"add `--shape {tensor.name}={others}`"
                + ("" if dim.startswith(f"{tensor.name}.") else f" or `--shape {dim}=SIZE`"),
            )
        self._fixed[dim] = guessed
        return guessed

    def _lengths(self, dim: str) -> tuple[int, int]:
        most = self._facts.positions
        if self._asked.lengths is None:
            length = min(USUAL_LENGTH, most or USUAL_LENGTH)
            return length, length
        low, high = self._asked.lengths
        if most is not None and high > most:
            raise UsageError(
                f"`--lengths` asks for {high} tokens, and this model takes {most}",
                where=self._where,
                fix=f"stay within {most}",
            )
        return low, high

    def _guess(self, tensor: Tensor, dim: str, shape: tuple[int | str, ...]) -> int | None:
        """From the model's configuration: images and sounds."""
        facts, name = self._facts, tensor.name.lower()
        if len(shape) == 3 and (_IMAGE.search(name) or facts.image_size):
            place = shape.index(dim)
            # Channels come first, unless the graph fixes three of them at the end.
            last = shape[2] in (1, 3, 4) and place < 2
            channel, height = (2, 0) if last else (0, 1)
            if place == channel:
                return facts.channels
            if facts.image_size is not None:
                return facts.image_size[place - height]
            return None
        if len(shape) == 1 and (_AUDIO.search(name) or facts.sampling_rate):
            return AUDIO_SECONDS * facts.sampling_rate if facts.sampling_rate else None
        if len(shape) == 2 and facts.features is not None:
            return facts.features[shape.index(dim)]
        return None

    def refuse_leftovers(self, inputs: Sequence[Input]) -> None:
        """UsageError for `--lengths` that no input has a use for."""
        if self._asked.lengths is None or self.ragged:
            return
        low, high = self._asked.lengths
        if not any(item.fill == "tokens" for item in inputs):
            raise UsageError(
                "`--lengths` says how many tokens a sample has, and this model takes none",
                where=self._where,
                fix="leave it out; `--shape name=dim,dim` sets other dimensions",
            )
        if not any(low == high and low in item.shape for item in inputs if item.fill == "tokens"):
            fixed = next(item for item in inputs if item.fill == "tokens")
            raise UsageError(
                f"`--lengths` contradicts the shape of `{fixed.name}`, {_shown(fixed.shape)}",
                where=self._where,
                fix="leave it out",
            )


def _shown(shape: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, shape))}]"
