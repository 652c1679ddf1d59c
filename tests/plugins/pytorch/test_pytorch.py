"""The backend `pytorch`: where weights come from, threads, precisions, outputs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("safetensors", reason="needs the extra `torch`")

from safetensors.torch import save_file
from torch import nn

import torch_exercises
from benchwright import onnxgraph
from benchwright.contracts.program import TorchForm
from benchwright.errors import BenchwrightError
from benchwright.onnxgraph import GraphWriter
from benchwright.plugins import Registry
from benchwright.testing.exercises import dense, label, weights
from benchwright_pytorch import precision
from benchwright_pytorch.backend import PyTorchBackend
from benchwright_pytorch.options import PyTorchOptions
from torch_exercises import TorchExercise, as_torch

DENSE = as_torch(dense(), "Dense")


def build(exercise: TorchExercise, place: Path, model: Path | None = None) -> Path:
    engine = place / "engine"
    engine.mkdir(parents=True)
    model = model or exercise.write_model(place / "model")
    PyTorchBackend().build_engine(exercise.program, model, {}, engine)
    return engine


def opened(
    exercise: TorchExercise,
    engine: Path,
    threads: int = 1,
    backend: PyTorchBackend | None = None,
    **options: Any,
) -> Mapping[str, Any]:
    given = PyTorchOptions(**options).model_dump(mode="json")
    return (backend or PyTorchBackend()).open(exercise.program, engine, given, threads)


def require_right(exercise: TorchExercise, engine: Path, atol: float = 1e-5) -> None:
    batch = exercise.samples(4, 1)
    found = opened(exercise, engine)["main"].run(batch)
    for output, wanted in zip(found, exercise.answers(batch), strict=True):
        np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=atol)


def with_weights(name: str, module: str = "Dense") -> TorchExercise:
    """The dense layer with its weights in another file."""
    (graph,) = DENSE.program.graphs
    form = TorchForm(f"torch_exercises:{module}", name)
    return replace(DENSE, program=replace(DENSE.program, graphs=(replace(graph, torch=form),)))


def write_graph(path: Path, names: Mapping[str, str]) -> None:
    """The dense layer as an ONNX graph whose weights have these names."""
    writer = GraphWriter("dense")
    writer.input("x", "float32", ("N", 16))
    product = writer.node("MatMul", ["x", writer.weight(names["w"], weights(16, 8))])
    total = writer.node("Add", [product, writer.weight(names["b"], weights(8))])
    writer.node("Relu", [total], "y")
    writer.constant([1, 2], "int64")
    writer.output("y", "float32", ("N", 8))
    writer.save(path)


# Weights


@pytest.mark.parametrize("inline_bytes", [onnxgraph.INLINE_BYTES, 0])
def test_weights_come_from_a_graph_and_from_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline_bytes: int
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", inline_bytes)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", 16)
    write_graph(tmp_path / "dense.onnx", {"w": "w", "b": "b"})
    assert (tmp_path / "dense.onnx.data").exists() is (inline_bytes == 0)
    exercise = with_weights("dense.onnx")
    engine = build(exercise, tmp_path / "built", tmp_path)
    for path in tmp_path.glob("dense.onnx*"):
        path.unlink()
    require_right(exercise, engine)


class Turned(torch_exercises.Dense):
    """Its graph has other names."""

    def graph_state(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {name.removeprefix("layer/"): value for name, value in found.items()}


def test_a_module_turns_the_weights_of_its_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_exercises, "Turned", Turned, raising=False)
    write_graph(tmp_path / "dense.onnx", {"w": "layer/w", "b": "layer/b"})
    exercise = with_weights("dense.onnx", "Turned")
    require_right(exercise, build(exercise, tmp_path / "built", tmp_path))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"w": (16, 8)}, "1 are not in it, such as b"),
        ({"w": (16, 8), "b": (8,), "c": (1,)}, "1 of them, such as c"),
        ({"w": (8, 16), "b": (8,)}, "size mismatch for w"),
    ],
)
def test_weights_of_another_module_are_refused(
    tmp_path: Path, state: dict[str, tuple[int, ...]], told: str
) -> None:
    tensors = {name: torch.zeros(shape) for name, shape in state.items()}
    save_file(tensors, str(tmp_path / "main.safetensors"))
    with pytest.raises(BenchwrightError, match=told) as caught:
        build(DENSE, tmp_path / "built", tmp_path)
    assert caught.value.where == str(tmp_path / "main.safetensors")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(16, 8), "b": torch.zeros(8)}, tmp_path / "dense.pt")
    with pytest.raises(BenchwrightError, match="a checkpoint that is a pickle can run code"):
        build(with_weights("dense.pt"), tmp_path / "built", tmp_path)


def test_weights_outside_the_models_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    monkeypatch.setattr(onnxgraph, "SMALL_BYTES", 16)
    model = tmp_path / "model"
    model.mkdir()
    write_graph(model / "dense.onnx", {"w": "w", "b": "b"})
    (model / "dense.onnx.data").rename(tmp_path / "elsewhere")
    loaded = onnx.load(str(model / "dense.onnx"), load_external_data=False)
    for item in loaded.graph.initializer:
        for fact in item.external_data:
            if fact.key == "location":
                fact.value = "../elsewhere"
    (model / "dense.onnx").write_bytes(loaded.SerializeToString())
    with pytest.raises(BenchwrightError, match="lies outside the model's folder"):
        build(with_weights("dense.onnx"), tmp_path / "built", model)


class Tied(nn.Module):
    """Two names for one weight, as language models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(16, 16, bias=False)
        self.two = nn.Linear(16, 16, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x: Any) -> Any:
        return self.two(self.one(x))[:, :8]


def test_tied_weights_stay_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_exercises, "Tied", Tied, raising=False)
    save_file({"one.weight": torch.eye(16)}, str(tmp_path / "tied.safetensors"))
    exercise = with_weights("tied.safetensors", "Tied")
    session = opened(exercise, build(exercise, tmp_path / "built", tmp_path))["main"]
    batch = exercise.samples(2, 1)
    np.testing.assert_array_equal(session.run(batch)[0], batch["x"][:, :8])


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("torch_exercises:Nothing", "has no attribute 'Nothing'"),
        ("no_such_package:Dense", "No module named"),
        ("torch_exercises:weights", "missing 0 required|it returned"),
    ],
)
def test_a_factory_that_makes_no_module_is_named(tmp_path: Path, factory: str, told: str) -> None:
    (graph,) = DENSE.program.graphs
    graph = replace(graph, torch=TorchForm(factory, "main.safetensors", {}))
    exercise = replace(DENSE, program=replace(DENSE.program, graphs=(graph,)))
    with pytest.raises(BenchwrightError, match=told) as caught:
        build(exercise, tmp_path / "built", DENSE.write_model(tmp_path / "model"))
    assert caught.value.where == factory


# Threads and instances


def test_instances_share_their_weights(tmp_path: Path) -> None:
    engine, backend = build(DENSE, tmp_path), PyTorchBackend()
    one, two = (opened(DENSE, engine, backend=backend)["main"] for _ in range(2))
    assert one._module is two._module
    other = opened(DENSE, engine, backend=backend, channels_last=True)["main"]
    assert other._module is not one._module


class Counting(torch_exercises.Dense):
    """Notes how many threads compute."""

    seen: list[int] = []  # noqa: RUF012

    def forward(self, x: Any) -> Any:
        self.seen.append(torch.get_num_threads())
        return super().forward(x)


def test_each_instance_computes_with_its_threads_wherever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(torch_exercises, "Counting", Counting, raising=False)
    exercise = with_weights("main.safetensors", "Counting")
    engine = build(exercise, tmp_path / "built", DENSE.write_model(tmp_path / "model"))
    two = opened(exercise, engine, threads=2)["main"]
    one = opened(exercise, engine, threads=1)["main"]
    Counting.seen.clear()
    batch = exercise.samples(1, 1)

    def call() -> None:
        for session in (two, one, two):
            session.run(batch)

    try:
        call()
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(before)
    assert Counting.seen == [2, 1, 2, 2, 1, 2]


# Precisions and outputs


def test_bf16_holds_and_computes_in_bf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchwright.bfloat16.require_bfloat16", lambda instead: None)
    monkeypatch.setattr("benchwright_pytorch.backend.require_bfloat16", lambda instead: None)
    model = tmp_path / "bf16"
    model.mkdir()
    original = DENSE.write_model(tmp_path / "model")
    precision.Bfloat16().quantize(DENSE.program, original, iter(()), {}, model)
    engine = build(DENSE, tmp_path, model)
    session = opened(DENSE, engine)["main"]
    assert {weight.dtype for weight in session._module.parameters()} == {torch.bfloat16}
    batch = DENSE.samples(8, 1)
    (found,), (wanted,) = session.run(batch), DENSE.answers(batch)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


def test_bf16_is_refused_where_the_cpu_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Registry().read_system()
    facts = {**reading.identity, "cpu.model": "Acme i9", "cpu.features": ["avx2"]}
    monkeypatch.setattr(Registry, "read_system", lambda self, **_: reading._replace(identity=facts))
    model = DENSE.write_model(tmp_path / "model")
    with pytest.raises(BenchwrightError, match="this CPU cannot compute in bf16") as caught:
        precision.Bfloat16().quantize(DENSE.program, model, iter(()), {}, tmp_path)
    assert "Acme i9" in str(caught.value)
    (model / precision.NOTE).write_text('{"precision": "bf16"}')
    with pytest.raises(BenchwrightError, match="this CPU cannot compute in bf16"):
        build(DENSE, tmp_path / "again", model)


class Twice(torch_exercises.Dense):
    output_names = None

    def forward(self, x: Any) -> Any:
        return (x, x)


def test_another_number_of_outputs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_exercises, "Twice", Twice, raising=False)
    exercise = with_weights("main.safetensors", "Twice")
    engine = build(exercise, tmp_path / "built", DENSE.write_model(tmp_path / "model"))
    with pytest.raises(BenchwrightError, match="returns 2 tensors; the graph states 1"):
        opened(exercise, engine)["main"].run(exercise.samples(1, 1))


def test_read_only_inputs_are_taken_without_a_word(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    session = opened(DENSE, build(DENSE, tmp_path))["main"]
    batch = DENSE.samples(2, 1)
    batch["x"].flags.writeable = False
    np.testing.assert_allclose(session.run(batch)[0], DENSE.answers(batch)[0], rtol=1e-4)
    assert not recwarn.list


@pytest.mark.long
def test_compiled_modules_answer_alike_and_leave_no_pickle(tmp_path: Path) -> None:
    """In a process of its own, since compiling changes settings of the whole process."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from torch_exercises import as_torch\n"
        "from benchwright.testing.exercises import label\n"
        "from benchwright_pytorch.backend import PyTorchBackend\n"
        "exercise, place = as_torch(label(), 'Label'), Path(sys.argv[1])\n"
        "options = {'compile': True, 'channels_last': False}\n"
        "session = PyTorchBackend().open(exercise.program, place, options, 1)['main']\n"
        "for count in (1, 2, 5):\n"
        "    batch = exercise.samples(count, count)\n"
        "    for found, wanted in zip(session.run(batch), exercise.answers(batch)):\n"
        "        np.testing.assert_allclose(found, wanted, rtol=1e-4)\n"
    )
    engine, cache = build(as_torch(label(), "Label"), tmp_path), tmp_path / "cache"
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPATH": ":".join(sys.path),
    }
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    subprocess.run([sys.executable, "-c", program, str(engine)], check=True, env=environment)
    kinds = {path.suffix for path in cache.rglob("*") if path.is_file()}
    assert ".so" in kinds
    assert kinds <= {".so", ".cpp", ".py", ".h", ".gch", ".lock", ".o", ""}
