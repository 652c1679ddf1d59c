"""Training of a RetinaNet: which anchor answers for which object, losses, and the loop.

Focal loss for classes and generalised intersection over union for boxes, both by the number of
matched anchors. Needs torch; no benchmark imports this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchwright_vision.retinanet_config import RetinaNetConfig, anchors
from benchwright_vision.retinanet_module import RetinaNet

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATCHED, UNMATCHED = 0.5, 0.4
"""Overlap with an object from which an anchor answers for it, and below which for none; in
between it is left out of the loss."""
ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is trained; rate is the highest learning rate, boxes the weight of the box
    loss beside that of the classes."""

    epochs: int = 12
    batch: int = 16
    rate: float = 3e-3
    boxes: float = 2.0
    decay: float = 1e-2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Examples:
    """Training pictures at the network's size: pixels uint8 [n, 3, side, side]; of each, boxes
    float32 [k, 4] as x0, y0, x1, y1 in network pixels, and labels int64 [k]."""

    pixels: NDArray[np.uint8]
    boxes: Sequence[NDArray[np.float32]]
    labels: Sequence[NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Targets:
    """What the anchors of one picture should say: labels int64 [anchors] (-1 no object, -2 left
    out) and boxes float32 [anchors, 4], meant where there is an object."""

    labels: Tensor
    boxes: Tensor


def corners(centred: Tensor) -> Tensor:
    """(centre x, centre y, width, height) to (x0, y0, x1, y1), along the last axis."""
    half = centred[..., 2:] / 2
    return torch.cat([centred[..., :2] - half, centred[..., :2] + half], -1)


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of [n, 4] and [m, 4] corner boxes: [n, m]."""
    low = torch.maximum(one[:, None, :2], other[None, :, :2])
    high = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(-1)
    return inside / (_area(one)[:, None] + _area(other)[None] - inside)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


def match(boxes: Tensor, labels: Tensor, places: Tensor) -> Targets:
    """Assigns objects to anchors; places: the anchors' corner boxes [anchors, 4].

    Every object gets at least the anchors that overlap it most.
    """
    if not len(boxes):
        return Targets(torch.full((len(places),), -1), torch.zeros(len(places), 4))
    table = overlaps(boxes, places)
    best, owner = table.max(0)
    found = torch.where(best >= MATCHED, labels[owner], -2)
    found[best < UNMATCHED] = -1
    forced = ((table == table.max(1, keepdim=True).values) & (table > 0)).nonzero()
    owner[forced[:, 1]] = forced[:, 0]
    found[forced[:, 1]] = labels[forced[:, 0]]
    return Targets(found, boxes[owner])


def decoded(deltas: Tensor, centred: Tensor) -> Tensor:
    """Corner boxes from box deltas, for anchors in the same places."""
    middle = deltas[..., :2] * centred[..., 2:] + centred[..., :2]
    stretch = deltas[..., 2:].clamp(max=math.log(1000 / 16))
    return corners(torch.cat([middle, stretch.exp() * centred[..., 2:]], -1))


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """The summed focal loss of logits [n, classes] against 0 and 1 in the same shape."""
    plain = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    probability = torch.sigmoid(logits)
    missed = wanted + probability - 2 * wanted * probability
    weight = ALPHA * wanted + (1 - ALPHA) * (1 - wanted)
    return (weight * missed**GAMMA * plain).sum()


def generalised(found: Tensor, wanted: Tensor) -> Tensor:
    """The summed loss 1 - GIoU of corner boxes [n, 4]."""
    low = torch.maximum(found[:, :2], wanted[:, :2])
    high = torch.minimum(found[:, 2:], wanted[:, 2:])
    inside = (high - low).clamp(min=0).prod(-1)
    union = _area(found) + _area(wanted) - inside
    hull = (
        torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])
    ).prod(-1)
    return (1 - inside / union + (hull - union) / hull).sum()


def loss(
    output: tuple[Tensor, Tensor],
    labels: Tensor,
    boxes: Tensor,
    centred: Tensor,
    box_weight: float,
) -> Tensor:
    """Class and box loss of a batch; labels [N, anchors] and boxes [N, anchors, 4] as `Targets`."""
    logits, deltas = output
    matched, counted = labels >= 0, labels >= -1
    wanted = torch.zeros_like(logits)
    rows = matched.nonzero()
    wanted[rows[:, 0], rows[:, 1], labels[matched]] = 1
    placed = decoded(deltas[matched], centred[rows[:, 1]])
    classes = focal(logits[counted], wanted[counted])
    return (classes + box_weight * generalised(placed, boxes[matched])) / max(1, len(rows))


def train(
    config: RetinaNetConfig,
    examples: Callable[[int], Examples],
    recipe: Recipe,
    say: Callable[[str], None] = lambda text: None,
) -> RetinaNet:
    """A trained network; seeding torch is the caller's work (`training.settle`).

    examples: gives each epoch its own, all of one number.
    """
    network = RetinaNet(config)
    network.train()
    for parameter in network.parameters():
        if parameter.ndim == 4:
            # A fifth quicker on a CPU than with channels first.
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    centred = torch.from_numpy(np.concatenate(anchors(config)))
    places = corners(centred)
    current = examples(0)
    count = len(current.labels)
    steps = count // recipe.batch
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=recipe.epochs * steps, pct_start=0.15
    )
    order = np.random.default_rng(recipe.seed)
    for epoch in range(recipe.epochs):
        if epoch:
            current = examples(epoch)
        total = 0.0
        for rows in order.permutation(count)[: steps * recipe.batch].reshape(steps, -1):
            pixels, targets = _batch(current, rows, places)
            labels = torch.stack([target.labels for target in targets])
            boxes = torch.stack([target.boxes for target in targets])
            value = loss(network(pixels), labels, boxes, centred, recipe.boxes)
            optimiser.zero_grad()
            torch.autograd.backward(value)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            total += float(value.detach())
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {total / steps:.3f}")
    network.eval()
    return network


def _batch(
    examples: Examples, rows: NDArray[np.int64], places: Tensor
) -> tuple[Tensor, list[Targets]]:
    """Pictures float32 [N, 3, side, side] in 0..1 and what their anchors should say."""
    pixels = torch.from_numpy(examples.pixels[rows]).float() / 255
    targets = [
        match(torch.from_numpy(examples.boxes[row]), torch.from_numpy(examples.labels[row]), places)
        for row in rows
    ]
    return pixels.to(memory_format=torch.channels_last), targets
