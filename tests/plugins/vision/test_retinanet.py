"""retinanet: its presets from end to end, the official one in miniature from a local server."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchwright.contracts.source import Manual
from benchwright.errors import BenchwrightError
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright_vision import openimages_download
from benchwright_vision.openimages import Picture, network_input
from benchwright_vision.retinanet import RetinaNet, detect
from benchwright_vision.retinanet_descriptor import retinanet
from core.http_server import Answer, Resource, Server, serving

NAMES = ("0001eeaf4aed83f9.jpg", "00075905539074f2.jpg", "0007cebe1b2ba653.jpg")
SIZE = (60, 40)


class Session:
    """Answers n boxes to a picture whose values are all n, in memory that it uses again."""

    def __init__(self) -> None:
        self._boxes = np.zeros((9, 4), np.float32)

    def run(self, inputs: Any) -> list[Any]:
        images = inputs["images"]
        assert images.shape == (1, 3, 2, 2)
        count = int(images[0, 0, 0, 0])
        self._boxes[:] = count
        return [self._boxes[:count], np.full(count, 0.5, np.float32), np.arange(count)]


@pytest.mark.parametrize("counts", [[3], [2, 0, 5]])
def test_each_picture_of_a_batch_is_a_call(counts: list[int]) -> None:
    images = np.broadcast_to(np.reshape(counts, (-1, 1, 1, 1)), (len(counts), 3, 2, 2))
    boxes, scores, labels = detect({"main": Session()}, {"images": images.astype(np.float32)})
    assert [part.tolist() for part in boxes] == [[[float(n)] * 4] * n for n in counts]
    assert [len(part) for part in scores] == [len(part) for part in labels] == counts


def picture(seed: int) -> bytes:
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def annotations() -> dict[str, Any]:
    """As the official file has them, which knows more fields."""
    images = [
        {"id": n + 1, "file_name": name, "width": SIZE[0], "height": SIZE[1], "coco_url": None}
        for n, name in enumerate(NAMES)
    ]
    one = {"id": 1, "image_id": 2, "category_id": 263, "bbox": [1.5, 2.5, 30.0, 20.0]}
    flags = {"area": 600.0, "iscrowd": 0, "IsOccluded": 1, "IsGroupOf": 0}
    categories = [{"id": n, "name": str(n), "supercategory": None} for n in range(264)]
    info = {"dataset": "openimages_mlperf", "version": "v6"}
    return {
        "info": info,
        "licenses": [],
        "categories": categories,
        "images": images,
        "annotations": [one | flags],
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "downloads" / "openimages-mlperf_annotations_2.1.json.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("openimages-mlperf.json", json.dumps(annotations()))
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as made:
        for number, name in enumerate(NAMES):
            made.add(f"/validation/{name}", Resource(picture(number)))
        monkeypatch.setattr(openimages_download, "BUCKET", made.url("/validation"))
        yield made


def test_official_pictures_come_one_by_one(
    server: Server, archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("cv2")
    benchmark, out = RetinaNet(), tmp_path / "dataset"
    sources = {archive.name: archive}
    benchmark.assemble_dataset("official", sources, out, silent)
    assert "3 pictures" in caplog.text
    assert "unverified" in caplog.text
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "annotations/openimages-mlperf.json",
        *(f"validation/data/{name}" for name in NAMES),
    ]
    assert (out / "validation/data" / NAMES[1]).read_bytes() == picture(1)
    assert benchmark.validate_dataset("official", out) == 3

    # A second data set takes the pictures that are there.
    benchmark.assemble_dataset("official", sources, tmp_path / "again", silent)
    assert [len(server.resources[f"/validation/{name}"].asked) for name in NAMES] == [1, 1, 1]

    samples = tmp_path / "samples"
    samples.mkdir()
    with SampleWriter(samples, benchmark.program("official").inputs, 3) as writer:
        benchmark.preprocess("official", out, writer, silent)
    found = SampleStore.open(samples).fixed["images"]
    assert found.shape == (3, 3, 800, 800)
    expected = network_input(Picture(2, out / "validation/data" / NAMES[1], *SIZE), 800)
    np.testing.assert_array_equal(found[1], expected)


def test_a_picture_that_cannot_be_had_is_named_and_the_others_stay(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    server.resources[f"/validation/{NAMES[2]}"] = Resource(first=[Answer(403)] * 9)
    sources = {archive.name: archive}
    with pytest.raises(BenchwrightError, match=NAMES[2]):
        RetinaNet().assemble_dataset("official", sources, tmp_path / "dataset", silent)
    server.resources[f"/validation/{NAMES[2]}"] = Resource(picture(2))
    RetinaNet().assemble_dataset("official", sources, tmp_path / "again", silent)
    assert RetinaNet().validate_dataset("official", tmp_path / "again") == 3
    assert len(server.resources[f"/validation/{NAMES[0]}"].asked) == 1


def test_an_archive_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("readme.txt", "no annotations")
    with pytest.raises(BenchwrightError, match=r"x\.zip.*\n.*holds 0 files"):
        RetinaNet().assemble_dataset("official", {"x.zip": path}, tmp_path / "dataset", silent)


def test_the_official_preset_states_its_files() -> None:
    preset = retinanet().presets["official"]
    files = {item.name: str(item.checksum) for item in (*preset.dataset, *preset.model)}
    assert files == {
        "openimages-mlperf_annotations_2.1.json.zip": "md5:817fd8da3aeeb0575f1e2d2926b15e68",
        "resnext50_32x4d_fpn.onnx": "md5:4544f4e56e0a4684215831cc937ea45c",
    }
    assert not any(isinstance(item, Manual) for item in preset.dataset)
    assert preset.sample_count == 24_781
    assert preset.reference is None
    assert preset.disk_bytes > 190_000_000_000


def test_the_official_model_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "given.onnx").write_bytes(b"weights")
    out = tmp_path / "model"
    out.mkdir()
    RetinaNet().assemble_model("official", {"m": tmp_path / "given.onnx"}, out, silent)
    assert (out / "retinanet.onnx").read_bytes() == b"weights"
