"""GPT-J's forward pass as one ONNX graph, for every preset: prompt and continuation alike.

Tensors keep samples and the beams of a sample apart. A beam attends to the keys of its sample's
prompt, which all its beams share and no step copies, and to the keys of its own continuation,
which are few. The prompt itself goes through the same graph: one beam a sample, nothing continued
yet, and one masked key in place of the prompt; the continuation that comes back is the prompt's
keys and values.

Keys are kept transposed, [.., head, keys], as the product with the queries takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchwright.contracts.program import Graph
from benchwright.contracts.tensor import BATCH, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchwright.onnxgraph import GraphWriter
    from benchwright_language.gptj_config import ModelSize

    Weights = Mapping[str, NDArray[np.generic]]

NAME = "decoder"
FILE = "gptj.onnx"
MASKED = -1e9
"""Added to the score of a key that a token may not see; finite, so that a token that may see none
(padding) stays a number."""


def decoder(size: ModelSize, candidates: int) -> Graph:
    """What the graph takes and gives.

    tokens int64 [N, beams, new]; pad int64 [N]: how many of a sample's first keys are padding;
    query_index int64 [new] and key_index int64 [keys]: places of the new tokens and of all keys,
    prompt first. For each layer the prompt's and the past's keys and values. Gives the
    `candidates` best next tokens of each beam, best first, with their log-probabilities, and the
    continuation's keys and values: the past's and the new ones.
    """
    heads, head = size.heads, size.head
    caches, grown = [], []
    for layer in range(size.layers):
        beams = (BATCH, heads, "beams")
        caches += [
            TensorSpec(f"prompt_key.{layer}", "float32", (BATCH, heads, head, "prompt")),
            TensorSpec(f"prompt_value.{layer}", "float32", (BATCH, heads, "prompt", head)),
            TensorSpec(f"past_key.{layer}", "float32", (*beams, head, "past")),
            TensorSpec(f"past_value.{layer}", "float32", (*beams, "past", head)),
        ]
        grown += [
            TensorSpec(f"key.{layer}", "float32", (*beams, head, "continued")),
            TensorSpec(f"value.{layer}", "float32", (*beams, "continued", head)),
        ]
    inputs = (
        TensorSpec("tokens", "int64", (BATCH, "beams", "new")),
        TensorSpec("pad", "int64", (BATCH,)),
        TensorSpec("query_index", "int64", ("new",)),
        TensorSpec("key_index", "int64", ("keys",)),
        *caches,
    )
    outputs = (
        TensorSpec("log_probabilities", "float32", (BATCH, "beams", candidates)),
        TensorSpec("candidates", "int64", (BATCH, "beams", candidates)),
        *grown,
    )
    return Graph(NAME, inputs, outputs, onnx=FILE)


def weight_shapes(size: ModelSize) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights: those of a Hugging Face GPT-J state dict."""
    width, inner = size.width, size.inner
    shapes: dict[str, tuple[int, ...]] = {"transformer.wte.weight": (size.vocabulary, width)}
    for layer in range(size.layers):
        at = f"transformer.h.{layer}"
        shapes |= {f"{at}.ln_1.weight": (width,), f"{at}.ln_1.bias": (width,)}
        shapes |= {f"{at}.attn.{kind}_proj.weight": (width, width) for kind in ("q", "k", "v")}
        shapes |= {
            f"{at}.attn.out_proj.weight": (width, width),
            f"{at}.mlp.fc_in.weight": (inner, width),
            f"{at}.mlp.fc_in.bias": (inner,),
            f"{at}.mlp.fc_out.weight": (width, inner),
            f"{at}.mlp.fc_out.bias": (width,),
        }
    shapes |= {"transformer.ln_f.weight": (width,), "transformer.ln_f.bias": (width,)}
    shapes |= {"lm_head.weight": (size.vocabulary, width), "lm_head.bias": (size.vocabulary,)}
    return shapes


def write(size: ModelSize, weights: Weights, candidates: int) -> GraphWriter:
    """The graph with these weights (float32 is written, whatever they come in)."""
    return _Writing(size, weights, candidates).writer


class _Writing:
    """The graph as it is written; tensor names stand for tensors of the shapes in brackets."""

    def __init__(self, size: ModelSize, weights: Weights, candidates: int) -> None:
        from benchwright.onnxgraph import GraphWriter

        self._size, self._weights = size, weights
        self.writer = GraphWriter("gptj")
        self._node = self.writer.node
        graph = decoder(size, candidates)
        for spec in graph.inputs:
            self.writer.input(spec.name, spec.dtype, spec.shape)

        self._shapes()
        self._angles()
        self._mask()
        stream = self._node("Gather", [self._weight("transformer.wte.weight"), "tokens"])
        for layer in range(size.layers):
            stream = self._layer(layer, stream)
        self._head(stream, candidates)
        for spec in graph.outputs:
            self.writer.output(spec.name, spec.dtype, spec.shape)

    def _array(self, name: str) -> NDArray[np.float32]:
        import numpy as np

        return np.asarray(self._weights[name], dtype=np.float32)

    def _weight(self, name: str) -> str:
        return self.writer.weight(name, self._array(name))

    def _ints(self, *values: int) -> str:
        import numpy as np

        return self.writer.constant(np.array(values), "int64")

    def _shapes(self) -> None:
        """Shapes between which beams and new tokens are taken apart and together: together,
        [N, heads, beams * new, ..], one product with a prompt serves all beams of its sample."""
        shape = self._node("Shape", ["tokens"])
        beams_new = self._node("Slice", [shape, self._ints(1), self._ints(3)])
        shape = self._node("Shape", ["prompt_key.0"])
        self._prompt = self._node("Slice", [shape, self._ints(3), self._ints(4)])

        def joined(*parts: str) -> str:
            return self._node("Concat", list(parts), axis=0)

        same, head = self._ints(0, 0), self._ints(self._size.head)
        self._apart_prompt = joined(same, beams_new, self._prompt)
        self._apart_head = joined(same, beams_new, head)
        self._together_prompt = joined(self._ints(0, 0, -1), self._prompt)
        self._together_head = self._ints(0, 0, -1, self._size.head)

    def _angles(self) -> None:
        """Cosines and sines [N, 1, 1, new, rotary / 2] of the rotary embedding."""
        import numpy as np

        steps = np.arange(0, self._size.rotary, 2, dtype=np.float64) / self._size.rotary
        frequencies = self.writer.constant(10_000.0**-steps, "float32")
        self._pad = self._node("Unsqueeze", ["pad", self._ints(1)])
        position = self._node("Sub", ["query_index", self._pad])
        # Padding has no position; any will do.
        position = self._node("Max", [position, self._ints(0)])
        position = self._node("Cast", [position], to=1)
        position = self._node("Unsqueeze", [position, self._ints(1, 2, 4)])
        angle = self._node("Mul", [position, frequencies])
        self._cos, self._sin = self._node("Cos", [angle]), self._node("Sin", [angle])

    def _mask(self) -> None:
        """What is added to scores, [N, 1, 1, new, keys]: no key after the token, no padding."""
        queries = self._node("Unsqueeze", ["query_index", self._ints(1)])
        later = self._node("Greater", ["key_index", queries])
        padding = self._node("Less", ["key_index", self._pad])
        padding = self._node("Unsqueeze", [padding, self._ints(1)])
        hidden = self._node("Or", [padding, later])
        hidden = self._node("Unsqueeze", [hidden, self._ints(1, 2)])
        zero, masked = (self.writer.constant(value, "float32") for value in (0.0, MASKED))
        self._hidden = self._node("Where", [hidden, masked, zero])

    def _layer(self, layer: int, stream: str) -> str:
        """[N, beams, new, width] to the same: attention and feed-forward part side by side."""
        at = f"transformer.h.{layer}"
        normal = self._normalised(f"{at}.ln_1", stream)
        attended = self._attention(layer, self._node("MatMul", [normal, self._projections(at)]))
        attended = self._node("MatMul", [attended, self._turned(f"{at}.attn.out_proj.weight")])
        inner = self._node("MatMul", [normal, self._turned(f"{at}.mlp.fc_in.weight")])
        inner = self._gelu(self._node("Add", [inner, self._weight(f"{at}.mlp.fc_in.bias")]))
        fed = self._node("MatMul", [inner, self._turned(f"{at}.mlp.fc_out.weight")])
        fed = self._node("Add", [fed, self._weight(f"{at}.mlp.fc_out.bias")])
        return self._node("Add", [stream, self._node("Add", [attended, fed])])

    def _turned(self, name: str) -> str:
        """A linear layer's weight, stored [out, in], as MatMul takes it."""
        return self.writer.weight(name, self._array(name).T)

    def _projections(self, at: str) -> str:
        """One matrix [width, 3 * width] for queries, keys and values.

        Queries are scaled here. Within a head the turning pairs, which GPT-J keeps side by side,
        are pulled apart: firsts of all pairs, seconds of all pairs, the dimensions that do not
        turn. Products of queries and keys do not change by that.
        """
        import numpy as np

        size = self._size
        turning = np.arange(size.rotary)
        order = np.concatenate([turning[::2], turning[1::2], np.arange(size.rotary, size.head)])
        parts = []
        for kind in ("q", "k", "v"):
            matrix = self._array(f"{at}.attn.{kind}_proj.weight")
            if kind != "v":
                matrix = matrix.reshape(size.heads, size.head, size.width)[:, order]
                matrix = matrix.reshape(size.width, size.width)
            parts.append(matrix / np.float32(size.head) ** 0.5 if kind == "q" else matrix)
        return self.writer.weight(f"{at}.attn.qkv_proj.weight", np.concatenate(parts).T)

    def _attention(self, layer: int, projected: str) -> str:
        """Projected [N, beams, new, 3 * width] to what the heads read, [N, beams, new, width]."""
        size, node = self._size, self._node
        three = node("Reshape", [projected, self._ints(0, 0, 0, 3 * size.heads, size.head)])
        three = node("Transpose", [three], perm=[0, 3, 1, 2, 4])
        sizes = self._ints(2 * size.heads, size.heads)
        turning, value = self.writer.nodes("Split", [three, sizes], 2, axis=1)
        sizes = self._ints(size.heads, size.heads)
        query, key = self.writer.nodes("Split", [self._rotate(turning), sizes], 2, axis=1)

        key = node("Transpose", [key], perm=[0, 1, 2, 4, 3])
        key = node("Concat", [f"past_key.{layer}", key], output=f"key.{layer}", axis=4)
        value = node("Concat", [f"past_value.{layer}", value], output=f"value.{layer}", axis=3)

        score = node("Reshape", [query, self._together_head])
        score = node("MatMul", [score, f"prompt_key.{layer}"])
        score = node("Reshape", [score, self._apart_prompt])
        score = node("Concat", [score, node("MatMul", [query, key])], axis=4)
        share = node("Softmax", [node("Add", [score, self._hidden])], axis=-1)

        start, end, axis = self._ints(0), self._ints(2**31 - 1), self._ints(4)
        of_prompt = node("Slice", [share, start, self._prompt, axis])
        of_prompt = node("Reshape", [of_prompt, self._together_prompt])
        read = node("MatMul", [of_prompt, f"prompt_value.{layer}"])
        read = node("Reshape", [read, self._apart_head])
        of_own = node("Slice", [share, self._prompt, end, axis])
        read = node("Add", [read, node("MatMul", [of_own, value])])
        read = node("Transpose", [read], perm=[0, 2, 3, 1, 4])
        return node("Reshape", [read, self._ints(0, 0, 0, size.width)])

    def _rotate(self, tensor: str) -> str:
        """Queries or keys [N, heads, beams, new, head], turned by their positions."""
        size = self._size
        half, fixed = size.rotary // 2, size.head - size.rotary
        sizes = [half, half, fixed] if fixed else [half, half]
        first, second, *rest = self.writer.nodes(
            "Split", [tensor, self._ints(*sizes)], len(sizes), axis=4
        )

        def times(one: str, other: str) -> str:
            return self._node("Mul", [one, other])

        turned = [
            self._node("Sub", [times(first, self._cos), times(second, self._sin)]),
            self._node("Add", [times(second, self._cos), times(first, self._sin)]),
        ]
        return self._node("Concat", [*turned, *rest], axis=4)

    def _normalised(self, name: str, tensor: str) -> str:
        inputs = [tensor, self._weight(f"{name}.weight"), self._weight(f"{name}.bias")]
        return self._node("LayerNormalization", inputs, axis=-1, epsilon=self._size.epsilon)

    def _gelu(self, tensor: str) -> str:
        """GELU by its tanh approximation, in the form that ONNX Runtime fuses."""

        def number(value: float) -> str:
            return self.writer.constant(value, "float32")

        cube = self._node("Pow", [tensor, number(3.0)])
        inside = self._node("Add", [tensor, self._node("Mul", [cube, number(0.044715)])])
        inside = self._node("Mul", [inside, number((2 / 3.141592653589793) ** 0.5)])
        share = self._node("Add", [self._node("Tanh", [inside]), number(1.0)])
        return self._node("Mul", [self._node("Mul", [tensor, number(0.5)]), share])

    def _head(self, stream: str, candidates: int) -> None:
        """The last new token's best next tokens and their log-probabilities."""
        last = self._node("Gather", [stream, self._ints(-1)], axis=2)
        last = self._node("Squeeze", [last, self._ints(2)])
        last = self._normalised("transformer.ln_f", last)
        logits = self._node("MatMul", [last, self._turned("lm_head.weight")])
        logits = self._node("Add", [logits, self._weight("lm_head.bias")])
        total = self._node("ReduceLogSumExp", [logits], axes=[-1], keepdims=1)
        best, tokens = self.writer.nodes("TopK", [logits, self._ints(candidates)], 2, axis=-1)
        self._node("Sub", [best, total], output="log_probabilities")
        self._node("Identity", [tokens], output="candidates")
