"""resnet50: data set form, preprocessing against OpenCV, encoding, scoring."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright_vision.images import Geometry, network_input, read_val_map
from benchwright_vision.resnet50 import ResNet50, encode_labels


def photo(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    """A smooth random picture, which JPEG keeps well."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path, quality=95)
    return path


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (256, 256), (300, 260), (1000, 300)])
def test_official_preprocessing_equals_the_reference_steps(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    cv2 = pytest.importorskip("cv2")
    path = photo(tmp_path / "a.jpg", size)
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    short = min(height, width)
    shape = (int(256 * width / short), int(256 * height / short))
    image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    top, left = int((image.shape[0] - 224) / 2), int((image.shape[1] - 224) / 2)
    image = image[top : top + 224, left : left + 224].astype(np.float32)
    image -= np.array([123.68, 116.78, 103.94], np.float32)
    expected = image.transpose(2, 0, 1)

    found = network_input(path, Geometry(224, 256))

    assert found.dtype == np.float32
    assert found.shape == (3, 224, 224)
    assert found.flags.c_contiguous
    # Two JPEG decoders may differ by rounding.
    assert np.abs(found - expected).max() <= 2
    assert np.mean(found != expected) < 0.05


def test_grey_and_rotated_images_are_understood(tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((8, 8), 60, np.uint8))
    grey.save(tmp_path / "grey.png")
    found = network_input(tmp_path / "grey.png", Geometry(8))
    assert found[:, 0, 0].tolist() == pytest.approx([60 - 123.68, 60 - 116.78, 60 - 103.94])

    upright = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    upright.save(tmp_path / "turned.png", exif=exif)
    turned = network_input(tmp_path / "turned.png", Geometry(8))
    assert turned[0, 0, 0] == pytest.approx(63 - 123.68)


def test_damaged_and_too_small_images_are_named(tmp_path: Path) -> None:
    path = photo(tmp_path / "cut.jpg", (64, 64))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BenchwrightError, match="cannot be read") as failure:
        network_input(path, Geometry(8))
    assert str(path) in str(failure.value)
    (tmp_path / "no.png").write_text("this is no picture")
    with pytest.raises(BenchwrightError, match=r"no\.png"):
        network_input(tmp_path / "no.png", Geometry(8))
    small = photo(tmp_path / "small.png", (7, 9))
    with pytest.raises(BenchwrightError, match="7x9 pixels"):
        network_input(small, Geometry(8))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        photo(folder / f"{number}.png", (8, 8), number)
    (folder / "val_map.txt").write_text("0.png 3\n1.png 0\n\n2.png 9\n")
    return folder


def test_val_map_is_read_in_order(dataset: Path) -> None:
    images = read_val_map(dataset, 10)
    assert [(image.path.name, image.label) for image in images] == [
        ("0.png", 3),
        ("1.png", 0),
        ("2.png", 9),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0.png 3\nmissing.png 1\n", r"val_map\.txt:2: the image missing\.png is missing"),
        ("0.png\n", r"val_map\.txt:1: this line is not `path label`"),
        ("0.png ²\n", r"val_map\.txt:1: this line is not `path label`"),
        ("0.png three\n", r"val_map\.txt:1: this line is not `path label`"),
        ("0.png 10\n", r"val_map\.txt:1: label 10 is out of range"),
        ("../0.png 1\n", r"val_map\.txt:1: an image must lie inside"),
        ("/etc/passwd 1\n", r"val_map\.txt:1: an image must lie inside"),
        ("\n\n", "names no image"),
    ],
)
def test_a_wrong_val_map_is_explained(dataset: Path, text: str, told: str) -> None:
    (dataset / "val_map.txt").write_text(text)
    with pytest.raises(BenchwrightError, match=told):
        ResNet50().validate_dataset("tiny", dataset)


def test_a_missing_or_binary_val_map_is_explained(dataset: Path) -> None:
    (dataset / "val_map.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchwrightError, match="no readable val_map"):
        read_val_map(dataset, 10)
    (dataset / "val_map.txt").unlink()
    with pytest.raises(BenchwrightError, match="no readable val_map"):
        read_val_map(dataset, 10)


def test_official_files_become_a_data_set_and_samples(tmp_path: Path) -> None:
    """The official archives in miniature: an uncompressed tar of JPEGs, and val.txt in a tar.gz."""
    pytest.importorskip("cv2")
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in (1, 2)]
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        for number, name in enumerate(names):
            archive.add(photo(tmp_path / f"{number}.jpg", (300, 260), number), arcname=name)
    labels = b"".join(f"{name} {65 + n}\n".encode() for n, name in enumerate(names))
    with tarfile.open(tmp_path / "labels.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("val.txt")
        entry.size = len(labels)
        archive.addfile(entry, io.BytesIO(labels))
    benchmark, out = ResNet50(), tmp_path / "dataset"
    sources = {
        "ILSVRC2012_img_val.tar": tmp_path / "images.tar",
        "caffe_ilsvrc12.tar.gz": tmp_path / "labels.tar.gz",
    }
    benchmark.assemble_dataset("official", sources, out, silent)
    assert benchmark.validate_dataset("official", out) == 2
    assert [image.label for image in read_val_map(out, 1000)] == [65, 66]

    samples = tmp_path / "samples"
    samples.mkdir()
    inputs = benchmark.program("official").inputs
    with SampleWriter(samples, inputs, 2) as writer:
        benchmark.preprocess("official", out, writer, silent)
    store = SampleStore.open(samples)
    assert store.fixed["input_tensor:0"].shape == (2, 3, 224, 224)
    first = network_input(out / names[0], Geometry(224, 256))
    assert np.array_equal(store.fixed["input_tensor:0"][0], first)


def test_labels_are_logged_as_one_float32_without_the_background_class() -> None:
    rows = encode_labels([np.array([1, 986, 0])], np.arange(3))
    assert rows.tobytes() == struct.pack("<3f", 0.0, 985.0, -1.0)
    # The example of the official log format: 985 is 00407644.
    assert rows[1].tobytes().hex().upper() == "00407644"


@given(st.permutations([0, 1, 2]), st.integers(0, 2))
def test_score_counts_the_first_answer_of_each_sample(order: list[int], repeated: int) -> None:
    labels = [3, 0, 9]
    with dataset_folder() as folder:
        entries = [entry(index, labels[index] if index != 1 else 5) for index in order]
        # A later, wrong answer to a sample is ignored.
        score = ResNet50().score("tiny", folder, [*entries, entry(repeated, 7)])
    assert score.samples == 3
    assert score.values == {"acc": pytest.approx(200 / 3)}
    assert score.text == "accuracy=66.667%, good=2, total=3\n"


@pytest.mark.parametrize("bad", [Entry(0, 0, b"\0"), Entry(0, 99, b"\0\0\0\0")])
def test_a_response_that_cannot_be_scored_is_an_error(dataset: Path, bad: Entry) -> None:
    with pytest.raises(BenchwrightError, match="cannot be scored"):
        ResNet50().score("tiny", dataset, [bad])


def entry(index: int, label: int) -> Entry:
    return Entry(seq_id=0, qsl_idx=index, data=struct.pack("<f", label))


class dataset_folder:
    """Three pictures with labels 3, 0, 9; hypothesis cannot use function-scoped fixtures."""

    def __enter__(self) -> Path:
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        for number in range(3):
            photo(folder / f"{number}.png", (8, 8), number)
        (folder / "val_map.txt").write_text("0.png 3\n1.png 0\n2.png 9\n")
        return folder

    def __exit__(self, *details: object) -> None:
        self._folder.cleanup()
