"""What a user may set for the backend."""

from __future__ import annotations

from pydantic import Field

from benchwright.options import Options


class PyTorchOptions(Options):
    """What may be set under `backends: {pytorch: …}`. None changes the engine, only its runs."""

    compile: bool = Field(
        False,
        description="compile the module with torch.compile when it is first called, which takes a "
        "C++ compiler and up to minutes; otherwise it runs eagerly",
    )
    channels_last: bool = Field(
        False, description="hold the weights of 2-D convolutions with their channels innermost"
    )
