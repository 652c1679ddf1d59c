"""What the files beside a model say of it: `config.json` and `preprocessor_config.json`, in the
form that Hugging Face's libraries write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import UsageError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"

_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl")
"""Families whose positions begin after the padding token's number."""


class ModelFacts(NamedTuple):
    """config, preprocessor: the files' values, empty where there are none; the rest is what is
    read from them. positions: the most tokens; image_size: (height, width); features: (features,
    frames) of a spectrogram."""

    config: Mapping[str, Any] = {}
    preprocessor: Mapping[str, Any] = {}

    @property
    def model_type(self) -> str:
        """The architecture's family, such as `bert`."""
        return str(self.config.get("model_type", ""))

    def _of_config(self, *names: str) -> int | None:
        """The first of these that is a number, also in a part of the configuration that is about
        text."""
        parts = [
            self.config,
            *(v for k, v in self.config.items() if k in ("text_config", "decoder")),
        ]
        for part in parts:
            for name in names:
                value = part.get(name) if isinstance(part, Mapping) else None
                if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                    return value
        return None

    @property
    def vocabulary(self) -> int | None:
        """How many tokens there are."""
        return self._of_config("vocab_size")

    @property
    def positions(self) -> int | None:
        """The most tokens that a sample may have."""
        found = self._of_config("max_position_embeddings", "n_positions", "max_seq_len")
        if found is not None and self.model_type in _OFFSET_POSITIONS:
            return found - int(self.config.get("pad_token_id") or 1) - 1
        return found

    @property
    def cache(self) -> tuple[int, int] | None:
        """(heads, size of a head) of a key-value cache."""
        heads = self._of_config("num_attention_heads", "n_head", "num_heads")
        width = self._of_config("hidden_size", "n_embd", "d_model")
        size = self._of_config("head_dim", "d_kv") or (width // heads if width and heads else None)
        kept = self._of_config("num_key_value_heads") or heads
        return (kept, size) if kept and size else None

    @property
    def channels(self) -> int:
        """Of an image."""
        return self._of_config("num_channels") or 3

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width as the processor hands images over."""
        found = self.preprocessor
        for name, used in (("crop_size", "do_center_crop"), ("size", "do_resize")):
            size = found.get(name)
            if found.get(used) is False or size is None:
                continue
            if isinstance(size, int):
                return size, size
            if isinstance(size, Mapping):
                edge = size.get("shortest_edge")
                height, width = size.get("height", edge), size.get("width", edge)
                if isinstance(height, int) and isinstance(width, int):
                    return height, width
        edge = self.config.get("image_size")
        if isinstance(edge, int):
            return edge, edge
        if isinstance(edge, list) and len(edge) == 2:
            return int(edge[0]), int(edge[1])
        return None

    @property
    def sampling_rate(self) -> int | None:
        """Of sounds, in Hz."""
        rate = self.preprocessor.get("sampling_rate") or self.config.get("sampling_rate")
        return rate if isinstance(rate, int) and rate > 0 else None

    @property
    def features(self) -> tuple[int, int] | None:
        """Of a spectrogram."""
        size, frames = self.preprocessor.get("feature_size"), self.preprocessor.get("nb_max_frames")
        return (size, frames) if isinstance(size, int) and isinstance(frames, int) else None


def read_facts(folder: Path) -> ModelFacts:
    """What the files of a model's folder say; nothing where there are none. UsageError where one
    is no JSON."""
    return ModelFacts(_read(folder / CONFIG), _read(folder / PREPROCESSOR))


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "this file cannot be read", where=str(path), why=f"{type(error).__name__}: {error}"
        ) from error
    return found if isinstance(found, dict) else {}
