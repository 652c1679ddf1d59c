"""What a user may set for the backend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from benchwright.options import Options


class OnnxRuntimeOptions(Options):
    """What may be set under `backends: {onnxruntime: …}`."""

    graph_optimization: Literal["all", "extended", "basic", "disabled"] = Field(
        "all", description="how far the graph is optimised when the engine is built"
    )
    spinning: bool = Field(
        False,
        description="whether idle compute threads spin: quicker hand-over on cores that nothing "
        "else uses, slower where threads share cores",
    )
    memory_pattern: bool = Field(
        True, description="plan buffers ahead for repeated shapes; switch off for ragged ones"
    )
