"""Exports one model folder to ONNX: `python -m benchwright.tried.export.child SPEC`.

A process of its own: torch and transformers take seconds and gigabytes, and what they do to a
process is nobody else's concern. What went wrong is written to `failure.json` beside the
specification, what was made to `facts.json`.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.errors import BenchwrightError
from benchwright.tried.described import FORM_FACTORY

if TYPE_CHECKING:
    from benchwright.tried.export.examination import Examined
    from benchwright.tried.export.units import Unit

FAILURE, FACTS = "failure.json", "facts.json"

UNUSED = ("scipy", "sklearn")
"""Libraries that transformers takes in where they are installed, for training and for assisted
generation: a second of processor time for nothing that an export computes."""


def main(path: Path) -> None:
    """Reads the specification, writes the graphs and what is known of them."""
    spec = json.loads(path.read_text(encoding="utf-8"))
    import torch
    import transformers

    from benchwright.tried.export.examination import examine
    from benchwright.tried.export.exporters import export
    from benchwright.tried.export.units import units_of

    logging: Any = transformers.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    out = Path(spec["out"])
    model, task = _load(Path(spec["folder"]), spec["task"], spec["pickles"])
    units = units_of(model, task)
    differences, forms = {}, {}
    with torch.no_grad():
        export(spec["exporter"], units, model, task, out)
        for unit in units:
            found = examine(unit, out)
            differences[unit.file] = found.difference
            forms[unit.file] = _torch_form(unit, found, model, task, out)
    facts = {
        "task": task,
        "exporter": spec["exporter"],
        "parameters": sum(item.numel() for item in model.parameters()),
        "largest_difference": max(differences.values()),
        "torch": forms if all(forms.values()) else None,
    }
    (path.parent / FACTS).write_text(json.dumps(facts), encoding="utf-8")


# ---- the original


def _load(folder: Path, wanted: str | None, pickles: bool) -> tuple[Any, str]:
    import torch
    import transformers
    from transformers import AutoConfig

    from benchwright.tried.export.modules import AUTO, task_of
    from benchwright.tried.export.units import decodes

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
            attn_implementation="eager" if decodes(task) else None,
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


# ---- the torch form


def _torch_form(
    unit: Unit, found: Examined, model: Any, task: str, out: Path
) -> dict[str, Any] | None:
    """The graph as a torch module: writes its weights, and says how it is made. None where the
    module would not take and give what the graph does."""
    from safetensors.torch import save_file

    from benchwright.tried.export.modules import Flat

    flat = isinstance(unit.module, Flat)
    if list(found.inputs) != list(unit.inputs):
        return None
    if not flat and list(found.outputs) != list(unit.outputs()):
        return None
    own = {name for name, _ in (*unit.module.named_parameters(), *unit.module.named_buffers())}
    state = {
        name: value.detach().clone().contiguous()
        for name, value in unit.module.state_dict().items()
        if name in own
    }
    weights = unit.file.replace(".onnx", ".safetensors")
    save_file(state, str(out / weights))
    config = json.loads(model.config.to_json_string(use_diff=False))
    # Where it lay is no part of what it is.
    config.pop("_name_or_path", None)
    return {
        "factory": FORM_FACTORY,
        "weights": weights,
        "inputs": list(unit.inputs),
        "arguments": {
            "config": config,
            "task": task,
            "kind": unit.kind,
            "names": list(unit.inputs),
            "outputs": list(found.outputs) if flat else None,
        },
    }


if __name__ == "__main__":
    place = Path(sys.argv[1])
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type]
    try:
        main(place)
    except BenchwrightError as error:
        told = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
        (place.parent / FAILURE).write_text(json.dumps(told), encoding="utf-8")
        sys.exit(3)
