"""Reading what an ONNX file declares, against the package `onnx`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from benchwright.errors import BenchwrightError
from benchwright.tried.onnxfile import DTYPES, read_onnx
from core.tried import graphs


def test_inputs_outputs_and_tables(tmp_path: Path) -> None:
    found = read_onnx(graphs.embedding(tmp_path / "m.onnx", rows=77))
    assert [(item.name, item.dtype, item.shape) for item in found.inputs] == [
        ("input_ids", "int64", ("batch", "sequence")),
        ("attention_mask", "int64", ("batch", "sequence")),
    ]
    assert [(item.name, item.dtype, item.shape) for item in found.outputs] == [
        ("hidden", "float32", ("batch", "sequence", 4))
    ]
    assert found.tables == {"input_ids": 77}
    assert found.opset == 17
    assert found.external == ()


def test_a_weight_that_is_also_an_input_need_not_be_given(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"])
    inputs = [graphs.info(name, TensorProto.FLOAT, [2]) for name in ("x", "w")]
    path = graphs.save(
        tmp_path / "m.onnx",
        [node],
        inputs,
        [graphs.info("y", TensorProto.FLOAT, [2])],
        [graphs.weight("w", np.ones(2, np.float32))],
    )
    assert [item.name for item in read_onnx(path).inputs] == ["x"]


def test_weights_in_a_file_beside(tmp_path: Path) -> None:
    path = graphs.embedding(tmp_path / "m.onnx", rows=500)
    onnx.save(
        onnx.load(path),
        tmp_path / "n.onnx",
        save_as_external_data=True,
        location="n.onnx_data",
        size_threshold=0,
    )
    found = read_onnx(tmp_path / "n.onnx")
    assert found.external == ("n.onnx_data",)
    assert found.tables == {"input_ids": 500}


@pytest.mark.parametrize(("kind", "dtype"), DTYPES.items())
def test_every_dtype(kind: int, dtype: str, tmp_path: Path) -> None:
    path = graphs.double(tmp_path / "m.onnx", [1], kind)
    assert read_onnx(path).inputs[0].dtype == dtype


@given(st.lists(st.one_of(st.integers(1, 2**40), st.none(), st.text(min_size=1, max_size=9))))
def test_any_shape(tmp_path_factory: pytest.TempPathFactory, dims: list[int | str | None]) -> None:
    path = tmp_path_factory.mktemp("shape") / "m.onnx"
    graphs.double(path, dims)
    assert read_onnx(path).inputs[0].shape == tuple("" if dim is None else dim for dim in dims)


def test_unknown_rank_and_sequences(tmp_path: Path) -> None:
    path = graphs.double(tmp_path / "m.onnx", None)
    assert read_onnx(path).inputs[0].shape is None
    value = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("SequenceLength", ["x"], ["y"])
    graphs.save(path, [node], [value], [graphs.info("y", TensorProto.INT64, [])])
    assert read_onnx(path).inputs[0].dtype == "unknown"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(BenchwrightError, match="not an ONNX model"):
        read_onnx(path)


@given(st.data())
def test_a_damaged_model_is_a_model_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = graphs.embedding(tmp_path_factory.mktemp("damage") / "m.onnx", rows=3)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(BenchwrightError):
        read_onnx(path)
