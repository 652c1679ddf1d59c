"""How a tensor of a graph is described: name, dtype and shape with symbolic dimensions."""

from __future__ import annotations

from dataclasses import dataclass

BATCH = "N"
"""The symbolic dimension along which samples batch."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a graph.

    dtype is NumPy's name (`float32`, `int64`, `uint8`). A dimension is an int, or a str for a
    symbolic one; `BATCH` ("N") is the batch, any other name is ragged (differs by sample).
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    @property
    def sample_shape(self) -> tuple[int | str, ...]:
        """The shape of one sample: without a leading batch dimension."""
        return self.shape[1:] if self.shape[:1] == (BATCH,) else self.shape

    @property
    def ragged(self) -> bool:
        """Whether one sample's size differs from another's."""
        return any(isinstance(size, str) for size in self.sample_shape)
