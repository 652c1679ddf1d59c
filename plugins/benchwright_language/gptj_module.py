"""GPT-J as a torch module with Hugging Face's weight names: what training uses, and the same
function of the same inputs as the ONNX graph of `gptj_graph`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchwright_language.gptj_config import SETUPS
from benchwright_language.gptj_graph import MASKED

if TYPE_CHECKING:
    from benchwright_language.gptj_config import ModelSize

Cache = Sequence[Tensor]
"""Keys and values of each layer in turn, keys transposed: see gptj_graph.decoder."""


class Attention(nn.Module):
    """Self-attention with rotary embedding on the first dimensions of each head."""

    def __init__(self, size: ModelSize) -> None:
        super().__init__()
        self._size = size
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            nn.Linear(size.width, size.width, bias=False) for _ in range(4)
        )

    def forward(
        self, normal: Tensor, angle: Tensor, hidden: Tensor, prompt: Cache, past: Cache
    ) -> tuple[Tensor, Tensor, Tensor]:
        """normal [N, beams, new, width]; returns the same, and the grown keys and values."""
        size = self._size
        query, key, value = (
            self._heads(linear(normal)) for linear in (self.q_proj, self.k_proj, self.v_proj)
        )
        query = self._rotate(query, angle) / size.head**0.5
        key = torch.cat([past[0], self._rotate(key, angle).transpose(3, 4)], dim=4)
        value = torch.cat([past[1], value], dim=3)
        together = query.flatten(2, 3)
        apart = (*query.shape[:4], -1)
        score = (together @ prompt[0]).reshape(apart)
        share = (torch.cat([score, query @ key], dim=4) + hidden).softmax(-1)
        of_prompt, of_own = torch.split(share, [score.shape[4], key.shape[4]], 4)
        read = (of_prompt.flatten(2, 3) @ prompt[1]).reshape(apart)
        read = (read + of_own @ value).permute(0, 2, 3, 1, 4).flatten(3)
        return self.out_proj(read), key, value

    def _heads(self, projected: Tensor) -> Tensor:
        apart = projected.reshape(*projected.shape[:3], self._size.heads, self._size.head)
        return apart.permute(0, 3, 1, 2, 4)

    def _rotate(self, tensor: Tensor, angle: Tensor) -> Tensor:
        sizes = [self._size.rotary, self._size.head - self._size.rotary]
        turning, fixed = torch.split(tensor, sizes, 4)
        first, second = turning[..., ::2], turning[..., 1::2]
        cos, sin = angle.cos(), angle.sin()
        # Firsts of all pairs, then seconds, as the graph keeps them: products stay the same.
        return torch.cat([first * cos - second * sin, second * cos + first * sin, fixed], 4)


class Layer(nn.Module):
    """Attention and feed-forward part side by side on one normalisation."""

    def __init__(self, size: ModelSize) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(size.width, eps=size.epsilon)
        self.attn = Attention(size)
        self.mlp = nn.ModuleDict(
            {
                "fc_in": nn.Linear(size.width, size.inner),
                "fc_out": nn.Linear(size.inner, size.width),
            }
        )

    def forward(self, stream: Tensor, *context: Any) -> tuple[Tensor, Tensor, Tensor]:
        """stream [N, beams, new, width]; context: as the attention takes it."""
        normal = self.ln_1(stream)
        read, key, value = self.attn(normal, *context)
        inner = functional.gelu(self.mlp["fc_in"](normal), approximate="tanh")
        return stream + (read + self.mlp["fc_out"](inner)), key, value


class Gptj(nn.Module):
    """The whole model; `forward` has the inputs and outputs of `gptj_graph.decoder`."""

    def __init__(self, size: ModelSize, candidates: int) -> None:
        super().__init__()
        self._size, self._candidates = size, candidates
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(size.vocabulary, size.width),
                "h": nn.ModuleList(Layer(size) for _ in range(size.layers)),
                "ln_f": nn.LayerNorm(size.width, eps=size.epsilon),
            }
        )
        self.lm_head = nn.Linear(size.width, size.vocabulary)

    def forward(
        self,
        tokens: Tensor,
        pad: Tensor,
        query_index: Tensor,
        key_index: Tensor,
        *caches: Tensor,
    ) -> tuple[Tensor, ...]:
        """Log-probabilities and candidates [N, beams, candidates], and the continuation's cache."""
        by_layer = [caches[start : start + 4] for start in range(0, len(caches), 4)]
        prompt = [item for layer in by_layer for item in layer[:2]]
        past = [item for layer in by_layer for item in layer[2:]]
        stream, grown = self.hidden(tokens, pad, query_index, key_index, prompt, past)
        shares = self.logits(stream[:, :, -1]).log_softmax(-1)
        best, candidates = shares.topk(self._candidates, dim=-1)
        return best, candidates, *grown

    def logits(self, stream: Tensor) -> Tensor:
        """Scores of the next token [.., vocabulary] from what `hidden` returns [.., width]."""
        scores: Tensor = self.lm_head(self.transformer["ln_f"](stream))
        return scores

    def hidden(
        self,
        tokens: Tensor,
        pad: Tensor,
        query_index: Tensor,
        key_index: Tensor,
        prompt: Cache,
        past: Cache,
    ) -> tuple[Tensor, list[Tensor]]:
        """The stream after the last layer [N, beams, new, width], and the grown cache."""
        rotary = torch.arange(0, self._size.rotary, 2, device=tokens.device) / self._size.rotary
        position = (query_index - pad[:, None]).clamp(min=0).to(torch.float32)
        angle = position[:, None, None, :, None] * 10_000.0**-rotary
        later = key_index > query_index[:, None]
        padding = key_index < pad[:, None, None]
        hidden = torch.where((later | padding)[:, None, None], MASKED, 0.0)
        stream = self.transformer["wte"](tokens)
        grown: list[Tensor] = []
        layers: Any = self.transformer["h"]
        for number, layer in enumerate(layers):
            at = slice(2 * number, 2 * number + 2)
            stream, key, value = layer(stream, angle, hidden, prompt[at], past[at])
            grown += [key, value]
        return stream, grown

    def graph_state(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state that the graph's weights are: there, linear layers are [inputs, outputs], and
        queries, keys and values one matrix, with queries scaled and turning pairs pulled apart."""
        size = self._size
        linear = {
            f"{name}.weight" for name, part in self.named_modules() if isinstance(part, nn.Linear)
        }
        order = torch.arange(size.head)
        turning = order[: size.rotary]
        order = torch.cat([turning[::2], turning[1::2], order[size.rotary :]]).argsort()
        state: dict[str, Tensor] = {}
        for name, values in weights.items():
            if name.endswith(".qkv_proj.weight"):
                query, key, value = values.T.chunk(3)
                for kind, part in (("q", query * size.head**0.5), ("k", key)):
                    heads = part.reshape(size.heads, size.head, size.width)[:, order]
                    state[name.replace("qkv", kind)] = heads.reshape(size.width, size.width)
                state[name.replace("qkv", "v")] = value
            else:
                state[name] = values.T if name in linear else values
        return state


def build(preset: str) -> Gptj:
    """The module of a preset, with fresh weights."""
    setup = SETUPS[preset]
    return Gptj(setup.model, setup.generation.candidates)
