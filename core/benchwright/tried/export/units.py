"""What is exported of a model: its graphs, as modules of plain tensors with inputs to try them on.

Only the exporting process imports this.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from benchwright.tried.export.modules import CrossDecoder, Decoder, Flat


class Unit(NamedTuple):
    """One graph to export: its file, its kind (see `modules.wrapped`), a module of plain tensors,
    names of inputs and outputs, a function that makes inputs of a size (1 or 2: no dimension but
    the fixed ones is the same in both), and the names of symbolic dimensions."""

    file: str
    kind: str
    module: Any
    inputs: Sequence[str]
    outputs: Callable[[], Sequence[str]]
    sample: Callable[[int], Sequence[Any]]
    axes: Mapping[str, Mapping[int, str]]


def decodes(task: str) -> bool:
    """Whether it is done with a decoder that has a cache."""
    return task in ("text-generation", "text2text-generation", "speech-to-text")


def units_of(model: Any, task: str) -> list[Unit]:
    """The graphs of a model for a task."""
    if task == "text-generation":
        return [_decoder(model)]
    if decodes(task):
        return _pair(model)
    return [_single(model)]


def _single(model: Any) -> Unit:
    """A model that is called once for a batch."""
    main = model.main_input_name
    if main == "pixel_values":
        names, axes, sample = _image(model)
    elif main in ("input_values", "input_features"):
        names, axes, sample = _sound(model, main)
    else:
        names, axes, sample = _text(model)
    module = Flat(model, names)
    return Unit("model.onnx", "single", module, names, lambda: module.outputs, sample, axes)


Inputs = tuple[list[str], dict[str, dict[int, str]], Callable[[int], Sequence[Any]]]


def _text(model: Any) -> Inputs:
    taken = inspect.signature(model.forward).parameters
    config = model.config.get_text_config()
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in taken and getattr(config, "type_vocab_size", 0) > 1:
        names.append("token_type_ids")
    axes = {name: {0: "batch", 1: "sequence"} for name in names}

    def sample(size: int) -> Sequence[Any]:
        shape = (1 + size, 5 + 4 * size)
        ids = torch.randint(config.vocab_size // 2, config.vocab_size, shape)
        mask = torch.ones_like(ids)
        mask[0, -2:] = 0
        return [ids, mask, torch.zeros_like(ids)][: len(names)]

    return names, axes, sample


def _image(model: Any) -> Inputs:
    config = model.config
    size = getattr(config, "image_size", None)
    edges = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
    fixed = isinstance(edges[0], int)
    axes: dict[str, dict[int, str]] = {"pixel_values": {0: "batch"}}
    if not fixed:
        axes["pixel_values"] |= {2: "height", 3: "width"}

    def sample(number: int) -> Sequence[Any]:
        wide = edges if fixed else (64 * number, 64 + 32 * number)
        return [torch.randn(1 + number, getattr(config, "num_channels", 3), *wide)]

    return ["pixel_values"], axes, sample


def _sound(model: Any, main: str) -> Inputs:
    config = model.config
    axes: dict[str, dict[int, str]] = {main: {0: "batch"}}
    if main == "input_values":
        axes[main][1] = "samples"

    def sample(number: int) -> Sequence[Any]:
        if main == "input_values":
            return [torch.randn(1 + number, 4000 * number)]
        frames = 2 * getattr(config, "max_source_positions", 1500)
        return [torch.randn(1 + number, getattr(config, "num_mel_bins", 80), frames)]

    return [main], axes, sample


def _cache(config: Any, batch: int, length: int) -> tuple[list[str], list[Any]]:
    """Names and random values of a key-value cache."""
    layers = getattr(config, "num_decoder_layers", None) or getattr(
        config, "decoder_layers", config.num_hidden_layers
    )
    heads = getattr(config, "decoder_attention_heads", config.num_attention_heads)
    width = getattr(config, "d_kv", None) or getattr(config, "head_dim", None)
    size = width or config.hidden_size // heads
    kept = getattr(config, "num_key_value_heads", None) or heads
    names = [
        f"past_key_values.{layer}.{part}" for layer in range(layers) for part in ("key", "value")
    ]
    return names, [torch.randn(batch, kept, length, size) for _ in names]


def _present(names: Sequence[str]) -> list[str]:
    return [name.replace("past_key_values", "present", 1) for name in names]


def _decoder(model: Any) -> Unit:
    """Prompt and single tokens through one graph with a key-value cache."""
    config = model.config.get_text_config()
    past, _ = _cache(config, 1, 1)
    module = Decoder(model)
    names = ["input_ids", "attention_mask", "position_ids", *past]

    def sample(size: int) -> Sequence[Any]:
        batch, before, steps = 1 + size, 3 + 2 * size, 2 * size
        ids = torch.randint(0, config.vocab_size, (batch, steps))
        mask = torch.ones(batch, before + steps, dtype=torch.int64)
        mask[0, :2] = 0
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -steps:]
        return [ids, mask, positions, *_cache(config, batch, before)[1]]

    axes: dict[str, dict[int, str]] = {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "total"},
        "position_ids": {0: "batch", 1: "sequence"},
        "logits": {0: "batch", 1: "sequence"},
        **{name: {0: "batch", 2: "past"} for name in past},
        **{name: {0: "batch", 2: "total"} for name in _present(past)},
    }
    return Unit(
        "model.onnx",
        "decoder",
        module,
        names,
        lambda: ["logits", *_present(past)],
        sample,
        axes,
    )


def _pair(model: Any) -> list[Unit]:
    """Encoder and decoder of a model that has both."""
    config = model.config
    speech = model.main_input_name != "input_ids"
    names, axes, sample = _sound(model, model.main_input_name) if speech else _text(model)
    names, encoder = names[:2], Flat(model.get_encoder(), names[:2])
    axes |= {"last_hidden_state": {0: "batch", 1: "encoder_sequence"}}
    past, _ = _cache(config, 1, 1)
    masked = not speech
    module = CrossDecoder(model, masked)
    taken = ["decoder_input_ids", "decoder_attention_mask", "encoder_hidden_states"]
    taken += ["encoder_attention_mask"] if masked else []

    def steps(size: int) -> Sequence[Any]:
        batch, before, count = 1 + size, 3 + 2 * size, 2 * size
        width = getattr(config, "d_model", config.hidden_size)
        frames = getattr(config, "max_source_positions", 1500) if speech else 4 + 3 * size
        ids = torch.randint(0, config.vocab_size, (batch, count))
        mask = torch.ones(batch, before + count, dtype=torch.int64)
        hidden = torch.randn(batch, frames, width)
        more = [torch.ones(batch, frames, dtype=torch.int64)] if masked else []
        return [ids, mask, hidden, *more, *_cache(config, batch, before)[1]]

    own: dict[str, dict[int, str]] = {
        "decoder_input_ids": {0: "batch", 1: "sequence"},
        "decoder_attention_mask": {0: "batch", 1: "total"},
        "encoder_hidden_states": {0: "batch", 1: "encoder_sequence"},
        "encoder_attention_mask": {0: "batch", 1: "encoder_sequence"},
        "logits": {0: "batch", 1: "sequence"},
        **{name: {0: "batch", 2: "past"} for name in past},
        **{name: {0: "batch", 2: "total"} for name in _present(past)},
    }
    return [
        Unit(
            "encoder_model.onnx",
            "encoder",
            encoder,
            names,
            lambda: ["last_hidden_state"],
            sample,
            axes,
        ),
        Unit(
            "decoder_model.onnx",
            "cross",
            module,
            [*taken, *past],
            lambda: ["logits", *_present(past)],
            steps,
            own,
        ),
    ]
