"""What differs between the presets of gptj: the model's size, how text is generated, how long a
prompt may be. Nothing heavy is imported.

Figures of the official preset: GPT-J 6B's published configuration, and mlcommons/inference at
v3.1, language/gpt-j.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The size of a decoder-only transformer of GPT-J's form.

    width: of the residual stream; rotary: how many of a head's dimensions turn with the position
    (even). The hidden layer of the feed-forward part is four times as wide as the stream.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    rotary: int
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """Dimensions of one head."""
        return self.width // self.heads

    @property
    def inner(self) -> int:
        """Width of the feed-forward part's hidden layer."""
        return 4 * self.width

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        layer = 4 * self.width**2 + 2 * self.width * self.inner + self.inner + 3 * self.width
        ends = 2 * self.vocabulary * self.width + self.vocabulary + 2 * self.width
        return self.layers * layer + ends


@dataclass(frozen=True, slots=True)
class Generation:
    """Beam search as the reference runs it: it stops a sample as soon as `beams` hypotheses have
    ended. Counts are in tokens; `end` ends a text and is forbidden in the first `shortest`."""

    end: int
    beams: int = 4
    longest: int = 128
    shortest: int = 30
    length_penalty: float = 1.0

    @property
    def candidates(self) -> int:
        """How many next tokens of a beam may matter: twice the beams are looked at, and the end
        may be among them without counting."""
        return 2 * self.beams + 1


@dataclass(frozen=True, slots=True)
class Setup:
    """One preset: longest_prompt is where longer prompts are cut, in tokens."""

    model: ModelSize
    generation: Generation
    longest_prompt: int


GPTJ_6B = ModelSize(vocabulary=50_400, width=4096, layers=28, heads=16, rotary=64)
SYNTHETIC_LAYERS = 2
"""Layers of the synthetic model: all 28 take 24 GB in float32, and one layer costs what another
costs."""
END = 50_256
"""GPT-2's `<|endoftext|>`."""

SETUPS = {
    "official": Setup(GPTJ_6B, Generation(END), 1919),
    "synthetic": Setup(
        ModelSize(vocabulary=50_400, width=4096, layers=SYNTHETIC_LAYERS, heads=16, rotary=64),
        Generation(END),
        1919,
    ),
    "tiny": Setup(
        ModelSize(vocabulary=640, width=64, layers=2, heads=4, rotary=8),
        Generation(end=639, longest=24, shortest=4),
        1919,
    ),
}
