"""Small tokenizer files for gptj's tests."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import pre_tokenizers

from benchwright_language.gptj_prompts import MERGES, VOCABULARY


def alphabet() -> list[str]:
    """The signs that stand for bytes, in the order of their tokens here."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def write_tokenizer(folder: Path, merges: list[tuple[str, str]], *, end: bool = True) -> None:
    """Bytes, the merges, and the end."""
    tokens = [*alphabet(), *(a + b for a, b in merges)]
    if end:
        tokens.append("<|endoftext|>")
    (folder / VOCABULARY).write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / MERGES).write_text("\n".join(lines) + "\n")
