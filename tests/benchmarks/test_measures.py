"""The parts of the measurements that can be told right from wrong without a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from benchwright.errors import BenchwrightError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a module of `benchmarks/`."""
    from importlib import import_module

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module


def test_resnet50_has_the_official_shape(module: Callable[[str], ModuleType]) -> None:
    onnx = pytest.importorskip("onnx")
    graph = module("measures.resnet50_graph")
    builder = graph.Builder()
    model = builder.model()
    assert builder.parameters == graph.PARAMETERS == 25_532_521
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        info.name: [size.dim_value or size.dim_param for size in info.type.tensor_type.shape.dim]
        for info in (*inferred.value_info, *inferred.output)
    }
    assert shapes["s1b0_out"] == ["N", 512, 28, 28]
    assert shapes["s3b2_out"] == ["N", 2048, 7, 7]
    assert shapes["softmax_tensor:0"] == ["N", 1001]
    assert shapes["ArgMax:0"] == ["N"]
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("Conv") == 53
    assert operators.count("Add") == 16
    # v1.5: the stride lies in the 3x3 convolution.
    strided = [
        node.name
        for node in model.graph.node
        if any(item.name == "strides" and item.ints[0] == 2 for item in node.attribute)
    ]
    assert "s1b0_b" in strided
    assert "s1b0_a" not in strided


def test_resnet50_is_the_same_every_time(module: Callable[[str], ModuleType]) -> None:
    pytest.importorskip("onnx")
    graph = module("measures.resnet50_graph")
    first, again = graph.Builder().model(), graph.Builder().model()
    assert first.graph.initializer[0].raw_data == again.graph.initializer[0].raw_data
    assert first.graph.initializer[-1].raw_data == again.graph.initializer[-1].raw_data


@pytest.mark.parametrize(
    ("better", "rounds", "met"),
    [
        ("lower", [0.9, 0.5, 0.4], True),
        ("lower", [0.9, 0.7, 0.4], False),
        ("higher", [0.5, 0.7, 0.9], True),
        ("higher", [0.5, 0.55, 0.9], False),
    ],
)
def test_the_median_round_is_judged(
    module: Callable[[str], ModuleType], better: str, rounds: list[float], met: bool
) -> None:
    result = module("measures.result").judged(
        "x",
        value=1.23456,
        unit="µs",
        baseline=12345.6,
        ratio=0.5,
        better=better,
        goal=0.6,
        bounded=rounds,
    )
    assert result.met is met
    assert result.spread == (min(rounds), max(rounds))
    assert (result.value, result.baseline) == (1.235, 12346)


def test_stock_is_kept_until_its_key_changes(
    module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stock = module("measures.stock")
    monkeypatch.setattr(stock, "STOCK", tmp_path)
    made: list[Path] = []

    def make(out: Path) -> None:
        made.append(out)
        (out / "file").write_text("x")

    first = stock._kept("thing", ["a"], make)
    assert stock._kept("thing", ["a"], make) == first
    assert len(made) == 1
    other = stock._kept("thing", ["b"], make)
    assert (other / "file").exists()
    assert not first.exists()

    def fail(out: Path) -> None:
        (out / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stock._kept("thing", ["c"], fail)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


def test_a_failed_round_says_why(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    spec = {"engine": str(tmp_path), "samples": str(tmp_path), "preset": "tiny", "seconds": 1}
    with pytest.raises(BenchwrightError, match="the preprocessed samples cannot be read") as caught:
        module("measures.rounds").rounds("measures.server_null", spec, 1, print, json.dumps)
    assert str(tmp_path / "samples.json") in str(caught.value)


def test_a_crashed_round_says_so(module: Callable[[str], ModuleType]) -> None:
    with pytest.raises(BenchwrightError, match="the process of a round failed") as caught:
        module("measures.rounds").rounds("measures.server_null", {}, 1, print, json.dumps)
    assert "KeyError" in str(caught.value)
