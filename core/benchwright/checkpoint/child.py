"""Reads one checkpoint and writes its tensors: `child.py SOURCE OUT KEY`. A process of its own;
the last line that it prints says what went wrong."""

import sys
from collections.abc import Mapping
from typing import Any


def main(source: str, out: str, key: str) -> None:
    """Rewrites SOURCE as safetensors; KEY is the dotted path to its state dict, or empty."""
    import torch
    from safetensors.torch import save_file

    found: Any = torch.load(source, map_location="cpu", weights_only=True)
    for part in filter(None, key.split(".")):
        if not isinstance(found, Mapping) or part not in found:
            raise ValueError(f"it has no `{part}` (of `{key}`)")
        found = found[part]
    if not isinstance(found, Mapping) or not found:
        raise ValueError(f"it holds a {type(found).__name__}, not tensors by name")
    tensors = {}
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"`{name}` is a {type(value).__name__}, not a tensor")
        # A copy: tensors that share memory cannot be written.
        dtype = torch.float32 if value.dtype == torch.bfloat16 else value.dtype
        tensors[str(name)] = value.detach().to(dtype).clone().contiguous()
    save_file(tensors, out)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        print(f"{type(error).__name__}: {lines[0]}")
        sys.exit(1)
