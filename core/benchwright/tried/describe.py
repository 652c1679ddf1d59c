"""From a graph on this machine to the description of a tried model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.tensor import BATCH
from benchwright.errors import BenchwrightError, UsageError
from benchwright.remembered import remembered
from benchwright.tried import described, inputs
from benchwright.tried.described import Description, Graph, Input, Source
from benchwright.tried.facts import ModelFacts, read_facts
from benchwright.tried.generation import (
    DECODER,
    ENCODER,
    NEW_TOKENS,
    PAST,
    PRESENT,
    PROMPT_INPUTS,
)
from benchwright.tried.onnxfile import OnnxFile, Tensor, read_onnx
from benchwright.tried.request import Asked
from benchwright.tried.resolve import Located, config_folder, slug


def describe(model: Located, asked: Asked, about: Mapping[str, Any]) -> Description:
    """The description of a model whose graph is there. about: what else is known of it, such as
    its origin; UsageError where it cannot be tried as asked."""
    assert model.onnx is not None
    where = str(model.onnx)
    onnx = read_onnx(model.onnx)
    folder = model.folder if (model.folder / "config.json").is_file() else config_folder(model.onnx)
    facts = read_facts(folder)
    asked, data = _with_data(asked, onnx)
    file = model.onnx.name
    sources = tuple(_source(model.onnx.parent, name) for name in (file, *onnx.external))
    known = {
        "task": asked.task,
        "model_type": facts.model_type or None,
        "producer": onnx.producer or None,
        "opset": onnx.opset or None,
        **about,
    }
    second: OnnxFile | None = None
    if file == ENCODER and (model.onnx.parent / DECODER).is_file():
        second = read_onnx(model.onnx.parent / DECODER)
        sources += tuple(_source(model.onnx.parent, name) for name in (DECODER, *second.external))
        found = inputs.understand(onnx, file, "encoder", asked, facts, where)
    elif any(tensor.name.startswith(f"{PAST}.") for tensor in onnx.inputs):
        found = _generating(onnx, file, asked, facts, where)
    else:
        if asked.new_tokens is not None:
            raise UsageError(
                "`--new-tokens` is for models that generate text one token after another",
                where=where,
                why="this graph takes no key-value cache",
                fix="leave it out",
            )
        found = inputs.understand(onnx, file, "main", asked, facts, where)
    more = {
        "remarks": list(found.remarks),
        **_generation_facts(second or onnx, asked, facts, where),
    }
    known |= {name: value for name, value in more.items() if value}
    own = (found.graph,) if second is None else (found.graph, _second(second, where))
    graphs, weights = _with_torch(own, known)
    sources += tuple(_source(model.onnx.parent, name) for name in weights)
    from benchwright.tried.samples import usual_count

    count = asked.samples or usual_count(found.inputs, found.sizes)
    if data is not None:
        count = data[1] if asked.samples is None else min(asked.samples, data[1])
    return Description(
        name=name_of(model.title, asked),
        title=model.title,
        request=asked.record(),
        sources=sources,
        graphs=graphs,
        driver="translate" if second else "generate" if "cache" in known else "call",
        batch=found.batch,
        inputs=found.inputs,
        sizes=found.sizes,
        samples=count,
        seed=asked.seed,
        data=None if data is None else data[0],
        facts={name: value for name, value in known.items() if value is not None},
    )


def _with_torch(
    graphs: tuple[Graph, ...], known: dict[str, Any]
) -> tuple[tuple[Graph, ...], list[str]]:
    """The graphs with their torch forms, and the files of weights of these: where an exporter has
    told of one for every graph, which takes what the graph does in the same order."""
    exported = dict(known.get("exported") or {})
    forms = exported.pop("torch", None)
    if exported:
        known["exported"] = exported
    if forms is None:
        return graphs, []
    if any([name for name, _, _ in item.inputs] != forms[item.file]["inputs"] for item in graphs):
        return graphs, []
    kept = ("factory", "weights", "arguments")
    made = tuple(
        item._replace(torch={name: forms[item.file][name] for name in kept}) for item in graphs
    )
    return made, [str(forms[item.file]["weights"]) for item in graphs]


def name_of(title: str, asked: Asked) -> str:
    """What to call a tried model: its title, and what was asked for in a few signs."""
    parts = [slug(title)]
    given = asked.record()
    if asked.lengths is not None:
        parts.append("len" + "-".join(map(str, dict.fromkeys(asked.lengths))))
        del given["lengths"]
    for name, sign in (("batch", "b"), ("samples", "n"), ("seed", "seed"), ("new_tokens", "t")):
        if name in given:
            parts.append(f"{sign}{given.pop(name)}")
    if "exporter" in given:
        parts.append(given.pop("exporter"))
    if given:
        parts.append(hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()[:6])
    return "-".join(parts)


def settle(found: Description) -> Description:
    """Gives the description a name that is no other model's, and keeps it."""
    taken = set(described.names())
    name, number = found.name, 1
    while name in taken and not _same(name, found):
        number += 1
        name = f"{found.name}-{number}"
    settled = found._replace(name=name)
    settled.save()
    return settled


def _same(name: str, found: Description) -> bool:
    try:
        known = described.load(name)
    except BenchwrightError:
        # It cannot be used: this one takes its place.
        return True

    def content(model: Description) -> list[Any]:
        files = [*model.sources, *([model.data] if model.data else [])]
        return [model.title, model.request, [(item.name, item.sha256) for item in files]]

    return content(known) == content(found)


def _source(folder: Path, name: str) -> Source:
    path = folder / name
    # The name is the graph's own word for where its weights are: it must not lead elsewhere.
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(
            f"this graph has its weights at `{name}`, outside its folder",
            where=str(folder),
            fix="put them beside the graph",
        )
    if not path.is_file():
        raise UsageError(
            f"this model's weights `{name}` are missing",
            where=str(folder),
            why="the graph says that they lie in a file beside it",
            fix="get that file too",
        )

    def make() -> tuple[str, list[str]]:
        from benchwright.build.artifact import sha256_of

        return sha256_of(path), [str(path)]

    return Source(name, str(path), remembered(f"sha256 of {path}", [], make), path.stat().st_size)


def _with_data(asked: Asked, onnx: OnnxFile) -> tuple[Asked, tuple[Source, int] | None]:
    """The shapes that a file of real inputs has are those asked for."""
    if asked.data is None:
        return asked, None
    from benchwright.tried.samples import check_names, data_shapes

    path = Path(asked.data)
    if not path.is_file():
        raise UsageError("there is no such file", where=f"--input-data {asked.data}")
    shapes = data_shapes(path)
    check_names(shapes, {tensor.name: tensor for tensor in onnx.inputs}, path)
    given = {name: shape[1:] for name, shape in shapes.items() if len(shape) > 1}
    found = _source(path.parent.resolve(), path.name)
    count = next(iter(shapes.values()))[0]
    return asked._replace(shapes={**asked.shapes, **given}), (found, count)


# ---- graphs with a key-value cache


def _generating(
    onnx: OnnxFile, file: str, asked: Asked, facts: ModelFacts, where: str
) -> inputs.Understood:
    """A decoder: the samples are prompts, and its other inputs the driver's."""
    inputs.refuse_unusable(onnx, where)
    if not any(tensor.name == "logits" for tensor in onnx.outputs):
        raise UsageError(
            "this graph takes a key-value cache, and has no output `logits`",
            where=where,
            fix="export it as `text-generation-with-past`",
        )
    ids = next((tensor for tensor in onnx.inputs if tensor.name == "input_ids"), None)
    if ids is None or ids.shape is None:
        raise UsageError("this graph takes a key-value cache, and no `input_ids`", where=where)
    odd = [
        tensor.name
        for tensor in onnx.inputs
        if tensor.name not in PROMPT_INPUTS and not tensor.name.startswith(PAST)
    ]
    if odd:
        raise UsageError(
            f"this graph generates text, and takes `{odd[0]}` for it, which is not known here",
            where=where,
            why=f"known are {', '.join(PROMPT_INPUTS)} and {PAST}.*",
            fix="try the folder with the model's config.json and safetensors",
        )
    vocabulary = facts.vocabulary or onnx.tables.get("input_ids")
    most = facts.positions
    low, high = asked.lengths or (USUAL_PROMPT, USUAL_PROMPT)
    steps = asked.new_tokens or NEW_TOKENS
    if most is not None and high + steps > most:
        raise UsageError(
            f"{high} tokens of a prompt and {steps} new ones are more than the {most} that this "
            "model takes",
            where=where,
            fix="set `--lengths` and `--new-tokens` lower",
        )
    remarks: tuple[str, ...] = ()
    if vocabulary is None:
        vocabulary, remarks = 2, ("nothing tells the size of the vocabulary: prompts are 0 and 1",)
    # Always of differing size, so that batches are made by length.
    item = Input("input_ids", ids.dtype, ("prompt",), 0, "tokens", float(vocabulary))
    graph = Graph("main", file, tuple(map(_shaped, onnx.inputs)), tuple(map(_shaped, onnx.outputs)))
    return inputs.Understood(0, (item,), {"prompt": (low, high)}, graph, remarks)


USUAL_PROMPT = 64
"""Tokens of a prompt where nobody says how many."""


def _second(onnx: OnnxFile, where: str) -> Graph:
    """The decoder of an encoder-decoder pair."""
    inputs.refuse_unusable(onnx, where)
    return Graph(
        "decoder", DECODER, tuple(map(_shaped, onnx.inputs)), tuple(map(_shaped, onnx.outputs))
    )


def _shaped(tensor: Tensor) -> tuple[str, str, tuple[int | str, ...]]:
    shape = list(tensor.shape or ())
    for place, dim in enumerate(shape):
        if place == 0 and isinstance(dim, str):
            shape[0] = BATCH
        elif dim == "":
            shape[place] = f"{tensor.name}.{place}"
    if tensor.name.startswith((f"{PAST}.", f"{PRESENT}.")) and len(shape) == 4:
        shape[2] = "past" if tensor.name.startswith(PAST) else "present"
    return tensor.name, tensor.dtype, tuple(shape)


def _generation_facts(
    onnx: OnnxFile, asked: Asked, facts: ModelFacts, where: str
) -> dict[str, Any]:
    """`cache`: heads and their size; `new_tokens`. Nothing for other graphs."""
    past = [tensor for tensor in onnx.inputs if tensor.name.startswith(f"{PAST}.")]
    if not past:
        return {}
    shape = past[0].shape or ()
    heads = shape[1] if len(shape) == 4 else ""
    size = shape[3] if len(shape) == 4 else ""
    if not isinstance(heads, int) or not isinstance(size, int):
        found = facts.cache
        if found is None:
            raise UsageError(
                f"nothing tells how large the key-value cache `{past[0].name}` is",
                where=where,
                fix="put the model's config.json beside the graph",
            )
        heads, size = found
    start = facts.config.get("decoder_start_token_id")
    return {
        "cache": [heads, size],
        "new_tokens": asked.new_tokens or NEW_TOKENS,
        "start_token": start if isinstance(start, int) else None,
    }
