"""The synthetic presets: official shapes, the same bytes every time, readable by the readers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright_vision import resnet50_graph
from benchwright_vision.descriptors import resnet50
from benchwright_vision.openimages import network_input, read_dataset
from benchwright_vision.resnet50 import ResNet50
from benchwright_vision.retinanet import RetinaNet
from benchwright_vision.retinanet_config import OFFICIAL
from benchwright_vision.retinanet_descriptor import retinanet as described
from benchwright_vision.retinanet_graph import retinanet
from benchwright_vision.synthetic import detector, pictures


def test_resnet50_has_the_official_shape() -> None:
    writer = resnet50_graph.resnet50()
    assert writer.parameters == resnet50_graph.PARAMETERS == 25_532_521
    model = writer.model()
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        info.name: [size.dim_value or size.dim_param for size in info.type.tensor_type.shape.dim]
        for info in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    assert shapes["input_tensor:0"] == ["N", 3, 224, 224]
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
    again = resnet50_graph.resnet50().model()
    assert again.graph.initializer[0].raw_data == model.graph.initializer[0].raw_data
    assert again.graph.initializer[-1].raw_data == model.graph.initializer[-1].raw_data


def test_resnet50_runs_on_random_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CLASSIFICATION_COUNT", 4)
    benchmark = ResNet50()
    for name in ("one", "two"):
        benchmark.assemble_dataset("synthetic", {}, tmp_path / name, silent)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 5
    assert all(
        (tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files
    )
    assert benchmark.validate_dataset("synthetic", tmp_path / "one") == 4
    (tmp_path / "samples").mkdir()
    with SampleWriter(tmp_path / "samples", benchmark.program("synthetic").inputs, 4) as writer:
        benchmark.preprocess("synthetic", tmp_path / "one", writer, silent)
    samples = SampleStore.open(tmp_path / "samples").fixed["input_tensor:0"]
    assert samples.shape == (4, 3, 224, 224)
    (tmp_path / "model").mkdir()
    benchmark.assemble_model("synthetic", {}, tmp_path / "model", silent)
    graph = benchmark.program("synthetic").graphs[0]
    session = onnxruntime.InferenceSession(
        tmp_path / "model" / str(graph.onnx), providers=["CPUExecutionProvider"]
    )
    (labels,) = session.run(["ArgMax:0"], {"input_tensor:0": samples[:2]})
    assert labels.shape == (2,)
    assert all(0 <= label < resnet50_graph.CLASSES for label in labels)


def test_random_annotations_are_in_the_official_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "DETECTION_COUNT", 3)
    benchmark = RetinaNet()
    for name in ("one", "two"):
        benchmark.assemble_dataset("synthetic", {}, tmp_path / name, silent)
    data = read_dataset(tmp_path / "one", OFFICIAL.classes)
    assert data == replace(read_dataset(tmp_path / "two", OFFICIAL.classes), pictures=data.pictures)
    assert [(p.width, p.height) for p in data.pictures] == list(pictures.DETECTION_SIZES[:3])
    assert network_input(data.pictures[0], 800).shape == (3, 800, 800)
    first, second = (
        tmp_path / n / "validation/data" / data.pictures[2].path.name for n in ("one", "two")
    )
    assert first.read_bytes() == second.read_bytes()


def test_random_weights_find_something_but_not_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On smaller pictures than the preset's, which takes a minute; the weights are the preset's."""
    weights = detector.random_weights(OFFICIAL)
    again = detector.random_weights(OFFICIAL)
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    # The official graph's size: 149 MB of float32.
    assert sum(array.nbytes for array in weights.values()) == pytest.approx(149e6, rel=0.01)
    small = replace(OFFICIAL, side=256)
    model = retinanet(small, weights, "random").model().SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    monkeypatch.setattr(pictures, "DETECTION_COUNT", 2)
    pictures.write_detection_set(tmp_path / "set", silent)
    counts = []
    for picture in read_dataset(tmp_path / "set", OFFICIAL.classes).pictures:
        image = network_input(picture, 256)
        boxes, scores, labels = session.run(None, {"images": image[None]})
        counts.append(len(scores))
        assert np.isfinite(boxes).all()
        assert set(labels.tolist()) <= set(range(264))
    assert max(counts) > 0
    assert min(counts) < OFFICIAL.detections


def test_descriptors_state_counts_and_speed() -> None:
    for info, count in (
        (resnet50(), pictures.CLASSIFICATION_COUNT),
        (described(), pictures.DETECTION_COUNT),
    ):
        preset = info.presets["synthetic"]
        assert preset.sample_count == count
        assert preset.speed_only
        assert (preset.dataset, preset.model, preset.reference) == ((), (), None)
        assert "onnx" in preset.requires
