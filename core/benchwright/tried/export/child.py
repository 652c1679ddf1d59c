"""Exports one model folder to ONNX: `python -m benchwright.tried.export.child SPEC`.

A process of its own: torch and transformers take seconds and gigabytes, and what they do to a
process is nobody else's concern. What went wrong is written to `failure.json` beside the
specification, what was made to `facts.json`.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import BenchwrightError

OPSET = 17
"""Operators that every backend knows."""

FAILURE, FACTS = "failure.json", "facts.json"

TOLERANCE = 1e-2
"""An export that differs by more than this share of the largest value computes something else."""


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


def main(path: Path) -> None:
    """Reads the specification, writes the graphs and what is known of them."""
    spec = json.loads(path.read_text(encoding="utf-8"))
    import torch
    import transformers

    logging: Any = transformers.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    out = Path(spec["out"])
    model, task = _load(Path(spec["folder"]), spec["task"], spec["pickles"])
    differences, forms = {}, {}
    with torch.no_grad():
        for unit in _units(model, task):
            _export(unit, out)
            differences[unit.file] = _check(unit, out)
            forms[unit.file] = _torch_form(unit, model, task, out)
    facts = {
        "task": task,
        "exporter": "torch.onnx",
        "parameters": sum(item.numel() for item in model.parameters()),
        "largest_difference": max(differences.values()),
        "torch": forms,
    }
    (path.parent / FACTS).write_text(json.dumps(facts), encoding="utf-8")


# ---- the original


def _load(folder: Path, wanted: str | None, pickles: bool) -> tuple[Any, str]:
    import torch
    import transformers
    from transformers import AutoConfig

    from benchwright.tried.export.modules import AUTO, task_of

    try:
        config = AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
    except (ValueError, OSError, KeyError) as error:
        _refuse_own_code(folder)
        raise BenchwrightError(
            "transformers does not know what kind of model this is",
            where=str(folder / "config.json"),
            why=str(error).strip().splitlines()[0],
            fix="a newer transformers may; or export it to ONNX where it was made, and try that",
        ) from error
    task = wanted or task_of(config)
    if task is None or task not in AUTO:
        raise BenchwrightError(
            "what this model is for is not known" if task is None else f"unknown task `{task}`",
            where=str(folder / "config.json"),
            why=f"its architectures are {config.architectures}",
            fix=f"add `--task NAME`, one of {', '.join(sorted(AUTO))}",
        )
    kind = getattr(transformers, AUTO[task])
    try:
        model = kind.from_pretrained(
            str(folder),
            dtype=torch.float32,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=None if pickles else True,
            attn_implementation="eager" if _decodes(task) else None,
        )
    except (ValueError, OSError, RuntimeError, KeyError) as error:
        _refuse_own_code(folder)
        raise BenchwrightError(
            f"transformers cannot load this model for {task}",
            where=str(folder),
            why=str(error).strip().splitlines()[0],
            fix="choose another `--task`, or get the model again",
        ) from error
    return model.eval(), task


def _refuse_own_code(folder: Path) -> None:
    """Says so where a model brings code of its own."""
    own = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("auto_map")
    if own:
        raise BenchwrightError(
            "this model needs code of its author's, which is not run here",
            where=str(folder / "config.json"),
            why=f"its `auto_map` names {', '.join(map(str, list(own.values())[:3]))}, "
            "and transformers has nothing of its own for it",
            fix="read that code; if you trust it, export the model to ONNX with it yourself, and "
            "try the .onnx file",
        )


def _decodes(task: str) -> bool:
    return task in ("text-generation", "text2text-generation", "speech-to-text")


# ---- what is exported


def _units(model: Any, task: str) -> list[Unit]:
    if task == "text-generation":
        return [_decoder(model)]
    if _decodes(task):
        return _pair(model)
    return [_single(model)]


def _single(model: Any) -> Unit:
    """A model that is called once for a batch."""
    from benchwright.tried.export.modules import Flat

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
    import torch

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
    import torch

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
    import torch

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
    import torch

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
    import torch

    from benchwright.tried.export.modules import Decoder

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
    import torch

    from benchwright.tried.export.modules import CrossDecoder, Flat

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


# ---- exporting and comparing


def _export(unit: Unit, out: Path) -> None:
    import torch

    inputs = tuple(unit.sample(1))
    # The exporter leaves a module in the mode that it says it was in.
    unit.module.eval()
    # Called once before, so that the outputs' names are known.
    unit.module(*inputs)
    outputs = list(unit.outputs())
    axes = {name: dict(unit.axes.get(name, {0: "batch"})) for name in [*unit.inputs, *outputs]}
    try:
        torch.onnx.export(
            unit.module,
            inputs,
            str(out / unit.file),
            input_names=list(unit.inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    except Exception as error:
        # What an exporter raises has no common base.
        raise BenchwrightError(
            "torch.onnx cannot export this model",
            why=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}",
            fix="a newer torch or transformers may; or try an ONNX file from elsewhere",
        ) from error


def _torch_form(unit: Unit, model: Any, task: str, out: Path) -> dict[str, Any]:
    """The graph as a torch module: writes its weights, and says how it is made."""
    from safetensors.torch import save_file

    own = {name for name, _ in (*unit.module.named_parameters(), *unit.module.named_buffers())}
    state = {
        name: value.detach().clone().contiguous()
        for name, value in unit.module.state_dict().items()
        if name in own
    }
    weights = unit.file.replace(".onnx", ".safetensors")
    save_file(state, str(out / weights))
    config = json.loads(model.config.to_json_string(use_diff=False))
    return {
        "factory": "benchwright.tried.export.modules:original",
        "weights": weights,
        "inputs": list(unit.inputs),
        "arguments": {
            "config": config,
            "task": task,
            "kind": unit.kind,
            "names": list(unit.inputs),
        },
    }


def _check(unit: Unit, out: Path) -> float:
    """The largest difference between the export and the original, on inputs of two sizes."""
    import numpy as np
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(out / unit.file), settings, providers=["CPUExecutionProvider"]
    )
    taken = {item.name for item in session.get_inputs()}
    largest = 0.0
    for size in (1, 2):
        tensors = unit.sample(size)
        expected = unit.module(*tensors)
        feed = {
            name: tensor.numpy()
            for name, tensor in zip(unit.inputs, tensors, strict=True)
            if name in taken
        }
        for name, found, wanted in zip(
            unit.outputs(), session.run(list(unit.outputs()), feed), expected, strict=True
        ):
            value = wanted.numpy()
            if found.shape != value.shape:
                raise _differs(unit, name, f"its shape is {found.shape}, not {value.shape}")
            difference = float(np.max(np.abs(found - value), initial=0.0))
            allowed = TOLERANCE * max(1.0, float(np.max(np.abs(value), initial=0.0)))
            if not difference <= allowed:
                raise _differs(unit, name, f"it differs by {difference:.3g}")
            largest = max(largest, difference)
    return largest


def _differs(unit: Unit, name: str, why: str) -> BenchwrightError:
    return BenchwrightError(
        f"the export of this model does not compute what the original does (`{name}`)",
        where=unit.file,
        why=why,
        fix="a newer torch or transformers may export it; or try an ONNX file from elsewhere",
    )


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        main(place)
    except BenchwrightError as error:
        told = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
        (place.parent / FAILURE).write_text(json.dumps(told), encoding="utf-8")
        sys.exit(3)
