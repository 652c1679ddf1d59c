"""The driver of a tried model that generates text: a greedy loop with a key-value cache.

One graph computes prompt and single tokens alike: `past_key_values.*` go in and `present.*` come
out, as exporters name them. Every prompt gets the same number of new tokens: an end-of-sequence
token ends nothing, since random prompts would end at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchwright.contracts.program import Array, FirstToken, Output, Session, Sessions
from benchwright.tried.described import Description

NEW_TOKENS = 32
"""Tokens made of a prompt where nobody says how many."""

PAST, PRESENT = "past_key_values", "present"


class Generate:
    """Greedy decoding for a batch of prompts, which are filled up in front to one length."""

    def __init__(self, description: Description) -> None:
        graph = description.graphs[0]
        self._steps = int(description.facts["new_tokens"])
        self._heads = description.facts["cache"]
        self._past = {
            name: np.dtype(dtype) for name, dtype, _ in graph.inputs if name.startswith(PAST)
        }
        names = [name for name, _, _ in graph.inputs]
        self._dtypes = {name: np.dtype(dtype) for name, dtype, _ in graph.inputs}
        self._takes = [name for name in names if not name.startswith(PAST)]
        outputs = [name for name, _, _ in graph.outputs]
        self._logits = outputs.index("logits")
        self._present = [
            (outputs.index(name.replace(PAST, PRESENT, 1)), name) for name in self._past
        ]

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[Output]:
        """See contracts.program.Driver."""
        return self._generate(sessions["main"], batch["input_ids"], None)

    def stream(
        self, sessions: Sessions, batch: Mapping[str, Any], first_token: FirstToken
    ) -> Sequence[Output]:
        """See contracts.program.TokenDriver."""
        return self._generate(sessions["main"], batch["input_ids"], first_token)

    def _generate(
        self, session: Session, prompts: Sequence[Array], first_token: FirstToken | None
    ) -> Sequence[Output]:
        ids, mask = _filled_in_front(prompts)
        count = len(ids)
        cache = {
            name: np.zeros((count, self._heads[0], 0, self._heads[1]), dtype)
            for name, dtype in self._past.items()
        }
        made = np.empty((count, self._steps), np.int64)
        positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
        for step in range(self._steps):
            outputs = session.run(self._feed(ids, mask, positions, cache, step))
            token = outputs[self._logits][:, -1].argmax(axis=-1).astype(np.int64)
            made[:, step] = token
            if step == 0 and first_token is not None:
                first_token(range(count), token)
            if step + 1 == self._steps:
                break
            # An engine may write the next call's outputs where it wrote these.
            cache = {name: np.array(outputs[place]) for place, name in self._present}
            ids = token[:, None]
            mask = np.concatenate([mask, np.ones((count, 1), np.int64)], axis=1)
            positions = positions[:, -1:] + 1
        return [list(made)]

    def _feed(
        self, ids: Array, mask: Array, positions: Array, cache: Mapping[str, Array], step: int
    ) -> dict[str, Array]:
        values: dict[str, Array] = {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": positions,
            "token_type_ids": np.zeros_like(ids),
            "use_cache_branch": np.array([step > 0]),
        }
        feed: dict[str, Array] = {
            name: np.ascontiguousarray(values[name], dtype=self._dtypes[name])
            for name in self._takes
        }
        feed.update(cache)
        return feed


def _filled_in_front(prompts: Sequence[Array]) -> tuple[Array, Array]:
    """(ids, mask) int64 [B, longest]: generation goes on at the end, so that is where all end."""
    longest = max(len(prompt) for prompt in prompts)
    ids = np.zeros((len(prompts), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return ids, mask
