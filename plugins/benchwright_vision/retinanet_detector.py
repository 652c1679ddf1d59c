"""RetinaNet from picture to detections as a torch module, for backends that take modules: what the
graph of `retinanet_graph` computes, from its weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from benchwright_vision.retinanet_config import ANCHORS, CONFIGS, anchors
from benchwright_vision.retinanet_graph import LARGEST_STRETCH, OUTPUTS
from benchwright_vision.retinanet_module import RetinaNet


class Detector(nn.Module):
    """A picture float32 [1, 3, side, side], RGB in 0..1, to boxes float32 [n, 4], scores float32
    [n], highest first, and labels int64 [n]."""

    output_names = OUTPUTS

    def __init__(self, preset: str) -> None:
        super().__init__()
        self._config = CONFIGS[preset]
        self.network = RetinaNet(self._config)
        # No buffer: coordinates are computed in float32 whatever the network computes in.
        self._anchors = torch.from_numpy(np.concatenate(anchors(self._config)))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The detections."""
        logits, deltas = self.network(images)
        scores, rows, labels = self._best(logits[0].float())
        boxes = self._decoded(deltas[0].float()[rows], self._anchors[rows])
        # One suppression for all classes: each class's boxes are moved to a place of their own.
        apart = boxes + (labels * (self._config.side + 1))[:, None]
        kept = self._suppressed(apart, scores)
        return boxes[kept], scores[kept], labels[kept]

    def _best(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each level's best scores, with their anchors' rows and their classes."""
        scores, rows, start = [], [], 0
        for grid in self._config.grids:
            level = logits[start : start + ANCHORS * grid * grid].flatten()
            best, places = level.topk(min(self._config.candidates, len(level)))
            scores.append(best.sigmoid())
            rows.append(places + start * self._config.classes)
            start += ANCHORS * grid * grid
        places = torch.cat(rows)
        classes = self._config.classes
        return torch.cat(scores), places // classes, places % classes

    def _decoded(self, deltas: Tensor, known: Tensor) -> Tensor:
        """Corners [n, 4] of the boxes, clipped to the picture."""
        centre, size = known[:, :2], known[:, 2:]
        middle = deltas[:, :2] * size + centre
        half = deltas[:, 2:].clamp(max=LARGEST_STRETCH).exp() * size * 0.5
        return torch.cat([middle - half, middle + half], 1).clamp(0, self._config.side)

    def _suppressed(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """Rows of the boxes that are kept, highest score first."""
        ordered, order = scores.sort(descending=True, stable=True)
        order = order[ordered > self._config.score]
        boxes = boxes[order]
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        left = torch.arange(len(order))
        kept: list[Tensor] = []
        while len(left) and len(kept) < self._config.detections:
            first, left = left[0], left[1:]
            kept.append(order[first])
            low = torch.maximum(boxes[first, :2], boxes[left, :2])
            high = torch.minimum(boxes[first, 2:], boxes[left, 2:])
            shared = (high - low).clamp(min=0).prod(1)
            overlap = shared / (area[first] + area[left] - shared)
            left = left[~(overlap > self._config.overlap)]
        return torch.stack(kept) if kept else order[:0]

    def graph_state(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state that the graph's weights are: normalisations are folded into convolutions
        there, so that here they only add."""
        state = {f"network.{name}": values for name, values in weights.items()}
        for name, part in self.named_modules():
            if isinstance(part, nn.BatchNorm2d):
                # A shortcut is a convolution and its normalisation; elsewhere they are numbered.
                shortcut = name.endswith("downsample.1")
                conv = f"{name[:-1]}0" if shortcut else f"{name[:-3]}conv{name[-1]}"
                bias = state.pop(f"{conv}.bias")
                state |= {
                    f"{name}.bias": bias,
                    f"{name}.weight": torch.ones_like(bias),
                    f"{name}.running_mean": torch.zeros_like(bias),
                    f"{name}.running_var": torch.full_like(bias, 1 - part.eps),
                }
        return state
