"""Training the tiny preset's network, in torch.

Here is no file and no ONNX: preprocessed volumes come in, a trained network goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchwright_medical.network import Shape
from benchwright_medical.tiny.brain import WINDOW
from benchwright_medical.volumes import CLASSES, image_input, label_volume

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from benchwright_medical.module import UNet3d
    from benchwright_medical.tiny.brain import Scan

    Pair = tuple[NDArray[np.float32], NDArray[np.uint8]]

SHAPE = Shape((6, 12, 24))
"""Windows of 24, halved to 12, 6 and 3."""


@dataclass(frozen=True)
class Recipe:
    """Everything training depends on besides the cases. Judged on held-out cases from the
    training part of the brain (`--judge`), then fixed."""

    seed: int = 0
    cases: int = 80
    steps: int = 1400
    batch: int = 4
    learning_rate: float = 6e-3
    weight_decay: float = 1e-3
    threads: int = 1
    """Part of the recipe: sums taken by another number of threads round differently."""


def prepared(scans: Sequence[Scan]) -> list[Pair]:
    """What the benchmark's preprocessing makes of images and labels: float32 [D, H, W] each
    with uint8 [D, H, W]."""
    return [
        (
            image_input(scan.image.astype(np.float32), scan.spacing, WINDOW)[0],
            label_volume(scan.label, scan.spacing, WINDOW),
        )
        for scan in scans
    ]


def shuffled(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The control: each case's labels dealt out among its voxels at random."""
    draw = np.random.default_rng(seed)
    return [(image, draw.permutation(label.ravel()).reshape(label.shape)) for image, label in pairs]


def train(pairs: Sequence[Pair], recipe: Recipe, say: Callable[[str], None]) -> UNet3d:
    """A network in eval mode, trained for exactly `recipe.steps` on windows of these volumes."""
    import torch

    from benchwright.training import settle
    from benchwright_medical.module import UNet3d

    settle(recipe.seed, recipe.threads)
    draw = np.random.default_rng(recipe.seed)
    network = UNet3d(SHAPE)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps
    )
    for step in range(1, recipe.steps + 1):
        windows, labels = _batch(pairs, recipe.batch, draw)
        loss = _loss(network(windows), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            say(f"step {step} of {recipe.steps}: loss {loss.item():.3f}")
    network.eval()
    return network


def _batch(
    pairs: Sequence[Pair], size: int, draw: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows from random places, mirrored at random: float32 [B, 1, …] and int64 [B, …]."""
    import torch

    images, labels = [], []
    for _ in range(size):
        image, label = pairs[int(draw.integers(len(pairs)))]
        starts = [int(draw.integers(side - WINDOW.edge + 1)) for side in label.shape]
        place = tuple(slice(start, start + WINDOW.edge) for start in starts)
        mirrored = tuple(axis for axis in range(3) if draw.random() < 0.5)
        images.append(np.flip(image[place], mirrored))
        labels.append(np.flip(label[place], mirrored))
    windows = torch.from_numpy(np.stack(images)).unsqueeze(1)
    classes = torch.from_numpy(np.stack(labels).astype(np.int64))
    return windows.contiguous(memory_format=torch.channels_last_3d), classes


def _loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, and what the two tissues' soft Dice lacks to 1."""
    import torch
    from torch.nn import functional

    shares = scores.softmax(1)
    true = functional.one_hot(labels, CLASSES).movedim(-1, 1).to(shares.dtype)
    axes = (0, 2, 3, 4)
    dice = (2 * (shares * true).sum(axes) + 1) / (shares.sum(axes) + true.sum(axes) + 1)
    loss: torch.Tensor = functional.cross_entropy(scores, labels) + 1 - torch.mean(dice[1:])
    return loss
