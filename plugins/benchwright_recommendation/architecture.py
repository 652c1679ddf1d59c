"""The sizes of a DLRM-DCNv2, for each preset, and the names and shapes of its weights.

The model: a bottom MLP over the dense features, an embedding bag (summed) for each categorical
feature, a low-rank cross network over all of them side by side, and a top MLP that ends in one
logit for each user-item pair. Sizes of the official one are MLCommons' (mlcommons/inference at
v3.1, recommendation/dlrm_v2). Nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DENSE = 13
"""Dense features of a user-item pair."""


class Architecture(NamedTuple):
    """Sizes of one model.

    rows: of each embedding table; hot: how many ids a pair has in each table (fixed for each
    feature); bottom and top: outputs of the MLPs' layers, the bottom's last being the embedding
    width and the top's last 1.
    """

    rows: tuple[int, ...]
    hot: tuple[int, ...]
    bottom: tuple[int, ...]
    cross_layers: int
    cross_rank: int
    top: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Numbers in one embedding."""
        return self.bottom[-1]

    @property
    def width(self) -> int:
        """Numbers that go into the cross network for one pair."""
        return (len(self.rows) + 1) * self.dim

    @property
    def ids(self) -> int:
        """Categorical ids of one pair, all tables together."""
        return sum(self.hot)

    def weights(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of every weight, float32. Dense layers are [outputs, inputs]."""
        yield from _mlp("bottom", (DENSE, *self.bottom))
        for table, rows in enumerate(self.rows):
            yield f"tables.{table}.weight", (rows, self.dim)
        for layer in range(self.cross_layers):
            yield f"cross.{layer}.v", (self.cross_rank, self.width)
            yield f"cross.{layer}.w", (self.width, self.cross_rank)
            yield f"cross.{layer}.bias", (self.width,)
        yield from _mlp("top", (self.width, *self.top))

    def weight_bytes(self) -> int:
        """Bytes of all weights in float32."""
        total = 0
        for _, shape in self.weights():
            count = 1
            for size in shape:
                count *= size
            total += 4 * count
        return total

    def pair_bytes(self) -> int:
        """Bytes of one preprocessed pair: dense features, ids and label, four bytes each."""
        return 4 * (DENSE + self.ids + 1)


def _mlp(name: str, sizes: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer in range(len(sizes) - 1):
        yield f"{name}.{layer}.weight", (sizes[layer + 1], sizes[layer])
        yield f"{name}.{layer}.bias", (sizes[layer + 1],)


OFFICIAL = Architecture(
    rows=(
        40_000_000, 39_060, 17_295, 7_424, 20_265, 3, 7_122, 1_543, 63, 40_000_000, 3_067_956,
        405_282, 10, 2_209, 11_938, 155, 4, 976, 14, 40_000_000, 40_000_000, 40_000_000, 590_152,
        12_973, 108, 36,
    ),
    hot=(3, 2, 1, 2, 6, 1, 1, 1, 1, 7, 3, 8, 1, 6, 9, 5, 1, 1, 1, 12, 100, 27, 10, 3, 1, 1),
    bottom=(512, 256, 128),
    cross_layers=3,
    cross_rank=512,
    top=(1024, 1024, 512, 256, 1),
)  # fmt: skip

SYNTHETIC_ROWS = 100_000
"""The largest table of the synthetic preset: eight of the official tables are cut to it, so that
0.5 GB of embeddings stand for 104.5 GB. Every layer and every bag keeps its official size."""

SYNTHETIC = OFFICIAL._replace(rows=tuple(min(rows, SYNTHETIC_ROWS) for rows in OFFICIAL.rows))

TINY = Architecture(
    rows=tuple(min(rows, 200) for rows in OFFICIAL.rows),
    hot=tuple(min(hot, 10, rows) for hot, rows in zip(OFFICIAL.hot, OFFICIAL.rows, strict=True)),
    bottom=(64, 32, 16),
    cross_layers=3,
    cross_rank=32,
    top=(64, 64, 32, 16, 1),
)

ARCHITECTURES = {"tiny": TINY, "official": OFFICIAL, "synthetic": SYNTHETIC}
"""By preset."""
