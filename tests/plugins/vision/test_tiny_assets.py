"""The shipped files of resnet50's tiny preset: model, digits and card agree with one another."""

from __future__ import annotations

import io
import math
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

import benchwright_vision.tiny
from benchwright_vision.tiny import digits, graph, residual, train_resnet50

FOLDER = Path(benchwright_vision.tiny.__file__).parent
MODEL, DATASET = FOLDER / "resnet50.onnx", FOLDER / "digits.tar.gz"
IMAGES = [f"images/{index:05d}.png" for index in range(1024)]


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "resnet50.card.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    found = {}
    with tarfile.open(DATASET) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None, member.name
            found[member.name] = content.read()
    return found


@pytest.fixture(scope="module")
def label_map(members: dict[str, bytes]) -> list[tuple[str, int]]:
    lines = members["val_map.txt"].decode("ascii").splitlines()
    return [(name, int(label)) for name, label in (line.split(" ") for line in lines)]


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def samples(members: dict[str, bytes], label_map: list[tuple[str, int]]) -> NDArray[np.float32]:
    """The official preprocessing without its geometry, written out apart from the script's."""
    means = np.array([123.68, 116.78, 103.94], dtype=np.float32)
    decoded = [Image.open(io.BytesIO(members[name])).convert("RGB") for name, _ in label_map]
    stacked = np.stack([np.asarray(image) for image in decoded]).astype(np.float32) - means
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def test_card_names_source_and_licence(card: dict[str, Any]) -> None:
    source = card["source"]
    assert source["url"].startswith("https://archive.ics.uci.edu/")
    assert source["licence"].startswith("CC BY 4.0")
    assert "Alpaydin" in source["attribution"]
    assert "Kaynak" in source["attribution"]
    assert "sklearn.datasets.load_digits" in source["loader"]
    assert "writer" in card["split"]["note"]
    assert (card["split"]["train"], card["split"]["evaluation"]) == (773, 1024)


def test_card_accuracy_adds_up_and_the_control_is_at_chance(card: dict[str, Any]) -> None:
    accuracy = card["accuracy"]
    assert accuracy["metric"] == "acc"
    assert accuracy["fp32_percent"] == round(100 * accuracy["good"] / accuracy["total"], 3)
    assert accuracy["fp32_percent"] >= 98.0
    assert card["chance_percent"] == 10.0
    # Four standard deviations of 1,024 guesses.
    assert abs(accuracy["shuffled_labels_percent"] - card["chance_percent"]) < 4.0


def assert_nothing_varies(packed: bytes) -> None:
    assert packed[3] == 0, "the gzip header carries a file name or another optional field"
    assert packed[4:8] == bytes(4), "the gzip header carries a time"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == [*IMAGES, "val_map.txt"]
    assert all(entry.isreg() for entry in entries)
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname, e.mode) for e in entries} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_archive_holds_nothing_that_varies() -> None:
    assert_nothing_varies(DATASET.read_bytes())


def test_images_are_8x8_grey_pngs_of_17_levels(members: dict[str, bytes]) -> None:
    levels = {round(value * 255 / 16) for value in range(17)}
    for name in IMAGES:
        image = Image.open(io.BytesIO(members[name]))
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 8)), name
        assert set(np.asarray(image).ravel().tolist()) <= levels, name


def test_map_names_every_image_once_and_labels_are_balanced(
    label_map: list[tuple[str, int]],
) -> None:
    assert [name for name, _ in label_map] == IMAGES
    counts = Counter(label for _, label in label_map)
    assert sorted(counts) == list(range(10))
    # Stratified: scikit-learn's copy has 174 to 183 of each digit, of which 57 % are here.
    assert min(counts.values()) >= 99
    assert max(counts.values()) <= 105


def test_archive_is_the_evaluation_part_of_the_split_and_nothing_of_the_training_part(
    members: dict[str, bytes], label_map: list[tuple[str, int]]
) -> None:
    pytest.importorskip("sklearn")
    images, labels = digits.load_images()
    training, evaluation = digits.split(labels)
    assert sorted([*training, *evaluation]) == list(range(1797))
    packed = np.stack([np.asarray(Image.open(io.BytesIO(members[name]))) for name in IMAGES])
    np.testing.assert_array_equal(packed, images[evaluation])
    assert [label for _, label in label_map] == labels[evaluation].tolist()
    seen = {images[index].tobytes() for index in training}
    assert not seen & {image.tobytes() for image in packed}


def test_packing_again_gives_the_same_bytes_and_content(
    members: dict[str, bytes], label_map: list[tuple[str, int]], tmp_path: Path
) -> None:
    images = np.stack([np.asarray(Image.open(io.BytesIO(members[name]))) for name in IMAGES])
    labels = np.array([label for _, label in label_map], dtype=np.int64)
    again = digits.pack(images, labels)
    assert digits.pack(images, labels) == again
    assert_nothing_varies(again)
    # Another Pillow or zlib may compress otherwise, so the content is compared, not the bytes.
    path = tmp_path / "again.tar.gz"
    path.write_bytes(again)
    samples, read = digits.unpack(path)
    np.testing.assert_array_equal(read, labels)
    means = np.array([123.68, 116.78, 103.94], dtype=np.float32).reshape(1, 3, 1, 1)
    expected = images[:, None].astype(np.float32) - means
    np.testing.assert_array_equal(samples, expected)


def test_model_keeps_the_official_names_and_conventions(
    card: dict[str, Any], session: onnxruntime.InferenceSession
) -> None:
    def described(nodes: list[Any]) -> list[dict[str, Any]]:
        kinds = {"tensor(float)": "float32", "tensor(int64)": "int64"}
        return [{"name": n.name, "dtype": kinds[n.type], "shape": n.shape} for n in nodes]

    inputs, outputs = described(session.get_inputs()), described(session.get_outputs())
    assert inputs == [{"name": "input_tensor:0", "dtype": "float32", "shape": ["N", 3, 8, 8]}]
    assert outputs == [
        {"name": "ArgMax:0", "dtype": "int64", "shape": ["N"]},
        {"name": "softmax_tensor:0", "dtype": "float32", "shape": ["N", 11]},
    ]
    assert (card["model"]["inputs"], card["model"]["outputs"]) == (inputs, outputs)


def test_model_is_a_valid_self_contained_residual_network(card: dict[str, Any]) -> None:
    model = onnx.load(MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "benchwright"
    assert model.ir_version <= 10, "onnxruntime 1.20 loads no newer one"
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert all(
        tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer
    )
    parameters = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
    assert parameters == card["model"]["parameters"]
    counts = Counter(node.op_type for node in model.graph.node)
    assert (counts["Add"], counts["GlobalAveragePool"], counts["Gemm"]) == (6, 1, 1)
    # Six bottlenecks of three convolutions, three projections and the stem.
    assert counts["Conv"] == 22


def test_scores_as_the_card_says_from_the_pngs(
    card: dict[str, Any],
    session: onnxruntime.InferenceSession,
    samples: NDArray[np.float32],
    label_map: list[tuple[str, int]],
) -> None:
    found, probabilities = session.run(None, {"input_tensor:0": samples})
    labels = np.array([label for _, label in label_map])
    assert card["accuracy"]["total"] == len(found) == 1024
    # Another CPU may round an undecided image to the other side.
    assert abs(int((found - 1 == labels).sum()) - card["accuracy"]["good"]) <= 2
    np.testing.assert_array_equal(found, probabilities.argmax(axis=1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert found.min() >= 1, "an image was taken for background"


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_batching_does_not_change_a_label(
    session: onnxruntime.InferenceSession, samples: NDArray[np.float32], batch: int
) -> None:
    part = samples[:192]
    whole = session.run(["softmax_tensor:0"], {"input_tensor:0": part})[0]
    cut = [
        session.run(["softmax_tensor:0"], {"input_tensor:0": part[start : start + batch]})[0]
        for start in range(0, len(part), batch)
    ]
    np.testing.assert_allclose(np.concatenate(cut), whole, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--shuffle-labels"], "needs --out"),
        (["--folds", "5", "--out", "x"], "writes nothing"),
        (["--folds", "1"], "at least 2"),
        (["--folds", "5", "--shuffle-labels", "--out", "x"], "not allowed with"),
        (["--epochs", "0"], "at least 1"),
        (["--seed", "-1"], "must not be negative"),
    ],
)
def test_script_refuses_what_does_not_fit_together(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        train_resnet50.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_exported_graph_computes_what_the_network_does(samples: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    network = residual.build_network()
    layers = network.layers().eval()
    for layer in layers:
        if isinstance(layer, torch.nn.BatchNorm2d):
            # As they start, these fold to nothing and would hide a wrong fold.
            torch.nn.init.uniform_(layer.weight, 0.5, 1.0)
            torch.nn.init.normal_(layer.bias, std=0.1)
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2.0)
    model = graph.to_onnx(network).SerializeToString()
    fresh = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found, probabilities = fresh.run(None, {"input_tensor:0": samples[:32]})
    logits = torch.from_numpy(residual.logits_of(network, samples[:32]))
    np.testing.assert_array_equal(found, logits.argmax(dim=1).numpy())
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1).numpy(), atol=1e-4)
