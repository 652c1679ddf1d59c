"""Beam search against a plain one that looks at the whole vocabulary, one sample at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright_language.gptj_config import Generation
from benchwright_language.gptj_search import BeamSearch, Hypotheses

VOCABULARY, END = 12, 11


class Model:
    """Log-probabilities that depend on the sample, the last token and the length so far."""

    def __init__(self, seed: int, samples: int, eagerness: float) -> None:
        chance = np.random.default_rng(seed)
        logits = chance.normal(size=(samples, VOCABULARY + 1, 12, VOCABULARY)) * 2
        logits[..., END] += eagerness
        total = np.log(np.exp(logits).sum(-1, keepdims=True))
        self._table = (logits - total).astype(np.float32)

    def next(self, sample: int, text: tuple[int, ...]) -> Any:
        last = text[-1] if text else VOCABULARY
        return self._table[sample, last, len(text)]


def plain(model: Model, sample: int, prompt: int, rules: Generation) -> list[int]:
    """Beam search written out."""
    beams: list[tuple[Any, tuple[int, ...]]] = [(np.float32(0), ())]
    ended: list[tuple[float, tuple[int, ...]]] = []

    def end(total: Any, text: tuple[int, ...]) -> None:
        ended.append((float(total) / (prompt + len(text)) ** rules.length_penalty, text))
        if len(ended) > rules.beams:
            ended.remove(min(ended, key=lambda item: item[0]))

    for length in range(rules.longest):
        offers = []
        for total, text in beams:
            for token, share in enumerate(model.next(sample, text)):
                if token != END or length >= rules.shortest:
                    offers.append((share + total, text, token))
        offers.sort(key=lambda offer: -offer[0])
        beams = []
        for rank, (total, text, token) in enumerate(offers[: 2 * rules.beams]):
            if token == END:
                if rank < rules.beams:
                    end(total, text)
            elif len(beams) < rules.beams:
                beams.append((total, (*text, token)))
        if len(ended) == rules.beams:
            break
    else:
        for total, text in beams:
            end(total, text)
    best = max(ended, key=lambda item: item[0])[1]
    return [*best] if len(best) == rules.longest else [*best, END]


def searched(
    model: Model, prompts: list[int], rules: Generation
) -> tuple[list[list[int]], list[dict[int, int]]]:
    """The benchmark's search, fed as a graph would feed it; also what it said of first tokens."""
    search = BeamSearch(rules, np.array(prompts))
    texts: list[list[tuple[int, ...]]] = [[()] for _ in prompts]
    told = []
    while search.running:
        rows = list(search.rows)
        shares = np.array(
            [[model.next(row, text) for text in texts[i]] for i, row in enumerate(rows)]
        )
        order = np.argsort(-shares, axis=2, kind="stable")[:, :, : rules.candidates]
        going, parents = search.step(np.take_along_axis(shares, order, 2), order)
        told.append(search.first_tokens())
        texts = [
            [(*texts[place][parent], int(token)) for parent, token in zip(*pair, strict=True)]
            for place, pair in zip(going, zip(parents, search.last, strict=True), strict=True)
        ]
    return [text.tolist() for text in search.texts()], told


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    eagerness=st.sampled_from([-2.0, 0.0, 1.0, 3.0]),
    beams=st.sampled_from([1, 2, 4]),
    shortest=st.integers(0, 4),
    longest=st.integers(5, 8),
    penalty=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_search_finds_what_a_plain_one_finds(
    seed: int, eagerness: float, beams: int, shortest: int, longest: int, penalty: float
) -> None:
    rules = Generation(END, beams, longest, shortest, penalty)
    prompts = [3, 9, 1, 20]
    model = Model(seed, len(prompts), eagerness)
    found, told = searched(model, prompts, rules)
    assert found == [plain(model, row, prompt, rules) for row, prompt in enumerate(prompts)]
    # What was said of first tokens at any time held to the end.
    for said in told:
        assert all(found[row][0] == token for row, token in said.items())
    assert sorted(told[-1]) == [0, 1, 2, 3]


def step(search: BeamSearch, rows: list[list[tuple[float, int]]]) -> None:
    """One step with hand-written candidates for each open beam of one sample."""
    shares = np.array([[share for share, _ in row] for row in rows], np.float32)[None]
    tokens = np.array([[token for _, token in row] for row in rows])[None]
    search.step(shares, tokens)


def test_a_search_by_hand() -> None:
    """Two beams; the prompt counts to a text's length, the end does not."""
    rules = Generation(end=9, beams=2, longest=4, shortest=1)
    search = BeamSearch(rules, np.array([2]))
    # The end is forbidden at first, so 5 and 6 are the beams.
    step(search, [[(-0.1, 9), (-1.0, 5), (-2.0, 6), (-3.0, 7), (-4.0, 8)]])
    assert search.last.tolist() == [[5, 6]]
    # In all: 5+end -1.5, 6+7 -2.25, 5+7 -3.0, 6+end -4.0 (third at best, so it is no hypothesis).
    step(
        search,
        [
            [(-0.5, 9), (-2.0, 7), (-9.0, 1), (-9.5, 2), (-9.6, 3)],
            [(-0.25, 7), (-2.0, 9), (-9.0, 1), (-9.5, 2), (-9.6, 3)],
        ],
    )
    assert search.last.tolist() == [[7, 7]]
    assert search.running == 1
    # 6 7 end: -2.25 - 0.25 = -2.5, a length of 2 + 2; 5 end had -1.5 over 2 + 1.
    step(
        search,
        [
            [(-0.25, 9), (-1.0, 1), (-9.0, 2), (-9.5, 3), (-9.6, 4)],
            [(-5.0, 1), (-6.0, 2), (-9.0, 9), (-9.5, 3), (-9.6, 4)],
        ],
    )
    assert search.running == 0
    # -1.5 / 3 = -0.5 and -2.5 / 4 = -0.625.
    assert [text.tolist() for text in search.texts()] == [[5, 9]]
    assert search.first_tokens() == {0: 5}


def test_open_beams_count_when_the_text_may_grow_no_longer() -> None:
    rules = Generation(end=9, beams=2, longest=2, shortest=0)
    search = BeamSearch(rules, np.array([1]))
    step(search, [[(-1.0, 5), (-2.0, 6), (-3.0, 7), (-4.0, 8), (-5.0, 9)]])
    assert search.first_tokens() == {}
    step(
        search,
        [
            [(-3.0, 1), (-3.5, 2), (-7.0, 3), (-8.0, 4), (-9.0, 9)],
            [(-0.5, 4), (-4.0, 2), (-7.0, 3), (-8.0, 1), (-9.0, 9)],
        ],
    )
    # As long as it may be: no end behind it.
    assert [text.tolist() for text in search.texts()] == [[6, 4]]


@pytest.mark.parametrize(
    ("scores", "wanted"), [([-3.0, -1.0, -2.0], 1), ([-1.0, -2.0, -1.0], 2), ([-1.0, -1.0], 1)]
)
def test_hypotheses_keep_the_best(scores: list[float], wanted: int) -> None:
    hypotheses = Hypotheses(2)
    for number, score in enumerate(scores):
        hypotheses.add(score, np.array([number]))
    assert hypotheses.full
    assert hypotheses.best().tolist() == [wanted]
