"""What a user may set; imported only when that has changed."""

from __future__ import annotations

from pydantic import Field

from benchwright.options import Options


class AcmeOptions(Options):
    """What may be set under `backends: {acme: …}`."""

    streams: int = Field(1, ge=1, le=64, description="parts of a batch that run side by side")
    fold: bool = Field(True, description="compute what does not depend on the input when building")


class AcmeInt8Options(Options):
    """What may be set under `quantizers: {acme-int8: …}`."""

    per_channel: bool = Field(True, description="a scale for each output channel, not one for all")
