"""What a user may set for the meter."""

from __future__ import annotations

from pydantic import Field

from benchwright.options import Options


class RaplOptions(Options):
    """What may be set under `power: {rapl: …}`."""

    interval_ms: int = Field(
        200,
        ge=10,
        le=60_000,
        strict=True,
        description="milliseconds between two readings of the counters",
    )
