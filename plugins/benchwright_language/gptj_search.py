"""Beam search over the candidates that the graph offers for each beam; no model is called here.

The rules are those of the reference's library when the reference accuracy was measured
(transformers before 4.36): each step looks at the best 2 * beams continuations of a sample; one
that ends the text becomes a hypothesis if it is among the best `beams`, the others go on as the
new beams. A hypothesis is judged by its log-probability divided by its length, the prompt
included, the end not. A sample is done when it has `beams` hypotheses; at the longest length the
open beams count as hypotheses too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchwright.contracts.program import Array
    from benchwright_language.gptj_config import Generation

    Ints = NDArray[np.int64]


@dataclass(slots=True)
class Hypotheses:
    """The best ended texts of one sample, at most `room`: scores and tokens, in order of coming."""

    room: int
    found: list[tuple[float, Ints]] = field(default_factory=list)

    def add(self, score: float, tokens: Ints) -> None:
        """Keeps the text if there is room, or if it beats the worst one."""
        if len(self.found) == self.room:
            worst = min(range(self.room), key=lambda index: self.found[index][0])
            if score <= self.found[worst][0]:
                return
            del self.found[worst]
        self.found.append((score, tokens))

    @property
    def full(self) -> bool:
        """Whether there are as many as the search wants."""
        return len(self.found) == self.room

    def best(self) -> Ints:
        """The tokens of the best text; of equals, the last."""
        return max(reversed(self.found), key=lambda item: item[0])[1]


class BeamSearch:
    """The state of a batch: open beams of the samples that still run.

    `rows` int64 [running]: which samples of the batch these are; `beams` is 1 before the first
    step, when each sample is its prompt alone.
    """

    def __init__(self, generation: Generation, prompt_lengths: Ints) -> None:
        count = len(prompt_lengths)
        self._rules = generation
        self._prompts = prompt_lengths
        self.rows = np.arange(count)
        self.length = 0
        self._scores = np.zeros((count, 1), np.float32)
        self._tokens = np.empty((count, 1, generation.longest), np.int64)
        self._hypotheses = [Hypotheses(generation.beams) for _ in range(count)]

    @property
    def running(self) -> int:
        """How many samples are not done."""
        return len(self.rows)

    @property
    def beams(self) -> int:
        """Open beams of a sample."""
        return self._scores.shape[1]

    @property
    def last(self) -> Ints:
        """The newest token of each open beam, [running, beams]."""
        newest: Ints = self._tokens[:, :, self.length - 1]
        return newest

    def step(self, log_probabilities: Array, candidates: Array) -> tuple[Ints, Ints]:
        """Goes one token further. Takes what the graph gave for each open beam, [running, beams,
        candidates]. Returns which samples go on (places in the former `rows`, [running]), and
        which former beam of its sample each of their beams continues, [running, beams]."""
        rules = self._rules
        count = self.running
        totals = np.asarray(log_probabilities, np.float32) + self._scores[:, :, None]
        offered = np.asarray(candidates, np.int64)
        if self.length < rules.shortest:
            totals = np.where(offered == rules.end, -np.inf, totals)
        each = totals.shape[2]
        totals, offered = totals.reshape(count, -1), offered.reshape(count, -1)
        order = np.argsort(-totals, axis=1, kind="stable")[:, : 2 * rules.beams]
        samples = np.arange(count)[:, None]
        totals, offered = totals[samples, order], offered[samples, order]
        parents = order // each

        ending = offered == rules.end
        for sample, rank in zip(*np.nonzero(ending[:, : rules.beams]), strict=True):
            text = self._tokens[sample, parents[sample, rank], : self.length]
            self._end(sample, totals[sample, rank], text)

        going = np.argsort(ending, axis=1, kind="stable")[:, : rules.beams]
        parents = parents[samples, going]
        self._tokens, self._scores = self._tokens[samples, parents], totals[samples, going]
        self._tokens[:, :, self.length] = offered[samples, going]
        self.length += 1
        if self.length == rules.longest:
            self._end_open()
        kept = self._leave()
        return kept, parents[kept]

    def _end(self, sample: int, total: float, text: Ints) -> None:
        length = int(self._prompts[self.rows[sample]]) + len(text)
        score = float(total) / length**self._rules.length_penalty
        self._hypotheses[self.rows[sample]].add(score, text.copy())

    def _end_open(self) -> None:
        for sample, row in enumerate(self.rows):
            if not self._hypotheses[row].full:
                for beam in range(self.beams):
                    self._end(sample, self._scores[sample, beam], self._tokens[sample, beam])

    def _leave(self) -> Ints:
        """Lets go of the samples that are done; returns the places of the others."""
        if self.length == self._rules.longest:
            kept = np.empty(0, np.int64)
        else:
            open_ones = [not self._hypotheses[row].full for row in self.rows]
            kept = np.flatnonzero(open_ones)
        if len(kept) < self.running:
            self.rows = self.rows[kept]
            self._tokens, self._scores = self._tokens[kept], self._scores[kept]
        return kept

    def texts(self) -> list[Ints]:
        """The generated tokens of every sample, once none runs: with the end, unless the text
        is as long as it may be."""
        end = np.array([self._rules.end], np.int64)
        found = [hypotheses.best() for hypotheses in self._hypotheses]
        return [
            text.copy() if len(text) == self._rules.longest else np.concatenate([text, end])
            for text in found
        ]

    def first_tokens(self) -> dict[int, int]:
        """The first token of each sample, by row of the batch, where nothing can change it any
        more: all open beams and all hypotheses begin with it."""
        decided = {}
        running = {int(row): sample for sample, row in enumerate(self.rows)}
        for row, hypotheses in enumerate(self._hypotheses):
            if row in running:
                firsts = set(self._tokens[running[row], :, 0].tolist())
                firsts |= {self._first(text) for _, text in hypotheses.found}
            else:
                firsts = {self._first(hypotheses.best())}
            if len(firsts) == 1:
                decided[row] = firsts.pop()
        return decided

    def _first(self, text: Ints) -> int:
        return int(text[0]) if len(text) else self._rules.end
