"""The shipped files of 3d-unet's tiny preset: model, cases, card and descriptor agree."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml

import benchwright_medical.tiny
from benchwright.archive import unpack
from benchwright_medical import dice, kits
from benchwright_medical.network import weight_shapes
from benchwright_medical.tiny import brain
from benchwright_medical.volumes import image_input, label_volume
from benchwright_medical.windows import SlidingWindows

FOLDER = Path(benchwright_medical.tiny.__file__).parent
MODEL, DATASET = FOLDER / "unet3d.onnx", FOLDER / "brain.tar.gz"


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "unet3d.card.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brain") / "data"
    unpack(DATASET, folder)
    return folder


def test_the_data_set_is_small() -> None:
    assert DATASET.stat().st_size < 3e6


def test_accuracy_is_far_above_chance_and_the_control_is_not(card: dict[str, Any]) -> None:
    accuracy = card["accuracy"]
    assert accuracy["fp32"] > card["chance"] + 0.5
    assert accuracy["shuffled_labels"] < card["chance"] + 0.02


def test_the_parts_of_the_brain_lie_apart() -> None:
    assert brain.ANTERIOR[0] - brain.POSTERIOR[1] == 8


def test_the_cases_differ_in_size_and_spacing(dataset: Path) -> None:
    cases = kits.read_cases(dataset)
    geometries = [kits.read_geometry(case) for case in cases]
    assert len(cases) == brain.EVALUATION
    assert len({geometry.shape for geometry in geometries}) > 35
    assert len({geometry.spacing for geometry in geometries}) > 35
    contents = {hashlib.sha256(case.image.read_bytes()).digest() for case in cases}
    assert len(contents) == len(cases)
    assert "McConnell Brain Imaging Centre" in (dataset / "NOTICE").read_text()


def test_the_archive_holds_plain_files_only() -> None:
    with tarfile.open(DATASET) as archive:
        assert all(member.isreg() for member in archive)
        assert len(archive.getnames()) == 2 * brain.EVALUATION + 2


def test_the_graph_is_the_network_of_the_card(card: dict[str, Any]) -> None:
    graph = onnx.load(MODEL).graph
    sizes = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    from benchwright_medical.network import Shape

    assert sizes == dict(weight_shapes(Shape(tuple(card["model"]["filters"]))))
    assert card["model"]["parameters"] == sum(int(np.prod(size)) for size in sizes.values())
    kinds = [node.op_type for node in graph.node]
    # Two convolutions a block: input, two steps down, bottleneck, three steps up; and the output.
    assert kinds.count("Conv") == 2 * 7 + 1
    assert kinds.count("InstanceNormalization") == 2 * 7
    assert (kinds.count("ConvTranspose"), kinds.count("Concat")) == (3, 3)


def test_the_model_scores_what_the_card_says(card: dict[str, Any], dataset: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    class Session:
        def run(self, inputs: Any) -> Any:
            return session.run(["output"], inputs)

    driver = SlidingWindows(brain.WINDOW)
    scores = []
    for case in kits.read_cases(dataset):
        spacing = kits.read_geometry(case).spacing
        image = image_input(kits.read_image(case), spacing, brain.WINDOW)
        ((found,),) = driver({"main": Session()}, {"input": [image]})
        label = label_volume(kits.read_labels(case), spacing, brain.WINDOW)
        scores.append(dice.dice(found, label))
    composite, parts = dice.mean(scores)
    assert composite == pytest.approx(card["accuracy"]["fp32"], abs=5e-4)
    assert parts.kidney == pytest.approx(card["accuracy"]["grey_matter"], abs=5e-4)
