"""The examples, run as they are: a stranger's build around ours, and Python."""

from __future__ import annotations

import json
import sys
import tarfile
import time
from pathlib import Path

import pytest

from functional.outer import example, needs, ran
from functional.project import SUBJECT, Project

OUTER = {
    "make": [["make"]],
    "ninja": [["ninja"]],
    "cmake": [["cmake", "-B", "out dir", "-G", "Unix Makefiles"], ["cmake", "--build", "out dir"]],
    "cmake-ninja": [["cmake", "-B", "out dir", "-G", "Ninja"], ["cmake", "--build", "out dir"]],
}
CASES = [
    pytest.param("make", marks=needs("make")),
    pytest.param("ninja", marks=needs("ninja")),
    pytest.param("cmake", marks=[needs("cmake"), needs("make")]),
    pytest.param("cmake-ninja", marks=[needs("cmake"), needs("ninja")]),
]


@pytest.mark.parametrize("name", CASES)
def test_an_outer_build_calls_us_when_it_must(
    name: str, place: Path, temporary: dict[str, str]
) -> None:
    tool = name.split("-")[0]
    project = example(tool, place, temporary)
    *prepare, build = OUTER[name]
    for command in prepare:
        project.call(command)
    below = project.folder / ("out dir" if tool == "cmake" else "")
    engine = below / "build/bench/engines" / SUBJECT / "main.onnx"

    assert ran(project.call(build))
    with tarfile.open(below / "app.tar") as archive:
        assert any(item.name.endswith("main.onnx") for item in archive)
    content, made = engine.read_bytes(), engine.stat().st_mtime_ns

    assert not ran(project.call(build)), "nothing has changed"
    assert engine.stat().st_mtime_ns == made

    # A touch that changes nothing: we are asked once, and keep the engine.
    time.sleep(0.01)
    (project.folder / "bench.yaml").touch()
    assert ran(project.call(build))
    assert engine.stat().st_mtime_ns > made
    assert not ran(project.call(build)), "it would be called for ever"

    # A change that counts.
    text = (project.folder / "bench.yaml").read_text("utf-8")
    project.write(
        "bench.yaml",
        text.replace("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}"),
    )
    assert ran(project.call(build))
    assert engine.read_bytes() != content
    assert not ran(project.call(build))

    project.write("bench.yaml", text.replace("benchmarks:", "bencmarks:"))
    failed = project.call(build, code=None)
    assert failed.code != 0
    assert "did you mean `benchmarks`?" in failed.err + failed.out
    project.write("bench.yaml", text)
    project.call(build)
    assert engine.read_bytes() == content


def test_a_foreign_dodo(place: Path, temporary: dict[str, str]) -> None:
    project = example("dodo", place, temporary)
    doit = [sys.executable, "-m", "doit"]
    lines = project.call([*doit, "list"]).out.splitlines()
    assert {line.split()[0] for line in lines} >= {"vision", "smoke", "pack", "vision:engine"}
    done = project.call(doit).out.splitlines()
    assert done[-1] == ".  pack"
    assert f".  vision:engine:{SUBJECT}" in done
    with tarfile.open(project.folder / "app.tar") as archive:
        assert f"build/vision/engines/{SUBJECT}/main.onnx" in archive.getnames()
    assert all(line.startswith("-- ") for line in project.call(doit).out.splitlines())

    # A group of one of the two campaigns; both lie apart, and one's engine is not the other's.
    assert f".  smoke:engine:{SUBJECT}" in project.call([*doit, "smoke:engine"]).out
    built = [path.name for path in (project.folder / "build").iterdir()]
    assert sorted(name for name in built if not name.startswith(".")) == ["smoke", "vision"]
    # Our own runner knows these tasks without their prefix, and that they are done.
    outcome = project.run("-c", "campaigns/vision.yaml", "engine")
    assert outcome.executed == []

    # From another folder everything lies where the dodo.py lies.
    elsewhere = Project(project.folder / "else" / "where", dict(project.env))
    again = elsewhere.call([*doit, "-f", str(project.folder / "dodo.py")]).out.splitlines()
    assert all(line.startswith("-- ") for line in again)
    assert list(elsewhere.folder.iterdir()) == []


def test_measure_py(place: Path, temporary: dict[str, str]) -> None:
    project = example("python", place, temporary)
    outcome = project.call([sys.executable, "measure.py", "engine"])
    assert [line.split()[:2] for line in outcome.out.splitlines()] == [
        ["executed", "model:resnet50-tiny"],
        ["executed", f"engine:{SUBJECT}"],
    ]
    assert outcome.err == ""
    wrong = project.call([sys.executable, "measure.py", "engin"], code=2)
    assert "did you mean `engine`?" in wrong.err
    project.file().parent.joinpath("bench/datasets").write_text("in the way", "utf-8")
    failed = project.call([sys.executable, "measure.py", "preprocess"], code=1)
    assert "dataset:resnet50-tiny: " in failed.err


@pytest.mark.slow
def test_the_notebook_in_a_thread_without_a_terminal(
    place: Path, temporary: dict[str, str]
) -> None:
    project = example("python", place, temporary)
    cells = json.loads((project.folder / "notebook.ipynb").read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    project.write("cells.json", json.dumps(code))
    # Streams without a descriptor, as a notebook's; and not the main thread.
    project.write(
        "kernel.py",
        """\
import io, json, signal, sys, threading
from pathlib import Path

class Stream(io.StringIO):
    def fileno(self):
        raise io.UnsupportedOperation("fileno")

real, sys.stdout, sys.stderr = sys.stdout, Stream(), Stream()
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
space, failed = {}, []

def work():
    try:
        for cell in json.loads(Path("cells.json").read_text("utf-8")):
            exec(compile(cell, "cell", "exec"), space)
    except BaseException as error:
        failed.append(repr(error))

thread = threading.Thread(target=work)
thread.start()
thread.join()
after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
told = {"out": sys.stdout.getvalue(), "err": sys.stderr.getvalue(), "failed": failed}
json.dump({**told, "signals": before == after}, real)
""",
    )
    told = project.call([sys.executable, "kernel.py"]).json
    assert told["failed"] == []
    assert told["signals"] is True
    assert "[1/4] model:resnet50-tiny" in told["err"]
    assert told["err"].rstrip().splitlines()[-1].startswith("done in ")
    assert f"accuracy:{SUBJECT}/SingleStream executed" in told["out"]
    assert "VALID" in told["out"]
    assert (project.folder / "build/bench/runs" / SUBJECT / "SingleStream/accuracy").is_dir()
