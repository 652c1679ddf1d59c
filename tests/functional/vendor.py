"""Vendors' packages as they are installed: a module, and a `.dist-info` with an entry point."""

from __future__ import annotations

import tomllib
from pathlib import Path
from textwrap import dedent

BACKEND = '''
"""A backend that answers 4 to everything, and can be told to stop or fail on the way."""

import gc
import os
import sys
import threading
import time
from pathlib import Path

from pydantic import Field

from benchwright.contracts.backend import Backend, BackendInfo, Capabilities
from benchwright.hooks import hookimpl
from benchwright.options import Options


class AcmeOptions(Options):
    """What may be set."""

    answer: int = Field(4, description="the class it answers")
    colour: str = Field("red", description="a run's option, no engine's")


def misbehave(how):
    """Once in a process, in the middle of a session's work."""
    if how == "fork":
        if os.fork() == 0 and os.environ.get("ACME_COPY") == "raise":
            raise RuntimeError("only the copy raises")
    elif how == "thread":
        def work():
            raise RuntimeError("the chip's thread is gone")

        done = threading.Event()
        threading.Thread(target=work, name="chip").start()
        done.wait()
    elif how == "exit":
        sys.exit("the chip has left")
    elif how == "print":
        print("from the session")
        os.write(1, b"from its native code\\n")


class Session:
    def __init__(self, answer):
        self.answer = answer
        self.calls = 0

    def run(self, inputs):
        import numpy as np

        # Not in the calibration: the collector rests while loadgen tests.
        self.calls += not gc.isenabled()
        if self.calls == 50 and not gc.isenabled():
            misbehave(os.environ.get("ACME_SESSION"))
        (batch,) = inputs.values()
        return [np.full(len(batch), self.answer, np.int64)]


def gate(name):
    """Says that this place is reached, and stays there until the file is taken away, once."""
    place = os.environ.get(name)
    if place and not Path(place + ".passed").exists():
        Path(place).write_text(str(os.getpid()))
        while Path(place).exists():
            time.sleep(0.02)
        Path(place + ".passed").touch()


class AcmeBackend(Backend):
    def build_engine(self, program, model, options, out):
        if os.environ.get("ACME_BUILD_FORK") and os.fork() == 0:
            if os.environ.get("ACME_COPY") == "raise":
                raise RuntimeError("only the copy raises")
            return {"precision": "copied"}
        (out / "acme.bin").write_text("half")
        gate("ACME_BUILD_GATE")
        if "ACME_BUILD_ERROR" in os.environ:
            raise RuntimeError(os.environ["ACME_BUILD_ERROR"])
        (out / "acme.bin").write_text("whole engine that answers " + str(options["answer"]))
        return {"precision": "fp32"}

    def open(self, program, engine, options, threads):
        gate("ACME_OPEN_GATE")
        if os.environ.get("ACME_OPEN_ERROR") == "crash":
            os.abort()
        if "ACME_OPEN_ERROR" in os.environ:
            raise RuntimeError(os.environ["ACME_OPEN_ERROR"])
        if "ACME_OPEN_WRONG" in os.environ:
            return {"other": Session(4)}
        text = (engine / "acme.bin").read_text()
        return {graph.name: Session(int(text.split()[-1])) for graph in program.graphs}


@hookimpl
def backends():
    return [
        BackendInfo(
            name="acme",
            summary="answers one class, whatever the image",
            capabilities=Capabilities(forms=("onnx",)),
            load=AcmeBackend,
            load_options=lambda: AcmeOptions,
            engine_options=("answer",),
            requires=tuple(os.environ.get("ACME_REQUIRES", "").split()),
        )
    ]
'''

CAMPAIGN = """\
category: edge
benchmarks: [resnet50]
backends: [acme]
scenarios: [SingleStream]
modes: [accuracy]
"""


def install(folder: Path, name: str, source: str, *, version: str = "1.2", point: str = "") -> str:
    """Writes a distribution `benchwright-<name>` with the module `benchwright_<name>` and the
    entry point `<name>` (or `point`) into a folder; returns the folder, for PYTHONPATH.

    A module that does not speak of its interface gets the line that declares it."""
    source = dedent(source)
    if "BENCHWRIGHT_INTERFACE" not in source:
        source += "\nBENCHWRIGHT_INTERFACE = 1\n"
    info = folder / f"benchwright_{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: benchwright-{name}\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        f"[benchwright]\n{point or name} = benchwright_{name}\n", encoding="utf-8"
    )
    (folder / f"benchwright_{name}.py").write_text(source, encoding="utf-8")
    return str(folder)


def install_example(folder: Path, example: Path) -> list[str]:
    """Puts a package with a pyproject.toml and its modules in src/ on a path: a folder with its
    distribution's record, and its own; for PYTHONPATH."""
    project = tomllib.loads((example / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    points = project["entry-points"]["benchwright"]
    text = "".join(f"{point} = {module}\n" for point, module in points.items())
    (info / "entry_points.txt").write_text(f"[benchwright]\n{text}", encoding="utf-8")
    return [str(folder), str(example / "src")]
