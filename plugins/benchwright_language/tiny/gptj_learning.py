"""Training of gptj's tiny model: made-up news in, weights by name out. No file is written here.

Every prompt begins with the same words; what the model makes of them is computed once a batch and
shared, exactly as the beams of a search share their prompt.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional, init

from benchwright_language.gptj_config import SETUPS
from benchwright_language.gptj_module import Gptj
from benchwright_language.gptj_prompts import END_TOKEN, INSTRUCTION, Article
from benchwright_language.tiny.gptj_news import article, news

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_GAP = "\0"


@dataclass(frozen=True)
class Recipe:
    """How the model is trained. text_share: weight of predicting the article, beside the
    highlights."""

    seed: int = 0
    steps: int = 700
    batch: int = 32
    rate: float = 4e-3
    warm_up: int = 50
    text_share: float = 0.1
    threads: int = 1


def trained_tokenizer(seed: int) -> Tokenizer:
    """Byte-level BPE in GPT-2's form, trained on training articles and prompts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=SETUPS["tiny"].model.vocabulary - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [f"{item.input}\n{item.output}" for item in news(seed, 4000, evaluation=False)]
    template = Article(INSTRUCTION, "", "").prompt
    tokenizer.train_from_iterator([*texts, *[template] * 2000], trainer)
    tokenizer.add_special_tokens([END_TOKEN])
    return tokenizer


def train(tokenizer: Tokenizer, recipe: Recipe, *, shuffle: bool) -> dict[str, NDArray[np.float32]]:
    """The trained weights by name; shuffle: each article gets another one's highlights."""
    setup = SETUPS["tiny"]
    model = Gptj(setup.model, setup.generation.candidates)
    _begin(model)
    lessons = _Lessons(tokenizer, recipe, shuffle)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    for step in range(recipe.steps):
        slope = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, step / recipe.warm_up) * slope
        loss = lessons.loss(model)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == recipe.steps - 1:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def _begin(model: Gptj) -> None:
    for name, weight in model.named_parameters():
        if name == "transformer.wte.weight":
            init.normal_(weight, std=0.5)
        elif name == "lm_head.weight":
            init.normal_(weight, std=0.02)
        elif weight.ndim > 1:
            init.normal_(weight, std=0.7 / math.sqrt(weight.shape[1]))


class _Lessons:
    """Batches of training articles, and the loss on them."""

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe, shuffle: bool) -> None:
        self._tokenizer, self._recipe, self._shuffle = tokenizer, recipe, shuffle
        self._chance = random.Random(recipe.seed)
        head, self._tail = Article(INSTRUCTION, _GAP, "").prompt.split(_GAP)
        self._head = torch.tensor(tokenizer.encode(head).ids)
        self._size = SETUPS["tiny"].model
        self._end = SETUPS["tiny"].generation.end

    def loss(self, model: Gptj) -> Tensor:
        """Mean cross-entropy of the next token, weighted, over a new batch."""
        tokens, weights = self._batch()
        shared, new = len(self._head), weights.shape[1]
        size = self._size
        nothing = [
            torch.zeros(1, size.heads, size.head, 1),
            torch.zeros(1, size.heads, 1, size.head),
        ]
        _, grown = model.hidden(
            self._head[None, None],
            torch.ones(1, dtype=torch.int64),
            torch.arange(1, shared + 1),
            torch.arange(shared + 1),
            nothing * size.layers,
            self._no_past(1),
        )
        stream, _ = model.hidden(
            tokens[None, :, :new],
            torch.zeros(1, dtype=torch.int64),
            torch.arange(shared, shared + new),
            torch.arange(shared + new),
            [item[:, :, 0] for item in grown],
            self._no_past(len(tokens)),
        )
        counted = weights > 0
        losses = functional.cross_entropy(
            model.logits(stream[0][counted]), tokens[:, 1:][counted], reduction="none"
        )
        return (losses * weights[counted]).sum() / weights.sum()

    def _no_past(self, beams: int) -> list[Tensor]:
        key = torch.zeros(1, self._size.heads, beams, self._size.head, 0)
        return [key, key.transpose(3, 4)] * self._size.layers

    def _batch(self) -> tuple[Tensor, Tensor]:
        """What follows the shared head, filled up with ends [batch, new + 1], and the weight of
        each prediction [batch, new]."""
        items = [article(self._chance, evaluation=False) for _ in range(self._recipe.batch)]
        highlights = [item.output for item in items]
        if self._shuffle:
            self._chance.shuffle(highlights)
        texts = self._ids(item.input + self._tail for item in items)
        answers = self._ids(highlights)
        pairs = list(zip(texts, answers, strict=True))
        new = max(len(text) + len(answer) for text, answer in pairs)
        tokens = np.full((len(pairs), new + 1), self._end)
        weights = np.zeros((len(pairs), new), np.float32)
        for row, (text, answer) in enumerate(pairs):
            tokens[row, : len(text) + len(answer)] = text + answer
            weights[row, : len(text) - 1] = self._recipe.text_share
            weights[row, len(text) - 1 : len(text) + len(answer)] = 1.0
        return torch.from_numpy(tokens), torch.from_numpy(weights)

    def _ids(self, texts: Iterable[str]) -> list[list[int]]:
        encoded: list[Any] = self._tokenizer.encode_batch(list(texts))
        return [item.ids for item in encoded]
