"""OpenImages-style data sets: the reader's faults by file and field, and the official geometry."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchwright.errors import BenchwrightError
from benchwright_vision.openimages import Picture, network_input, read_annotations, read_dataset

TRUTH: dict[str, Any] = {
    "categories": [{"id": 0, "name": "Airplane"}, {"id": 2, "name": "Apple"}],
    "images": [
        {"id": 7, "file_name": "0a.jpg", "width": 40, "height": 30},
        {"id": 3, "file_name": "0b.jpg", "width": 20, "height": 50},
    ],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 2, "bbox": [1, 2.5, 3, 4], "area": 12, "iscrowd": 0}
    ],
}


def write(folder: Path, truth: Any) -> Path:
    """A data set with the pictures of TRUTH and these annotations."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "validation/data").mkdir(parents=True, exist_ok=True)
    text = truth if isinstance(truth, str) else json.dumps(truth)
    (folder / "annotations/openimages-mlperf.json").write_text(text)
    random = np.random.default_rng(0)
    for image in TRUTH["images"]:
        pixels = random.integers(0, 256, (image["height"], image["width"], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "validation/data" / image["file_name"])
    return folder


def test_pictures_come_in_the_order_of_the_list(tmp_path: Path) -> None:
    found = read_dataset(write(tmp_path, TRUTH), 3)
    folder = tmp_path / "validation/data"
    assert found.pictures == [
        Picture(7, folder / "0a.jpg", 40, 30),
        Picture(3, folder / "0b.jpg", 20, 50),
    ]
    assert found.truth == TRUTH


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    write(tmp_path, TRUTH)
    (tmp_path / "validation/data/0b.jpg").unlink()
    with pytest.raises(BenchwrightError, match=r"json: images\[1\]\.file_name: .*0b\.jpg is miss"):
        read_dataset(tmp_path, 3)
    assert len(read_annotations(tmp_path, 3).pictures) == 2


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("images", 1, "id"), 7, r"images\[1\]\.id: images\[0\] has the same id"),
        (("images", 0, "id"), True, r"images\[0\]\.id"),
        (("images", 0, "width"), 0, r"images\[0\]\.width"),
        (("images", 0, "height"), "30", r"images\[0\]\.height"),
        (("images", 0, "file_name"), "../0a.jpg", r"images\[0\]\.file_name"),
        (("images", 0, "file_name"), "/etc/passwd", r"images\[0\]\.file_name"),
        (("images", 1, "file_name"), "0a.jpg", r"images\[1\]\.file_name.*named twice"),
        (("categories", 1, "id"), 0, r"categories\[1\]\.id: categories\[0\] has the same id"),
        (("categories", 1, "id"), 3, r"categories\[1\]\.id.*0 to 2"),
        (("annotations", 0, "id"), 0, r"annotations\[0\]\.id.*from 1 up"),
        (("annotations", 0, "image_id"), 8, r"annotations\[0\]\.image_id: no image has this id"),
        (("annotations", 0, "category_id"), 3, r"annotations\[0\]\.category_id.*0 to 2"),
        (("annotations", 0, "category_id"), 1, r"annotations\[0\]\.category_id.*no category"),
        (("annotations", 0, "category_id"), None, r"annotations\[0\]\.category_id"),
        (("annotations", 0, "bbox"), [1, 2, 3], r"annotations\[0\]\.bbox"),
        (("annotations", 0, "bbox"), [1, 2, 3, float("nan")], r"annotations\[0\]\.bbox"),
        (("annotations", 0, "bbox"), [10**400, 2, 3, 4], r"annotations\[0\]\.bbox"),
        (("annotations", 0, "area"), 10**400, r"annotations\[0\]\.area"),
        (("annotations", 0, "bbox"), [1, 2, -3, 4], r"annotations\[0\]\.bbox"),
        (("annotations", 0, "area"), None, r"annotations\[0\]\.area"),
        (("annotations", 0, "iscrowd"), 2, r"annotations\[0\]\.iscrowd"),
        (("annotations", 0), 5, r"annotations\[0\]: this must be an object"),
        (("images",), [], r"images: this must be a list"),
        (("annotations",), {}, r"annotations: this must be a list"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, path: tuple[str | int, ...], value: object, told: str
) -> None:
    truth = copy.deepcopy(TRUTH)
    place: Any = truth
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BenchwrightError, match=rf"openimages-mlperf\.json: {told}"):
        read_dataset(write(tmp_path, truth), 3)


def test_damaged_or_missing_annotations_are_explained(tmp_path: Path) -> None:
    write(tmp_path, '{"images": [\n  {"id": 1,}\n]}')
    with pytest.raises(BenchwrightError, match=r"openimages-mlperf\.json:2: .*no JSON"):
        read_dataset(tmp_path, 3)
    write(tmp_path, "9" * 5000)
    with pytest.raises(BenchwrightError, match="no readable"):
        read_dataset(tmp_path, 3)
    write(tmp_path, "[" * 100_000)
    with pytest.raises(BenchwrightError, match="openimages-mlperf"):
        read_dataset(tmp_path, 3)
    (tmp_path / "annotations/openimages-mlperf.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BenchwrightError, match="no readable"):
        read_dataset(tmp_path, 3)
    (tmp_path / "annotations/openimages-mlperf.json").unlink()
    with pytest.raises(BenchwrightError, match=r"no readable openimages-mlperf\.json"):
        read_dataset(tmp_path, 3)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_stands_there_it_is_read_or_explained(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    truth = copy.deepcopy(TRUTH)
    name = data.draw(st.sampled_from(sorted(TRUTH)))
    key = data.draw(st.sampled_from([*TRUTH[name][0], "new"]))
    truth[name][0][key] = data.draw(_values)
    folder = tmp_path_factory.mktemp("set")
    (folder / "annotations").mkdir()
    (folder / "annotations/openimages-mlperf.json").write_text(json.dumps(truth))
    told = "openimages-mlperf.json"
    try:
        read_annotations(folder, 3)
    except BenchwrightError as error:
        told = str(error)
    assert "openimages-mlperf.json" in told


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Picture]:
    """Writes a random picture and describes it."""

    def make(width: int, height: int, name: str = "a.jpg", **options: Any) -> Picture:
        random = np.random.default_rng(width)
        small = Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(tmp_path / name, **options)
        return Picture(1, tmp_path / name, width, height)

    return make


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (64, 64), (31, 77), (1024, 683)])
def test_preprocessing_equals_the_reference_steps(
    picture: Callable[..., Picture], size: tuple[int, int]
) -> None:
    cv2 = pytest.importorskip("cv2")
    made = picture(*size, quality=80)
    image = np.array(cv2.imread(str(made.path)), np.float32)[..., ::-1]
    image = cv2.resize(image, (64, 64), interpolation=cv2.INTER_LINEAR)
    image /= 255.0
    found = network_input(made, 64)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, image.transpose(2, 0, 1))


def test_preprocessing_by_hand(tmp_path: Path) -> None:
    """Half the width, the same height: each value is the mean of two neighbours."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, :, 0] = [0, 255, 51, 102]
    pixels[1, :, 2] = [10, 20, 30, 45]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = network_input(Picture(1, tmp_path / "a.png", 4, 2), 2)
    expected = np.zeros((3, 2, 2))
    expected[0, 0] = [127.5 / 255, 76.5 / 255]
    expected[2, 1] = [15 / 255, 37.5 / 255]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_orientation_is_taken_from_exif_as_opencv_does(picture: Callable[..., Picture]) -> None:
    cv2 = pytest.importorskip("cv2")
    exif = Image.Exif()
    exif[0x0112] = 6
    made = picture(30, 20, exif=exif)
    turned = Picture(1, made.path, 20, 30)
    image = cv2.imread(str(made.path))[..., ::-1].astype(np.float32)
    assert image.shape == (30, 20, 3)
    found = network_input(turned, 16)
    expected = cv2.resize(image, (16, 16), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected / 255, rtol=1e-6)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    plain = picture(30, 20, name="b.jpg", xmp=xmp)
    assert network_input(plain, 16).shape == (3, 16, 16)


def test_a_picture_of_another_size_or_damaged_is_named(picture: Callable[..., Picture]) -> None:
    made = picture(40, 30)
    with pytest.raises(BenchwrightError, match=r"a\.jpg: this picture has 40x30 pixels") as told:
        network_input(Picture(9, made.path, 30, 40), 16)
    assert "30x40 of it (id 9)" in str(told.value)
    made.path.write_bytes(made.path.read_bytes()[:-200])
    with pytest.raises(BenchwrightError, match=r"a\.jpg: this image cannot be read"):
        network_input(made, 16)
