"""The drivers of tried models that generate text: greedy loops with a key-value cache.

One decoder graph computes prompt and single tokens alike: `past_key_values.*` go in and `present.*`
come out, as exporters name them. Every prompt gets the same number of new tokens: an end of
sequence ends nothing, since random prompts would end at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchwright.contracts.program import Array, FirstToken, Output, Sessions
from benchwright.tried.described import Description, Graph
from benchwright.tried.padding import padded

NEW_TOKENS = 32
"""Tokens made of a prompt where nobody says how many."""

PROMPT_INPUTS = (
    "input_ids",
    "attention_mask",
    "position_ids",
    "token_type_ids",
    "use_cache_branch",
)
"""What a graph that generates may take besides its cache."""

ENCODER, DECODER = "encoder_model.onnx", "decoder_model.onnx"
"""The two graphs of a model that reads one sequence and writes another."""

PAST, PRESENT = "past_key_values", "present"


class _Cache:
    """The key-value cache of a decoder graph, between its outputs and its inputs."""

    def __init__(self, description: Description, graph: Graph) -> None:
        self._heads = description.facts["cache"]
        self._past = {
            name: np.dtype(dtype) for name, dtype, _ in graph.inputs if name.startswith(PAST)
        }
        outputs = [name for name, _, _ in graph.outputs]
        self._logits = outputs.index("logits")
        self._present = [
            (outputs.index(name.replace(PAST, PRESENT, 1)), name) for name in self._past
        ]

    def empty(self, count: int) -> dict[str, Array]:
        """That of `count` samples before the first token."""
        return {
            name: np.zeros((count, self._heads[0], 0, self._heads[1]), dtype)
            for name, dtype in self._past.items()
        }

    def after(self, outputs: Sequence[Array]) -> dict[str, Array]:
        """Copies: an engine may write the next call's outputs where it wrote these."""
        return {name: np.array(outputs[place]) for place, name in self._present}

    def token(self, outputs: Sequence[Array]) -> NDArray[np.int64]:
        """The likeliest next token of each sample, int64 [B]."""
        token: NDArray[np.int64] = outputs[self._logits][:, -1].argmax(axis=-1)
        return token.astype(np.int64)


def _typed(graph: Graph, values: Mapping[str, Array]) -> dict[str, Array]:
    """Of these values what a graph takes, as it takes it."""
    return {
        name: np.ascontiguousarray(values[name], dtype=dtype)
        for name, dtype, _ in graph.inputs
        if name in values
    }


class Generate:
    """Greedy decoding for a batch of prompts, which are filled up in front to one length."""

    def __init__(self, description: Description) -> None:
        (self._graph,) = description.graphs
        self._steps = int(description.facts["new_tokens"])
        self._cache = _Cache(description, self._graph)

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """See contracts.program.Driver."""
        return self.stream(sessions, batch, _tell_nobody)

    def stream(
        self, sessions: Sessions, batch: Mapping[str, Any], first_token: FirstToken
    ) -> Sequence[Output]:
        """See contracts.program.TokenDriver."""
        session = sessions["main"]
        ids, mask = _filled_in_front(batch["input_ids"])
        count = len(ids)
        cache = self._cache.empty(count)
        made = np.empty((count, self._steps), np.int64)
        positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
        for step in range(self._steps):
            values: dict[str, Array] = {
                "input_ids": ids,
                "attention_mask": mask,
                "position_ids": positions,
                "token_type_ids": np.zeros_like(ids),
                "use_cache_branch": np.array([step > 0]),
            }
            outputs = session.run({**_typed(self._graph, values), **cache})
            token = self._cache.token(outputs)
            made[:, step] = token
            if step == 0:
                first_token(range(count), token)
            if step + 1 == self._steps:
                break
            cache = self._cache.after(outputs)
            ids = token[:, None]
            mask = np.concatenate([mask, np.ones((count, 1), np.int64)], axis=1)
            positions = positions[:, -1:] + 1
        return [list(made)]


class Translate:
    """Greedy decoding of an encoder-decoder pair: text to text, or speech to text."""

    def __init__(self, description: Description) -> None:
        self._encoder, self._decoder = description.graphs
        self._inputs = [item.name for item in description.inputs]
        self._steps = int(description.facts["new_tokens"])
        self._start = int(description.facts.get("start_token", 0))
        self._cache = _Cache(description, self._decoder)

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """See contracts.program.Driver."""
        return self.stream(sessions, batch, _tell_nobody)

    def stream(
        self, sessions: Sessions, batch: Mapping[str, Any], first_token: FirstToken
    ) -> Sequence[Output]:
        """See contracts.program.TokenDriver."""
        read = {name: padded(list(batch[name])) for name in self._inputs}
        hidden = np.array(sessions["encoder"].run(_typed(self._encoder, read))[0])
        count = len(hidden)
        values: dict[str, Array] = {"encoder_hidden_states": hidden}
        if "attention_mask" in read:
            values["encoder_attention_mask"] = read["attention_mask"]
        cache = self._cache.empty(count)
        made = np.empty((count, self._steps), np.int64)
        token = np.full(count, self._start, np.int64)
        for step in range(self._steps):
            values["decoder_input_ids"] = token[:, None]
            values["decoder_attention_mask"] = np.ones((count, step + 1), np.int64)
            outputs = sessions["decoder"].run({**_typed(self._decoder, values), **cache})
            token = self._cache.token(outputs)
            made[:, step] = token
            if step == 0:
                first_token(range(count), token)
            cache = self._cache.after(outputs)
        return [list(made)]


def _tell_nobody(rows: Sequence[int], tokens: Array) -> None:
    return


def _filled_in_front(prompts: Sequence[Array]) -> tuple[Array, Array]:
    """(ids, mask) int64 [B, longest]: generation goes on at the end, so that is where all end."""
    longest = max(len(prompt) for prompt in prompts)
    ids = np.zeros((len(prompts), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return ids, mask
