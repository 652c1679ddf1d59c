"""Training of bert's tiny preset, in torch: from questions with answers to weights.

Here is no file: sequences and spans come in as arrays, a trained module goes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from benchwright.ragged import lengths, pad
from benchwright_language.bert_config import PRESETS, Windows
from benchwright_language.bert_features import inputs, sequences
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
    paragraphs: int = 16_000
    epochs: int = 1
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up: float = 0.05
    threads: int = 1
    """Part of the recipe: sums taken by another number of threads round differently."""


class Example(NamedTuple):
    """One training sample: int64 [tokens] twice, and the positions of the answer's first and last
    piece, both 0 ([CLS]) where the window does not hold it; likewise of the answer's sentence."""

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    start: int
    end: int
    sentence: tuple[int, int]


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
            pieces = made.document.pieces
            begin = first - pieces[first::-1].index(".") + 1 if "." in pieces[:first] else 0
            stop = pieces.index(".", last)
            for window in made.windows:
                ids, segments = inputs(made, window, vocabulary)
                inside = window.start <= first and last < window.start + window.length
                shift = made.offset - window.start
                if not inside:
                    found.append(Example(ids, segments, 0, 0, (0, 0)))
                    continue
                sentence = (max(made.offset, begin + shift), min(len(ids) - 2, stop + shift))
                found.append(Example(ids, segments, first + shift, last + shift, sentence))
    return found


def shuffled(found: Sequence[Example], seed: int) -> list[Example]:
    """The same samples with the spans of others (cut to their length): the control."""
    order = np.random.default_rng(seed).permutation(len(found))
    made = []
    for example, other in zip(found, (found[index] for index in order), strict=True):
        last = len(example.ids) - 1
        sentence = (min(other.sentence[0], last), min(other.sentence[1], last))
        start, end = min(other.start, last), min(other.end, last)
        made.append(example._replace(start=start, end=end, sentence=sentence))
    return made


def train(found: Sequence[Example], recipe: Recipe, say: Callable[[str], None]) -> BertForAnswers:
    """A module trained from scratch, in evaluation mode."""
    module = BertForAnswers(PRESETS["tiny"].encoder)
    _start(module)
    sentences = _Sentences(module)
    weights = [*module.parameters(), *sentences.parameters()]
    decayed = [weight for weight in weights if weight.ndim > 1]
    plain = [weight for weight in weights if weight.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain},
    ]
    optimiser = torch.optim.AdamW(
        groups,
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
    total = side = 0.0
    for step, batch in enumerate(_batches(found, recipe), start=1):
        loss, extra = _loss(module, sentences, batch)
        optimiser.zero_grad()
        torch.autograd.backward([loss + extra])
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        side += extra.item()
        if step % 50 == 0:
            say(f"step {step} of {steps}: loss {total / 50:.3f} {side / 50:.3f}")
            total = side = 0.0
    module.eval()
    return module


def _start(module: BertForAnswers) -> None:
    """Fresh weights that shorten the search.

    Words begin in the first half of the width, positions (sines and cosines) in the second, and
    queries and keys as the identity: the first heads then look for the same piece elsewhere, as a
    name in the question is found in the paragraph, the others at what stands near.
    """
    for name, weight in module.named_parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.1 if "embeddings" in name else 0.05)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.endswith(("query.weight", "key.weight")):
                weight.add_(torch.eye(len(weight)))
        embeddings = module.bert.embeddings
        words = embeddings.word_embeddings.weight
        positions = embeddings.position_embeddings.weight
        count, wide = positions.shape
        half = wide // 2
        words[:, half:] = positions[:, :half] = 0
        speed = torch.exp(torch.arange(half // 2) * (-math.log(200.0) * 2 / half))
        angle = torch.arange(count)[:, None] * speed
        positions[:, half:] = torch.cat([angle.sin(), angle.cos()], dim=1) * 0.14


def _batches(found: Sequence[Example], recipe: Recipe) -> Iterator[list[Example]]:
    """Every epoch all samples, in batches of like lengths, in an order of its own."""
    draw = np.random.default_rng(recipe.seed)
    sizes = np.array([len(example.ids) for example in found])
    for _ in range(recipe.epochs):
        order = np.argsort(sizes + draw.uniform(0, 8, len(found)), kind="stable")
        starts = draw.permutation(np.arange(0, len(found), recipe.batch))
        for start in starts:
            yield [found[index] for index in order[start : start + recipe.batch]]


class _Sentences(torch.nn.Module):
    """A second task that only training knows: whether a token is of the answer's sentence, from
    what the encoder knows before its last layer. It tells more of each sample than two positions
    do, and finding the sentence is most of finding the answer."""

    def __init__(self, module: BertForAnswers) -> None:
        super().__init__()
        layer = module.bert.encoder.layer[-2]
        self._hidden = torch.empty(0)
        self._head = torch.nn.Linear(module.qa_outputs.in_features, 1)
        layer.register_forward_hook(self._keep)

    def _keep(self, layer: torch.nn.Module, given: object, found: torch.Tensor) -> None:
        self._hidden = found

    def loss(self, batch: Sequence[Example], mask: NDArray[np.bool_]) -> torch.Tensor:
        """Of the module's last call; mask bool [N, tokens]: real tokens."""
        first, last = np.array([example.sentence for example in batch]).T[..., None]
        place = np.arange(mask.shape[1])
        wanted = torch.from_numpy((first <= place) & (place <= last)).float()
        logits = self._head(self._hidden)[..., 0]
        each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return each[torch.from_numpy(mask)].mean()


def _loss(
    module: BertForAnswers, sentences: _Sentences, batch: Sequence[Example]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of the answers, and of the second task."""
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
    return (parts[0] + parts[1]) / 2, 2 * sentences.loss(batch, mask)
