"""The shape of a RetinaNet: one record for the official size and one for the tiny preset.

From it follow the names and shapes of the weights (`weight_shapes`) and the anchors. The ONNX
graph (`retinanet_graph`) and the torch module (`retinanet_module`) are both made from it. Names
are those of torchvision's detection models, which the official checkpoint uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Per RGB channel of pictures in 0..1; subtracted and divided by inside the graph."""
RATIOS = (0.5, 1.0, 2.0)
"""Height over width of the anchors, for each of three sizes."""
ANCHORS = 9
"""Anchors of a cell."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Bottleneck blocks of one resolution: how many, the channels inside and those put out."""

    blocks: int
    width: int
    channels: int


@dataclass(frozen=True, slots=True)
class RetinaNetConfig:
    """A RetinaNet on square pictures.

    side: pixels; stem: channels of the first convolution; stages: of the backbone, at strides 4,
    8, 16 and 32, the last three of which feed the pyramid; groups: of the 3x3 convolutions;
    features: channels of the pyramid and the heads; extra_levels: coarser levels by convolutions
    of stride 2; depth: convolutions of a head before its last; sizes: the smallest anchor of each
    level, in pixels. candidates: the best scores of a level that are looked at; detections: kept
    at most; a score must exceed `score`, and overlaps above `overlap` (intersection over union,
    within one class) are suppressed.
    """

    side: int
    classes: int
    stem: int
    stages: tuple[Stage, Stage, Stage, Stage]
    groups: int
    features: int
    extra_levels: int
    depth: int
    sizes: tuple[int, ...]
    candidates: int = 1000
    detections: int = 300
    score: float = 0.05
    overlap: float = 0.5

    @property
    def grids(self) -> tuple[int, ...]:
        """Cells along one side of each level: every convolution of stride 2 rounds up."""
        found, side = [], self.side
        for level in range(5 + self.extra_levels):
            side = -(-side // 2)
            if level >= 2:
                found.append(side)
        return tuple(found)


OFFICIAL = RetinaNetConfig(
    side=800,
    classes=264,
    stem=64,
    stages=(Stage(3, 128, 256), Stage(4, 256, 512), Stage(6, 512, 1024), Stage(3, 1024, 2048)),
    groups=32,
    features=256,
    extra_levels=2,
    depth=4,
    sizes=(32, 64, 128, 256, 512),
)
"""ResNeXt-50 32x4d with a feature pyramid, as MLCommons trained it on OpenImages."""

TINY = RetinaNetConfig(
    side=96,
    classes=10,
    stem=16,
    stages=(Stage(1, 16, 32), Stage(1, 32, 64), Stage(1, 64, 96), Stage(1, 64, 128)),
    groups=4,
    features=48,
    extra_levels=0,
    depth=2,
    sizes=(10, 20, 40),
    candidates=200,
)
"""The same layers in small: three levels, for digits of 12 to 64 pixels."""

CONFIGS = {"official": OFFICIAL, "synthetic": OFFICIAL, "tiny": TINY}


def weight_shapes(config: RetinaNetConfig) -> dict[str, tuple[int, ...]]:
    """Every weight by its name, the four arrays of each normalisation included."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, source: int, target: int, size: int, *, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = (target, source, size, size)
        if bias:
            shapes[f"{name}.bias"] = (target,)

    def normalised(name: str, norm: str, source: int, target: int, size: int) -> None:
        conv(name, source, target, size, bias=False)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = (target,)

    normalised("backbone.body.conv1", "backbone.body.bn1", 3, config.stem, 7)
    for block in blocks(config):
        name, inside = block.name, block.width // config.groups
        normalised(f"{name}.conv1", f"{name}.bn1", block.source, block.width, 1)
        normalised(f"{name}.conv2", f"{name}.bn2", inside, block.width, 3)
        normalised(f"{name}.conv3", f"{name}.bn3", block.width, block.channels, 1)
        if block.projects:
            normalised(
                f"{name}.downsample.0", f"{name}.downsample.1", block.source, block.channels, 1
            )
    wide = config.features
    for level, stage in enumerate(config.stages[1:]):
        conv(f"backbone.fpn.inner_blocks.{level}", stage.channels, wide, 1)
        conv(f"backbone.fpn.layer_blocks.{level}", wide, wide, 3)
    for level in range(config.extra_levels):
        conv(f"backbone.fpn.extra_blocks.p{6 + level}", wide, wide, 3)
    for head, last, targets in heads(config):
        for layer in range(config.depth):
            conv(f"{head}.conv.{2 * layer}", wide, wide, 3)
        conv(f"{head}.{last}", wide, targets, 3)
    return shapes


def heads(config: RetinaNetConfig) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    """(name, name of the last layer, its channels) of the class head and of the box head."""
    return (
        ("head.classification_head", "cls_logits", ANCHORS * config.classes),
        ("head.regression_head", "bbox_reg", ANCHORS * 4),
    )


@dataclass(frozen=True, slots=True)
class Block:
    """One bottleneck block; stride is that of its 3x3 convolution."""

    name: str
    source: int
    width: int
    channels: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether its shortcut is a convolution."""
        return self.stride > 1 or self.source != self.channels


def blocks(config: RetinaNetConfig) -> Iterator[Block]:
    """The backbone's blocks in order."""
    source = config.stem
    for number, stage in enumerate(config.stages):
        for index in range(stage.blocks):
            stride = 2 if number > 0 and index == 0 else 1
            name = f"backbone.body.layer{number + 1}.{index}"
            yield Block(name, source, stage.width, stage.channels, stride)
            source = stage.channels


def anchors(config: RetinaNetConfig) -> list[NDArray[np.float32]]:
    """Of each level: float32 [9 * cells, 4], centre x and y, width and height, in pixels.

    All cells' first anchors come first, cells row by row. Corners of a cell's anchors are rounded
    to whole pixels about the origin, cells lie `side // grid` pixels apart from zero on, as in the
    reference implementation.
    """
    import numpy as np

    found = []
    for size, grid in zip(config.sizes, config.grids, strict=True):
        sizes = np.array([size, int(size * 2 ** (1 / 3)), int(size * 2 ** (2 / 3))], np.float32)
        tall = np.sqrt(np.array(RATIOS, np.float32))
        half = np.stack([(sizes / tall[:, None]).ravel(), (sizes * tall[:, None]).ravel()], 1) / 2
        half = np.rint(half).astype(np.float32)
        steps = np.arange(grid, dtype=np.float32) * (config.side // grid)
        y, x = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
        cells = np.stack([x, y], 1)
        boxes = np.empty((ANCHORS, grid * grid, 4), np.float32)
        boxes[..., :2] = cells[None]
        boxes[..., 2:] = 2 * half[:, None]
        found.append(boxes.reshape(-1, 4))
    return found
