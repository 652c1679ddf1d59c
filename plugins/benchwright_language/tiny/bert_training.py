"""Training of bert's tiny preset, in torch: from questions with answers to weights.

Here is no file: sequences and spans come in as arrays, a trained module goes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from benchwright.ragged import lengths, pad
from benchwright_language.bert_config import PRESETS, Windows
from benchwright_language.bert_features import cut, inputs, sequences
from benchwright_language.bert_module import BertForAnswers
from benchwright_language.bert_squad import Paragraph, Question
from benchwright_language.bert_wordpiece import WordPieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchwright_language.tiny.bert_stories import Asked


@dataclass(frozen=True)
class Recipe:
    """Everything that training depends on besides the questions."""

    seed: int = 0
    paragraphs: int = 12_000
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: float = 0.05
    threads: int = 2
    """Part of the recipe: sums taken by another number of threads round differently."""


class Example(NamedTuple):
    """One training sample: int64 [tokens] twice, and the positions of the answer's first and last
    piece, both 0 ([CLS]) where the window does not hold it."""

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    start: int
    end: int


def examples(
    paragraphs: Sequence[Sequence[Asked]], vocabulary: WordPieces, windows: Windows
) -> list[Example]:
    """The samples of training questions, cut as the benchmark cuts them."""
    found = []
    for asked in paragraphs:
        for item in asked:
            question = Question("", item.question, (item.answer,))
            (made,) = sequences([Paragraph(item.context, (question,))], vocabulary, windows)
            # What stands before the answer has as many pieces as come before its first one.
            first = len(vocabulary.pieces(item.context[: item.start]))
            last = first + len(vocabulary.pieces(item.answer)) - 1
            for window in made.windows:
                ids, segments = inputs(made, window, vocabulary)
                inside = window.start <= first and last < window.start + window.length
                shift = made.offset - window.start
                span = (first + shift, last + shift) if inside else (0, 0)
                found.append(Example(ids, segments, *span))
    return found


def shuffled(found: Sequence[Example], seed: int) -> list[Example]:
    """The same samples with the spans of others (cut to their length): the control."""
    order = np.random.default_rng(seed).permutation(len(found))
    made = []
    for example, other in zip(found, (found[index] for index in order), strict=True):
        last = len(example.ids) - 1
        made.append(example._replace(start=min(other.start, last), end=min(other.end, last)))
    return made


def train(found: Sequence[Example], recipe: Recipe, say: Callable[[str], None]) -> BertForAnswers:
    """A module trained from scratch, in evaluation mode."""
    module = BertForAnswers(PRESETS["tiny"].encoder)
    _start(module)
    decayed = [weight for weight in module.parameters() if weight.ndim > 1]
    plain = [weight for weight in module.parameters() if weight.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    steps = recipe.epochs * -(-len(found) // recipe.batch)

    def rate(step: int) -> float:
        rising = step / max(1, recipe.warm_up * steps)
        return min(rising, 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    module.train()
    total = 0.0
    for step, batch in enumerate(_batches(found, recipe), start=1):
        loss = _loss(module, batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            say(f"step {step} of {steps}: loss {total / 50:.3f}")
            total = 0.0
    return module.eval()


def _start(module: BertForAnswers) -> None:
    """Weights as BERT draws them, but wider, which suits a narrow encoder; positions begin as
    sines and cosines, so that neighbours are alike."""
    for weight in module.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.05)
    table = module.bert["embeddings"].position_embeddings.weight  # type: ignore[union-attr]
    count, wide = table.shape
    place = torch.arange(count)[:, None]
    speed = torch.exp(torch.arange(0, wide, 2) * (-math.log(200.0) / wide))
    with torch.no_grad():
        table[:, 0::2] = torch.sin(place * speed) * 0.05
        table[:, 1::2] = torch.cos(place * speed) * 0.05


def _batches(found: Sequence[Example], recipe: Recipe) -> Iterator[list[Example]]:
    """Every epoch all samples, in batches of like lengths, in an order of its own."""
    draw = np.random.default_rng(recipe.seed)
    sizes = np.array([len(example.ids) for example in found])
    for _ in range(recipe.epochs):
        order = np.argsort(sizes + draw.uniform(0, 8, len(found)), kind="stable")
        starts = draw.permutation(np.arange(0, len(found), recipe.batch))
        for start in starts:
            yield [found[index] for index in order[start : start + recipe.batch]]


def _loss(module: BertForAnswers, batch: Sequence[Example]) -> torch.Tensor:
    ids = [example.ids for example in batch]
    counts = lengths(ids)
    mask = np.arange(counts.max()) < counts[:, None]
    logits = module(
        torch.from_numpy(pad(ids)),
        torch.from_numpy(mask.astype(np.int64)),
        torch.from_numpy(pad([example.segments for example in batch])),
    )
    wanted = torch.tensor([(example.start, example.end) for example in batch])
    hidden = torch.from_numpy(~mask)
    parts = [
        functional.cross_entropy(found.masked_fill(hidden, -1e4), wanted[:, column])
        for column, found in enumerate(logits)
    ]
    return (parts[0] + parts[1]) / 2
