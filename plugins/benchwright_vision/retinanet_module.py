"""RetinaNet's convolutions as a torch module; training uses it, and state names are the graph's."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchwright_vision.retinanet_config import (
    ANCHORS,
    DEVIATION,
    MEAN,
    Block,
    RetinaNetConfig,
    blocks,
)


class RetinaNet(nn.Module):
    """Pictures float32 [N, 3, side, side], RGB in 0..1, to what each anchor says.

    Returns class logits [N, anchors, classes] and box deltas [N, anchors, 4], anchors in the
    order of `retinanet_config.anchors`. Decoding and suppression are not here.
    """

    def __init__(self, config: RetinaNetConfig) -> None:
        super().__init__()
        self.config = config
        self.mean: Tensor
        self.factor: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("factor", 1 / torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.backbone = nn.ModuleDict({"body": _Body(config), "fpn": _Pyramid(config)})
        self.head = nn.ModuleDict(
            {
                "classification_head": _Head(config, "cls_logits", config.classes),
                "regression_head": _Head(config, "bbox_reg", 4),
            }
        )
        # Few anchors have an object: every class begins at a probability of 0.01.
        bias = self.head.get_parameter("classification_head.cls_logits.bias")
        nn.init.constant_(bias, -math.log(99))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pyramid = self.backbone["fpn"](self.backbone["body"]((images - self.mean) * self.factor))
        return (
            self.head["classification_head"](pyramid),
            self.head["regression_head"](pyramid),
        )


class _Body(nn.Module):
    """The backbone; its parts are named as torchvision names a ResNet's."""

    def __init__(self, config: RetinaNetConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, config.stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.stem)
        layers: dict[str, list[_Bottleneck]] = {}
        for block in blocks(config):
            layers.setdefault(block.name.split(".")[2], []).append(
                _Bottleneck(block, config.groups)
            )
        for name, parts in layers.items():
            self.add_module(name, nn.Sequential(*parts))

    def forward(self, flow: Tensor) -> list[Tensor]:
        flow = functional.max_pool2d(functional.relu(self.bn1(self.conv1(flow))), 3, 2, 1)
        found = []
        for number in (1, 2, 3, 4):
            flow = self.get_submodule(f"layer{number}")(flow)
            found.append(flow)
        return found[1:]


class _Bottleneck(nn.Module):
    def __init__(self, block: Block, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(block.source, block.width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(block.width)
        self.conv2 = nn.Conv2d(
            block.width, block.width, 3, block.stride, 1, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(block.width)
        self.conv3 = nn.Conv2d(block.width, block.channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(block.channels)
        self.downsample: nn.Sequential | None = None
        if block.projects:
            self.downsample = nn.Sequential(
                nn.Conv2d(block.source, block.channels, 1, block.stride, bias=False),
                nn.BatchNorm2d(block.channels),
            )

    def forward(self, flow: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(flow)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        past = flow if self.downsample is None else self.downsample(flow)
        return functional.relu(inner + past)


class _Pyramid(nn.Module):
    def __init__(self, config: RetinaNetConfig) -> None:
        super().__init__()
        wide = config.features
        channels = [stage.channels for stage in config.stages[1:]]
        self.inner_blocks = nn.ModuleList(nn.Conv2d(source, wide, 1) for source in channels)
        self.layer_blocks = nn.ModuleList(nn.Conv2d(wide, wide, 3, 1, 1) for _ in channels)
        self.extra_blocks = nn.ModuleDict(
            {
                f"p{6 + extra}": nn.Conv2d(wide, wide, 3, 2, 1)
                for extra in range(config.extra_levels)
            }
        )
        for conv in (*self.inner_blocks, *self.layer_blocks, *self.extra_blocks.values()):
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        levels: list[Tensor] = []
        below: Tensor | None = None
        for level in reversed(range(len(maps))):
            flow = self.inner_blocks[level](maps[level])
            if below is not None:
                flow = flow + functional.interpolate(below, flow.shape[-2:], mode="nearest")
            below = flow
            levels.insert(0, self.layer_blocks[level](flow))
        for extra, conv in enumerate(self.extra_blocks.values()):
            levels.append(conv(levels[-1] if extra == 0 else functional.relu(levels[-1])))
        return levels


class _Head(nn.Module):
    """Convolutions shared by all levels, then `values` numbers for each anchor."""

    def __init__(self, config: RetinaNetConfig, last: str, values: int) -> None:
        super().__init__()
        wide = config.features
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for layer in range(config.depth):
            layers[str(2 * layer)] = nn.Conv2d(wide, wide, 3, 1, 1)
            layers[str(2 * layer + 1)] = nn.ReLU()
        self.conv = nn.Sequential(layers)
        self.add_module(last, nn.Conv2d(wide, ANCHORS * values, 3, 1, 1))
        self._last, self._values = last, values
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif name.startswith("conv"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            else:
                nn.init.normal_(parameter, std=0.01)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        found = []
        for level in pyramid:
            flow = getattr(self, self._last)(self.conv(level))
            count = flow.shape[0]
            # [N, 9 * values, H, W] to [N, 9 * H * W, values], all cells' first anchors first.
            planes = flow.reshape(count, ANCHORS, self._values, -1).permute(0, 1, 3, 2)
            found.append(planes.reshape(count, -1, self._values))
        return torch.cat(found, 1)
