"""What a user may set for the quantizer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from benchwright.options import Options


class StaticInt8Options(Options):
    """What may be set under `quantizers: {onnxruntime-int8: …}`."""

    method: Literal["minmax", "entropy", "percentile"] = Field(
        "minmax", description="how a tensor's range follows from what was seen of it"
    )
    per_channel: bool = Field(
        True, description="one scale for each output channel of a weight, not one for all of it"
    )
    reduce_range: bool = Field(
        False,
        description="seven bits for weights: needed for exact sums on x86 CPUs without VNNI",
    )
    calls: int = Field(
        128, ge=1, description="of how many calls of each graph the ranges are taken"
    )
    tolerance: float = Field(
        0.8,
        gt=0,
        description="a graph stays in float32 where the root mean square error of an output would "
        "be a larger share of that output",
    )
    exclude: list[str] = Field([], description="nodes, by name, that stay in float32")
