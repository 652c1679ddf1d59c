"""What the presets of bert differ in: the encoder's size and how documents are cut into windows.

Names and sizes of the official encoder are those of BERT-large, uncased (MLCommons' bert_config);
the windows are the reference implementation's (v3.1, language/bert).
"""

from __future__ import annotations

from typing import NamedTuple


class Encoder(NamedTuple):
    """The size of a BERT encoder.

    vocabulary: word pieces; hidden: width; heads: attention heads of hidden / heads each;
    intermediate: width inside the feed-forward part; positions: the longest sequence.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape by name of every weight, in the graph's order; the names are those of the
        official PyTorch checkpoint, linear layers are [outputs, inputs]."""
        wide, inner = self.hidden, self.intermediate
        found: dict[str, tuple[int, ...]] = {
            "bert.embeddings.word_embeddings.weight": (self.vocabulary, wide),
            "bert.embeddings.position_embeddings.weight": (self.positions, wide),
            "bert.embeddings.token_type_embeddings.weight": (SEGMENTS, wide),
        }

        def norm(name: str) -> None:
            found[f"{name}.weight"] = found[f"{name}.bias"] = (wide,)

        def linear(name: str, outputs: int, inputs: int) -> None:
            found[f"{name}.weight"] = (outputs, inputs)
            found[f"{name}.bias"] = (outputs,)

        norm("bert.embeddings.LayerNorm")
        for number in range(self.layers):
            layer = f"bert.encoder.layer.{number}"
            for part in ("query", "key", "value"):
                linear(f"{layer}.attention.self.{part}", wide, wide)
            linear(f"{layer}.attention.output.dense", wide, wide)
            norm(f"{layer}.attention.output.LayerNorm")
            linear(f"{layer}.intermediate.dense", inner, wide)
            linear(f"{layer}.output.dense", wide, inner)
            norm(f"{layer}.output.LayerNorm")
        linear("qa_outputs", 2, wide)
        return found


class Windows(NamedTuple):
    """How a question and its document become sequences, all in word pieces: the longest sequence,
    how far the next window starts after the last one, and what is kept of a question."""

    length: int
    stride: int
    question: int


class BertPreset(NamedTuple):
    """One preset: its encoder, its windows, and the length of the graph's sequence axis where
    that is fixed (None: as long as the longest sequence of a batch)."""

    encoder: Encoder
    windows: Windows
    fixed_length: int | None = None


SEGMENTS = 2
"""Rows of the token type embedding: question and document."""
LARGE = Encoder(
    vocabulary=30_522, hidden=1024, layers=24, heads=16, intermediate=4096, positions=512
)
TINY = Encoder(vocabulary=247, hidden=64, layers=3, heads=2, intermediate=128, positions=96)
OFFICIAL_WINDOWS = Windows(length=384, stride=128, question=64)

PRESETS = {
    "tiny": BertPreset(TINY, Windows(length=96, stride=32, question=16)),
    "official": BertPreset(LARGE, OFFICIAL_WINDOWS, fixed_length=384),
    "synthetic": BertPreset(LARGE, OFFICIAL_WINDOWS),
}
