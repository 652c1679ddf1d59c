"""The same encoder as a torch module: what training runs, and backends that compute in torch.

Names of parameters are those of the official PyTorch checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from benchwright_language.bert_config import SEGMENTS, Encoder
from benchwright_language.bert_graph import EPSILON, MASKED


class Embeddings(nn.Module):
    """Words, positions and segments, added and normalised."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(encoder.vocabulary, encoder.hidden)
        self.position_embeddings = nn.Embedding(encoder.positions, encoder.hidden)
        self.token_type_embeddings = nn.Embedding(SEGMENTS, encoder.hidden)
        self.LayerNorm = nn.LayerNorm(encoder.hidden, eps=EPSILON)

    def forward(self, ids: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
        """int64 [N, tokens] twice → float32 [N, tokens, hidden]."""
        total = self.word_embeddings(ids) + self.token_type_embeddings(segments)
        total = total + self.position_embeddings.weight[: ids.shape[1]]
        found: torch.Tensor = self.LayerNorm(total)
        return found


class Projections(nn.Module):
    """Scaled dot-product attention over the heads."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.query, self.key, self.value = (
            nn.Linear(encoder.hidden, encoder.hidden) for _ in range(3)
        )
        self._heads = encoder.heads

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, hidden], and [N, 1, 1, tokens] to add to the scores."""
        query, key, value = (
            layer(hidden).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.transpose(1, 2).flatten(2)


class AddNorm(nn.Module):
    """A linear layer whose result is added to what came before, and normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.LayerNorm = nn.LayerNorm(outputs, eps=EPSILON)

    def forward(self, hidden: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, inputs] and [N, tokens, outputs] → [N, tokens, outputs]."""
        found: torch.Tensor = self.LayerNorm(self.dense(hidden) + before)
        return found


class Attention(nn.Module):
    """Attention and what is made of it."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.self = Projections(encoder)
        self.output = AddNorm(encoder.hidden, encoder.hidden)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, hidden] → the same shape."""
        found: torch.Tensor = self.output(self.self(hidden, bias), hidden)
        return found


class Intermediate(nn.Module):
    """The wide part of the feed-forward step."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.dense = nn.Linear(encoder.hidden, encoder.intermediate)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, hidden] → [N, tokens, intermediate]."""
        return functional.gelu(self.dense(hidden))


class Layer(nn.Module):
    """Attention and feed-forward part, each with its residual."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.attention = Attention(encoder)
        self.intermediate = Intermediate(encoder)
        self.output = AddNorm(encoder.intermediate, encoder.hidden)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, hidden] → the same shape."""
        hidden = self.attention(hidden, bias)
        found: torch.Tensor = self.output(self.intermediate(hidden), hidden)
        return found


class Stack(nn.Module):
    """The layers, one after the other."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(encoder) for _ in range(encoder.layers))

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """float32 [N, tokens, hidden] → the same shape."""
        for layer in self.layer:
            hidden = layer(hidden, bias)
        return hidden


class Bert(nn.Module):
    """Embeddings and layers."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.embeddings = Embeddings(encoder)
        self.encoder = Stack(encoder)


class BertForAnswers(nn.Module):
    """The encoder and a head of two logits for each token."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.bert = Bert(encoder)
        self.qa_outputs = nn.Linear(encoder.hidden, 2)

    def forward(
        self, input_ids: torch.Tensor, input_mask: torch.Tensor, segment_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """int64 [N, tokens] each → start and end logits float32 [N, tokens]."""
        hidden = self.bert.embeddings(input_ids, segment_ids)
        bias = (1.0 - input_mask[:, None, None, :].to(hidden.dtype)) * MASKED
        start, end = self.qa_outputs(self.bert.encoder(hidden, bias)).unbind(-1)
        return start, end

    def graph_state(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The state that the graph's weights are: its linear layers are [inputs, outputs]."""
        linear = {
            f"{name}.weight" for name, part in self.named_modules() if isinstance(part, nn.Linear)
        }
        return {name: values.T if name in linear else values for name, values in weights.items()}


def build(**sizes: int) -> BertForAnswers:
    """The module of the given sizes (see bert_config.Encoder), with fresh weights."""
    return BertForAnswers(Encoder(**sizes))
