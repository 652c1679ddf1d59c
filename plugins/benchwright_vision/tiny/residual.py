"""The small residual network of the tiny preset and its training, in torch.

Here is no file and no ONNX: images come in as arrays, a trained network goes out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchwright_vision.tiny.digits import MEANS

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from benchwright_vision.tiny.digits import Images, Labels

CLASSES = 11
"""Class 0 is background, as in the official model of 1001 classes; digit d is class d + 1."""
INPUT_SCALE = 1.0 / 64.0
"""The network's own scaling of its input; the ONNX graph has it inside the stem's weights."""
STEM = 32
STAGES = ((24, 64, 2, 1), (24, 96, 2, 2), (32, 128, 2, 2))
"""One line per stage: bottleneck width, output width, blocks, stride of the first block."""


@dataclass(frozen=True)
class Recipe:
    """Everything training depends on besides the images; judged by `--folds` alone, then fixed."""

    seed: int = 0
    epochs: int = 150
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    rotation_degrees: float = 12.0
    shift_pixels: float = 0.8
    scale: float = 0.12
    shear: float = 0.12
    noise: float = 10.0
    """Standard deviation in pixel steps of 255."""
    threads: int = 2
    """Part of the recipe: sums taken by another number of threads round differently."""


@dataclass
class ConvNorm:
    """A convolution without bias and the batch normalisation behind it."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.norm(self.conv(x))
        return result


@dataclass
class Bottleneck:
    """1x1, 3x3 (which carries the stride: version 1.5), 1x1; a projection where shapes differ."""

    reduce: ConvNorm
    spatial: ConvNorm
    expand: ConvNorm
    shortcut: ConvNorm | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.expand(self.spatial(self.reduce(x).relu()).relu())
        return (inner + (self.shortcut(x) if self.shortcut else x)).relu()


@dataclass
class Network:
    """Stem, bottlenecks, global average pool, linear: ResNet v1.5 in small, without a max pool."""

    stem: ConvNorm
    blocks: list[Bottleneck]
    head: nn.Linear

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Logits float32 [N, 11] of preprocessed samples float32 [N, 3, 8, 8]."""
        x = self.stem(x * INPUT_SCALE).relu()
        for block in self.blocks:
            x = block(x)
        logits: torch.Tensor = self.head(x.mean(dim=(2, 3)))
        return logits

    def layers(self) -> nn.ModuleList:
        """Every module with weights, for the optimiser and for train and eval mode."""
        from torch import nn

        pairs = [self.stem]
        for block in self.blocks:
            pairs += [block.reduce, block.spatial, block.expand]
            pairs += [block.shortcut] if block.shortcut else []
        flat: list[nn.Module] = [self.head]
        for pair in pairs:
            flat += [pair.conv, pair.norm]
        return nn.ModuleList(flat)


def build_network() -> Network:
    """A fresh network; draws its weights from torch's global generator."""
    from torch import nn

    def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1) -> ConvNorm:
        conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        return ConvNorm(conv, nn.BatchNorm2d(outputs))

    stem = conv_norm(3, STEM, 3)
    blocks, width = [], STEM
    for inner, outer, count, first_stride in STAGES:
        for index in range(count):
            stride = first_stride if index == 0 else 1
            shortcut = None
            if stride != 1 or width != outer:
                shortcut = conv_norm(width, outer, 1, stride)
            block = Bottleneck(
                conv_norm(width, inner, 1),
                conv_norm(inner, inner, 3, stride),
                conv_norm(inner, outer, 1),
                shortcut,
            )
            # A block that starts as its shortcut trains more steadily.
            nn.init.zeros_(block.expand.norm.weight)
            blocks.append(block)
            width = outer
    return Network(stem, blocks, nn.Linear(width, CLASSES))


def augment(images: torch.Tensor, recipe: Recipe, draw: torch.Generator) -> torch.Tensor:
    """Random affine maps and noise on grey images float32 [N, 1, 8, 8] in 0..255."""
    import torch
    from torch.nn import functional

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(images), generator=draw) * 2 - 1) * limit

    angle = uniform(math.radians(recipe.rotation_degrees))
    across, down = 1 + uniform(recipe.scale), 1 + uniform(recipe.scale)
    shear = uniform(recipe.shear)
    # The grid runs from -1 to 1 over 8 pixels.
    right, low = uniform(recipe.shift_pixels / 4), uniform(recipe.shift_pixels / 4)
    cos, sin = angle.cos(), angle.sin()
    rows = [across * cos, shear - sin, right, sin + shear, down * cos, low]
    theta = torch.stack(rows, dim=1).reshape(-1, 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    noise = torch.randn(moved.shape, generator=draw) * recipe.noise
    return (moved + noise).clamp(0, 255)


def preprocess(grey: torch.Tensor) -> torch.Tensor:
    """What the benchmark does to a decoded image: three equal channels less their means."""
    import torch

    return grey.expand(-1, 3, -1, -1) - torch.tensor(MEANS).reshape(1, 3, 1, 1)


def train(images: Images, labels: Labels, recipe: Recipe) -> Network:
    """A network in eval mode, trained for exactly `recipe.epochs` on these images alone."""
    import torch
    from torch.nn import functional

    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    draw = torch.Generator().manual_seed(recipe.seed + 1)
    grey = torch.from_numpy(images).to(torch.float32).unsqueeze(1)
    targets = torch.from_numpy(labels) + 1

    network = build_network()
    layers = network.layers().train()
    decayed = [weight for weight in layers.parameters() if weight.ndim > 1]
    plain = [weight for weight in layers.parameters() if weight.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    steps = len(grey) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.15
    )
    for _ in range(recipe.epochs):
        order = torch.randperm(len(grey), generator=draw)
        # The remainder is dropped: a batch of a few images gives poor normalisation statistics.
        for start in range(0, steps * recipe.batch, recipe.batch):
            chosen = order[start : start + recipe.batch]
            logits = network(preprocess(augment(grey[chosen], recipe, draw)))
            loss = functional.cross_entropy(
                logits, targets[chosen], label_smoothing=recipe.smoothing
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    layers.eval()
    return network


def logits_of(network: Network, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits float32 [N, 11] by torch, of preprocessed samples float32 [N, 3, 8, 8]."""
    import torch

    with torch.inference_mode():
        result: NDArray[np.float32] = network(torch.from_numpy(samples)).numpy()
    return result


def cross_validate(images: Images, labels: Labels, recipe: Recipe, folds: int) -> Iterator[float]:
    """Accuracy in percent on each held-out part of the given (training) images."""
    import torch
    from sklearn.model_selection import StratifiedKFold

    parts = StratifiedKFold(folds, shuffle=True, random_state=recipe.seed)
    for kept, held in parts.split(images, labels):
        network = train(images[kept], labels[kept], recipe)
        samples = preprocess(torch.from_numpy(images[held]).to(torch.float32).unsqueeze(1))
        found = logits_of(network, samples.numpy()).argmax(axis=1) - 1
        yield 100.0 * float((found == labels[held]).mean())
