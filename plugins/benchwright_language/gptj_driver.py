"""The driver of gptj: prompts in, generated tokens out, over any backend's session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchwright.ragged import lengths
from benchwright_language import gptj_graph
from benchwright_language.gptj_search import BeamSearch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright.contracts.program import Array, FirstToken, Sessions
    from benchwright_language.gptj_config import ModelSize, Setup

    Ints = NDArray[np.int64]

INPUT = "input_ids"


class GptjDriver:
    """Beam search over the decoder graph for a batch of prompts.

    Prompts are padded on the left. Samples that are done leave the batch, so that a short text
    does not pay for a long one.
    """

    def __init__(self, setup: Setup) -> None:
        self._generation = setup.generation
        self._size = setup.model

    def __call__(self, sessions: Sessions, batch: Mapping[str, Any]) -> Sequence[list[Ints]]:
        """batch: `input_ids`, a list of B int64 arrays. Returns the generated tokens, a list of B
        int64 arrays."""
        return self.stream(sessions, batch, None)

    def stream(
        self, sessions: Sessions, batch: Mapping[str, Any], first_token: FirstToken | None
    ) -> Sequence[list[Ints]]:
        """The same, telling each sample's first token when nothing can change it any more."""
        prompts: Sequence[Ints] = batch[INPUT]
        search = BeamSearch(self._generation, lengths(prompts))
        cache = _Cache(self._size)
        told: set[int] = set()
        run = sessions[gptj_graph.NAME].run

        tokens, pad = padded_left(prompts, self._generation.end)
        outputs = run(cache.prompt_feed(tokens, pad))
        going, parents = search.step(outputs[0], outputs[1])
        cache.take_prompt(outputs[2:], pad, going, search.beams)
        while True:
            if first_token is not None and len(told) < len(prompts):
                _tell(search, told, first_token)
            if not search.running:
                return [search.texts()]
            outputs = run(cache.step_feed(search.last))
            going, parents = search.step(outputs[0], outputs[1])
            cache.take_step(outputs[2:], going, parents)


def padded_left(prompts: Sequence[Ints], fill: int) -> tuple[Ints, Ints]:
    """Prompts as int64 [B, longest], filled up in front, and how far each is filled, [B]."""
    sizes = lengths(prompts)
    pad = sizes.max() - sizes
    tokens = np.full((len(prompts), sizes.max()), fill, np.int64)
    for row, (prompt, start) in enumerate(zip(prompts, pad, strict=True)):
        tokens[row, start:] = prompt
    return tokens, pad


def _tell(search: BeamSearch, told: set[int], first_token: FirstToken) -> None:
    news = {row: token for row, token in search.first_tokens().items() if row not in told}
    if news:
        told.update(news)
        first_token(list(news), np.fromiter(news.values(), np.int64, len(news)))


class _Cache:
    """Keys and values of the running samples: the prompts', which all beams of a sample share,
    and the continuations'. Both are lists, key and value of each layer in turn.

    What a session gave is copied when it is kept, since the session may use its memory again;
    the same copy puts the beams in their new order.
    """

    def __init__(self, size: ModelSize) -> None:
        kinds = [(kind, layer) for layer in range(size.layers) for kind in ("key", "value")]
        self._prompt_names = [f"prompt_{kind}.{layer}" for kind, layer in kinds]
        self._past_names = [f"past_{kind}.{layer}" for kind, layer in kinds]
        self._heads, self._head = np.arange(size.heads)[None, :, None], size.head
        self._prompt: list[Array] = []
        self._past: list[Array] = []
        self._pad = np.empty(0, np.int64)

    def _empty(self, *before: int, length: int) -> list[Array]:
        key, value = (*before, self._head, length), (*before, length, self._head)
        pair: list[Array] = [np.zeros(shape, np.float32) for shape in (key, value)]
        return pair * (len(self._past_names) // 2)

    def prompt_feed(self, tokens: Ints, pad: Ints) -> dict[str, Array]:
        """The graph's inputs for the prompts. One masked key stands where a prompt's would be:
        not every backend takes empty tensors into a product."""
        count, new = tokens.shape
        heads = self._heads.size
        prompt, past = self._empty(count, heads, length=1), self._empty(count, heads, 1, length=0)
        return {
            "tokens": tokens[:, None],
            "pad": pad + 1,
            "query_index": np.arange(1, new + 1),
            "key_index": np.arange(new + 1),
            **dict(zip(self._prompt_names, prompt, strict=True)),
            **dict(zip(self._past_names, past, strict=True)),
        }

    def take_prompt(self, grown: Sequence[Array], pad: Ints, going: Ints, beams: int) -> None:
        """Keeps what the graph gave for the prompts of the samples that go on."""
        self._prompt = [item[going, :, 0] for item in grown]
        self._past = self._empty(len(going), self._heads.size, beams, length=0)
        self._pad = pad[going]

    def take_step(self, grown: Sequence[Array], going: Ints, parents: Ints) -> None:
        """Keeps what the graph gave for the continuations: of each new beam, that of the beam
        that it continues."""
        if len(going) < len(self._pad):
            self._prompt = [item[going] for item in self._prompt]
            self._pad = self._pad[going]
        place = (going[:, None, None], self._heads, parents[:, None])
        self._past = [item[place] for item in grown]

    def step_feed(self, newest: Ints) -> dict[str, Array]:
        """The graph's inputs for the newest token of each beam, [samples, beams]."""
        prompt, past = self._prompt[1].shape[2], self._past[1].shape[3]
        return {
            "tokens": np.ascontiguousarray(newest[:, :, None]),
            "pad": self._pad,
            "query_index": np.array([prompt + past]),
            "key_index": np.arange(prompt + past + 1),
            **dict(zip(self._prompt_names, self._prompt, strict=True)),
            **dict(zip(self._past_names, self._past, strict=True)),
        }
