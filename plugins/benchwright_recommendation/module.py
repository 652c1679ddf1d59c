"""DLRM-DCNv2 as a torch module, for any architecture: training, and backends that take modules.

Its state's names and shapes are those of `Architecture.weights`.
"""

from __future__ import annotations

import torch
from torch import nn

from benchwright_recommendation.architecture import ARCHITECTURES, DENSE, Architecture


def layers(sizes: tuple[int, ...]) -> nn.ModuleList:
    """Dense layers from each size to the next."""
    return nn.ModuleList(
        nn.Linear(sizes[index], sizes[index + 1]) for index in range(len(sizes) - 1)
    )


class Cross(nn.Module):
    """One layer of the low-rank cross network over `width` numbers."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.v = nn.Parameter(nn.init.xavier_normal_(torch.empty(rank, width)))
        self.w = nn.Parameter(nn.init.xavier_normal_(torch.empty(width, rank)))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x0: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """float32 [N, width] twice to float32 [N, width]."""
        return x0 * (x @ self.v.T @ self.w.T + self.bias) + x


class Dlrm(nn.Module):
    """dense float32 [N, 13], ids int32 [N, ids] to logits float32 [N]; N counts pairs."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.bottom = layers((DENSE, *architecture.bottom))
        self.tables = nn.ModuleList(
            nn.EmbeddingBag(rows, architecture.dim, mode="sum") for rows in architecture.rows
        )
        self.cross = nn.ModuleList(
            Cross(architecture.width, architecture.cross_rank)
            for _ in range(architecture.cross_layers)
        )
        self.top = layers((architecture.width, *architecture.top))

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Logits of clicks."""
        x = dense
        for layer in self.bottom:
            x = torch.relu(layer(x))
        bags = torch.split(ids, list(self.architecture.hot), dim=1)
        pooled = [table(bag) for table, bag in zip(self.tables, bags, strict=True)]
        x0 = torch.cat([x, *pooled], dim=1)
        x = x0
        for cross in self.cross:
            x = cross(x0, x)
        for layer in self.top[:-1]:
            x = torch.relu(layer(x))
        logits: torch.Tensor = self.top[-1](x)
        return logits.squeeze(1)


class Clicks(Dlrm):
    """The same with the outputs of the graph: probabilities of clicks, float32 [N]."""

    def __init__(self, preset: str) -> None:
        super().__init__(ARCHITECTURES[preset])

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Probabilities of clicks."""
        return super().forward(dense, ids).sigmoid()
