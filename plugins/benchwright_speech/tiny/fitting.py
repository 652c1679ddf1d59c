"""Fitting the transducer to utterances: batches, losses, and the schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from benchwright_speech.config import BLANK, TIME_FACTOR, TINY
from benchwright_speech.rnnt_module import RnnTransducer
from benchwright_speech.tiny.loss import transducer_loss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Recipe:
    """What training takes. The learning rate rises over `warm_up` steps, stays until half of all
    steps, and falls to a fiftieth. `guide` is the weight of the loss that helps the encoder's
    first layers to find out which sound is which letter."""

    seed: int = 0
    speakers: int = 128
    per_speaker: int = 32
    steps: int = 2_400
    batch: int = 16
    rate: float = 4e-3
    warm_up: int = 100
    dropout: float = 0.1
    guide: float = 0.5
    clip: float = 2.0


class Example(NamedTuple):
    """Features float32 [vectors, 240], and labels int64 [symbols]."""

    features: Tensor
    labels: Tensor


class Batch(NamedTuple):
    """Padded features and labels, and the sizes of each: int64 [B]."""

    features: Tensor
    vectors: Tensor
    labels: Tensor
    symbols: Tensor

    @property
    def valid(self) -> Tensor:
        """bool [B, vectors]."""
        return torch.arange(self.features.shape[1]) < self.vectors[:, None]


def collate(examples: list[Example]) -> Batch:
    """Examples of any sizes in one batch."""
    return Batch(
        pad_sequence([one.features for one in examples], batch_first=True),
        torch.tensor([len(one.features) for one in examples]),
        pad_sequence([one.labels for one in examples], batch_first=True),
        torch.tensor([len(one.labels) for one in examples]),
    )


def fit(examples: list[Example], recipe: Recipe, say: Callable[[str], None]) -> RnnTransducer:
    """A model trained on the examples; seeded by the caller's `benchwright.training.settle`."""
    model = RnnTransducer(TINY, recipe.dropout)
    # A connectionist temporal classifier on the first layers; it is thrown away afterwards.
    guide = nn.Linear(TINY.encoder, BLANK + 1)
    seen: list[Tensor] = []
    model.encoder.pre_rnn.register_forward_hook(lambda module, given, out: seen.append(out))
    parameters = [*model.parameters(), *guide.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=recipe.rate)
    total = 0.0
    for step, batch in enumerate(_batches(examples, recipe)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _share(step, recipe)
        symbols = batch.symbols.sum()
        steps = model(batch.features, batch.valid, batch.labels)
        frames = (batch.vectors + 1) // TIME_FACTOR
        loss = transducer_loss(steps, batch.labels, frames, batch.symbols).sum() / symbols
        total += float(loss.detach())
        guided = guide(seen.pop()).log_softmax(-1).transpose(0, 1)
        loss = loss + recipe.guide / symbols * nn.functional.ctc_loss(
            guided,
            batch.labels,
            batch.vectors,
            batch.symbols,
            blank=BLANK,
            reduction="sum",
            zero_infinity=True,
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimiser.step()
        if step % 300 == 299:
            say(f"step {step + 1} of {recipe.steps}: {total / 300:.4f} nats a symbol")
            total = 0.0
    model.eval()
    return model


def _share(step: int, recipe: Recipe) -> float:
    rising = (step + 1) / recipe.warm_up
    falling = 2 * (recipe.steps - step) / recipe.steps
    return max(0.02, min(1.0, rising, falling))


def _batches(examples: list[Example], recipe: Recipe) -> Iterator[Batch]:
    """Batches of examples of like length, in an order that differs from round to round."""
    ordered = sorted(examples, key=lambda one: len(one.features))
    starts = range(0, len(ordered) - recipe.batch + 1, recipe.batch)
    batches = [collate(ordered[start : start + recipe.batch]) for start in starts]
    random = np.random.default_rng(recipe.seed)
    order: list[int] = []
    for _ in range(recipe.steps):
        if not order:
            order = random.permutation(len(batches)).tolist()
        yield batches[order.pop()]
