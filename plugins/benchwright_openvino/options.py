"""What a user may set for the backend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from benchwright.options import Options


class OpenVinoOptions(Options):
    """What may be set under `backends: {openvino: …}`. None changes the engine, only its runs."""

    performance_hint: Literal["latency", "throughput"] = Field(
        "latency", description="what OpenVINO tunes an instance for, beyond threads and streams"
    )
    streams: int = Field(
        1,
        ge=1,
        le=256,
        description="cut a batch into so many parts and compute them side by side; they share the "
        "instance's threads",
    )
    pinning: bool = Field(
        False,
        description="tie compute threads to cores: only for one instance, since several would "
        "choose the same ones",
    )
    hyper_threading: bool = Field(
        True, description="use both hardware threads of a core where it has two"
    )
