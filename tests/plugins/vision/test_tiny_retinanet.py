"""The shipped files of retinanet's tiny preset: model, scenes, card and descriptor agree."""

from __future__ import annotations

import math
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

import benchwright_vision.tiny
from benchwright.archive import unpack
from benchwright_vision.openimages import DetectionSet, network_input, read_dataset
from benchwright_vision.retinanet_config import TINY, weight_shapes
from benchwright_vision.retinanet_graph import retinanet

FOLDER = Path(benchwright_vision.tiny.__file__).parent
MODEL, DATASET = FOLDER / "retinanet.onnx", FOLDER / "scenes.tar.gz"


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "retinanet.card.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionSet:
    folder = tmp_path_factory.mktemp("scenes") / "data"
    unpack(DATASET, folder)
    return read_dataset(folder, TINY.classes)


def test_the_card_counts_what_the_data_set_holds(card: dict[str, Any], data: DetectionSet) -> None:
    assert card["split"]["evaluation"] == len(data.pictures)
    assert card["split"]["evaluation_objects"] == len(data.truth["annotations"])
    assert (card["split"]["train_digits"], card["split"]["evaluation_digits"]) == (773, 1024)
    assert card["source"]["licence"].startswith("CC BY 4.0")
    assert "Kaynak" in card["source"]["attribution"]


def test_accuracy_is_far_above_chance_and_the_control_is_not(card: dict[str, Any]) -> None:
    accuracy = card["accuracy"]
    assert accuracy["metric"] == "mAP"
    assert accuracy["fp32_percent"] > 4 * card["chance_percent"]
    assert accuracy["shuffled_labels_percent"] <= card["chance_percent"]


def test_scenes_vary_and_their_digits_are_balanced(data: DetectionSet) -> None:
    assert len({(picture.width, picture.height) for picture in data.pictures}) == 6
    objects = Counter(entry["image_id"] for entry in data.truth["annotations"])
    assert len(objects) == len(data.pictures)
    assert max(objects.values()) == 5
    digits = Counter(entry["category_id"] for entry in data.truth["annotations"])
    assert sorted(digits) == list(range(10))
    assert min(digits.values()) > 100
    sides = [max(entry["bbox"][2:]) for entry in data.truth["annotations"]]
    assert min(sides) < 14
    assert max(sides) > 50
    for entry in data.truth["annotations"]:
        picture = data.pictures[entry["image_id"] - 1]
        x, y, width, height = entry["bbox"]
        assert x + width <= picture.width
        assert y + height <= picture.height


def test_archive_holds_nothing_that_varies() -> None:
    packed = DATASET.read_bytes()
    assert packed[3] == 0, "the gzip header carries a file name or another optional field"
    assert packed[4:8] == bytes(4), "the gzip header carries a time"
    with tarfile.open(DATASET) as archive:
        entries = archive.getmembers()
    assert all(entry.isreg() for entry in entries)
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname, e.mode) for e in entries} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_the_shipped_scenes_are_drawn_from_the_evaluation_digits(data: DetectionSet) -> None:
    pytest.importorskip("sklearn")
    from benchwright_vision.tiny import digits
    from benchwright_vision.tiny.scenes import draw

    images, labels = digits.load_images()
    known, unseen = digits.split(labels)
    assert not set(known) & set(unseen)
    random = np.random.default_rng(1998)
    for picture in data.pictures[:20]:
        scene = draw(images[unseen], labels[unseen], random)
        assert scene.pixels.shape == (picture.height, picture.width, 3)
        entries = [e for e in data.truth["annotations"] if e["image_id"] == picture.number]
        assert [e["bbox"] for e in entries] == scene.boxes.tolist()
        assert [e["category_id"] for e in entries] == scene.labels.tolist()


def test_a_scene_s_boxes_are_the_extent_of_the_ink() -> None:
    """A digit that is a full bright square: its ink is where the colour is another."""
    from benchwright_vision.tiny.scenes import draw

    full = np.zeros((1, 8, 8), np.uint8)
    full[0, 2:7, 1:6] = 255
    scene = draw(full, np.array([3]), np.random.default_rng(11))
    assert set(scene.labels.tolist()) == {3}
    for x, y, width, height in scene.boxes.astype(int):
        inside = scene.pixels[y + 2 : y + height - 2, x + 2 : x + width - 2].reshape(-1, 3)
        assert inside.std(0).max() < 25
        outside = scene.pixels[max(0, y - 3), x : x + width].mean(0)
        assert np.abs(inside.mean(0) - outside).mean() > 25


def test_model_is_the_one_definition_with_these_weights(card: dict[str, Any]) -> None:
    model = onnx.load(MODEL)
    onnx.checker.check_model(model, full_check=True)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(TINY).items()}
    expected = retinanet(TINY, zeros, "retinanet-tiny").model()
    assert [node.op_type for node in model.graph.node] == [
        node.op_type for node in expected.graph.node
    ]
    assert model.graph.input == expected.graph.input
    assert model.graph.output == expected.graph.output
    assert card["model"]["parameters"] == sum(
        math.prod(shape) for shape in weight_shapes(TINY).values()
    )


@pytest.mark.long
def test_training_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the recipe: places are found, and digits begin to be told apart (10.3 %), which
    shuffled labels do not allow (5.5 %). The whole recipe's figures are the card's."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from benchwright_vision.tiny import train_retinanet
    from benchwright_vision.tiny.detector import Recipe

    monkeypatch.setattr(train_retinanet, "TRAINING", 2000)
    monkeypatch.setattr(train_retinanet, "EVALUATION", 128)
    monkeypatch.setattr(train_retinanet, "Recipe", lambda seed: Recipe(epochs=8, seed=seed))
    train_retinanet.main(["--out", str(tmp_path)])
    card = yaml.safe_load((tmp_path / "retinanet.card.yaml").read_text(encoding="utf-8"))
    found, control = (
        card["accuracy"][name] for name in ("fp32_percent", "shuffled_labels_percent")
    )
    assert found > 7.5
    assert found > 1.4 * control
    assert card["split"]["evaluation"] == 128


def test_losses_by_hand() -> None:
    torch = pytest.importorskip("torch")
    from benchwright_vision.tiny import detector

    # p = 0.5: 0.25 * 0.5^2 * ln 2 where there is an object, 0.75 * ... where there is none.
    value = detector.focal(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    assert float(value) == pytest.approx(0.25 * math.log(2))
    one, other = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 4, 2]])
    # Intersection 2, union 8, hull 8.
    assert float(detector.generalised(one, other)) == pytest.approx(1 - 2 / 8)
    far = torch.tensor([[4.0, 0, 6, 2]])
    assert float(detector.generalised(one, far)) == pytest.approx(1 + 4 / 12)
    places = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 8], [10, 10, 14, 14], [0, 0, 9, 4]])
    found = detector.match(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([7]), places)
    # Overlaps 1, 1/2, 0 and 4/9: matched, matched, no object, left out.
    assert found.labels.tolist() == [7, 7, -1, -2]
    centred = torch.tensor([[10.0, 20, 4, 8]])
    moved = detector.decoded(torch.tensor([[0.5, -0.25, math.log(2), 0]]), centred)
    assert moved[0].tolist() == pytest.approx([8, 14, 16, 22])


def test_pictures_of_the_set_are_read_as_the_network_takes_them(data: DetectionSet) -> None:
    found = network_input(data.pictures[0], TINY.side)
    assert found.shape == (3, 96, 96)
    assert 0 <= found.min() < found.max() <= 1
