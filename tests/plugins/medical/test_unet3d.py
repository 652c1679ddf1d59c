"""The benchmark 3d-unet: official data in miniature, synthetic data, responses, scoring."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from benchwright.contracts.source import Download
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright.rounds import load_round
from benchwright_medical import kits, synthetic
from benchwright_medical.descriptors import unet3d
from benchwright_medical.kits19 import VOLUMES, Volume
from benchwright_medical.network import OFFICIAL, weight_shapes
from benchwright_medical.unet3d import UNet3d, encode_volumes
from benchwright_medical.volumes import Window, image_input, label_volume

INFO = unet3d("3d-unet-99", 0.99)
WINDOW = Window(24)
"""The tiny preset's."""


def put(root: Path, name: str, shape: tuple[int, int, int], seed: int = 0) -> kits.Case:
    draw = np.random.default_rng(seed)
    case = kits.Case(name, root / name)
    case.folder.mkdir(parents=True)
    spacing = (3.2, 2.4, 2.4)
    kits.write_volume(case.image, draw.integers(-200, 400, shape, np.int16), spacing)
    kits.write_volume(case.segmentation, draw.integers(0, 3, shape, np.uint8), spacing)
    return case


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data set"
    cases = [
        put(folder, "case_00001", (12, 13, 18), 1),
        put(folder, "case_00000", (10, 12, 12), 2),
    ]
    kits.write_list(folder, [case.name for case in cases])
    return folder


def labels(dataset: Path) -> list[np.ndarray]:
    return [
        label_volume(kits.read_labels(case), kits.read_geometry(case).spacing, WINDOW)
        for case in kits.read_cases(dataset)
    ]


def test_samples_are_ragged_volumes_in_the_order_of_the_list(dataset: Path, tmp_path: Path) -> None:
    benchmark = UNet3d()
    assert benchmark.validate_dataset("tiny", dataset) == 2
    (tmp_path / "samples").mkdir()
    inputs = benchmark.program("tiny").inputs
    with SampleWriter(tmp_path / "samples", inputs, 2) as writer:
        benchmark.preprocess("tiny", dataset, writer, silent)
    found = SampleStore.open(tmp_path / "samples").load([0, 1]).ragged["input"]
    assert [sample.shape for sample in found] == [(1, 24, 24, 36), (1, 24, 24, 24)]
    for case, sample in zip(kits.read_cases(dataset), found, strict=True):
        expected = image_input(kits.read_image(case), kits.read_geometry(case).spacing, WINDOW)
        assert (sample == expected).all()


def test_a_response_is_the_volume_byte_by_byte() -> None:
    first = np.arange(8).reshape(2, 2, 2).transpose(2, 1, 0)
    encoded = encode_volumes([[first, np.full((1, 1, 3), 2)]], np.array([4, 0]))
    # The last axis runs fastest, in the turned array's own order.
    assert [row.tobytes().hex() for row in encoded] == ["0004020601050307", "020202"]
    assert all(row.dtype == np.uint8 and row.flags.c_contiguous for row in encoded)


def test_the_right_answer_scores_one(dataset: Path) -> None:
    entries = [Entry(0, 1, labels(dataset)[1].tobytes()), Entry(1, 0, labels(dataset)[0].tobytes())]
    score = UNet3d().score("tiny", dataset, entries)
    assert score.values == {"DICE": 1.0}
    assert score.samples == 2
    assert score.text == "Accuracy: mean = 1.00000, kidney = 1.0000, tumor = 1.0000\n"


def test_a_score_by_hand(dataset: Path) -> None:
    label = labels(dataset)[1]
    half = label.copy()
    half[half == 2] = 0
    score = UNet3d().score("tiny", dataset, [Entry(0, 1, half.tobytes())])
    assert score.values["DICE"] == pytest.approx(0.5, abs=1e-6)
    assert score.text == "Accuracy: mean = 0.50000, kidney = 1.0000, tumor = 0.0000\n"
    pattern = load_round("v3.1").accuracy_patterns["DICE"]
    found = re.match(pattern, score.text)
    assert found is not None
    assert float(found[1]) == 0.5


def test_a_second_response_for_a_sample_does_not_count(dataset: Path) -> None:
    right = labels(dataset)[0].tobytes()
    entries = [Entry(0, 0, right), Entry(1, 0, bytes(len(right)))]
    assert UNet3d().score("tiny", dataset, entries).values == {"DICE": 1.0}


@pytest.mark.parametrize(
    "data", [b"", b"\0", bytes(24**3 - 1), struct.pack("<I", 3) + bytes(24**3 - 4)]
)
def test_a_response_that_is_no_volume_is_told(dataset: Path, data: bytes) -> None:
    with pytest.raises(BenchwrightError, match="sample 1 cannot be scored"):
        UNet3d().score("tiny", dataset, [Entry(0, 1, data)])


def test_an_index_outside_the_data_set_is_told(dataset: Path) -> None:
    with pytest.raises(BenchwrightError, match="sample 2 cannot be scored"):
        UNet3d().score("tiny", dataset, [Entry(0, 2, b"")])


def test_the_official_data_set_is_laid_out_from_its_downloads(tmp_path: Path) -> None:
    """Forty-three cases of the official form, a few voxels each, where the downloads would lie."""
    preset = INFO.presets["official"]
    put(tmp_path, "any", (2, 3, 2))
    files = {"imaging.nii.gz": "imaging", "segmentation.nii.gz": "segmentation"}
    sources = {}
    for source in preset.dataset:
        assert isinstance(source, Download)
        (end,) = (file for file in files if source.name.endswith(f"-{file}"))
        sources[source.name] = tmp_path / "any" / end
    out = tmp_path / "out"
    benchmark = UNet3d()
    benchmark.assemble_dataset("official", sources, out, silent)
    assert benchmark.validate_dataset("official", out) == preset.sample_count == 43
    assert {case.folder.name for case in kits.read_cases(out)} == {v.case for v in VOLUMES}


def test_official_sources_are_addressed_and_checked() -> None:
    preset = INFO.presets["official"]
    sources = {source.name: source for source in preset.dataset if isinstance(source, Download)}
    assert len(sources) == len(preset.dataset) == 84
    image = sources["case_00206-imaging.nii.gz"]
    assert image.urls[0].endswith("/images/case_00206.nii.gz")
    assert image.urls[1].endswith("/master_00206.nii.gz")
    for name, source in sources.items():
        if name.endswith("-segmentation.nii.gz"):
            assert source.checksum is not None
            assert f"/data/{name[:10]}/" in source.urls[0]
    (model,) = preset.model
    assert isinstance(model, Download)
    assert str(model.checksum) == "md5:82f0618fde78f9839e7c712274019b4a"


def test_the_official_window_through_the_same_code(tmp_path: Path) -> None:
    put(tmp_path, "case_00009", (66, 64, 64))
    kits.write_list(tmp_path, ["case_00009"])
    benchmark = UNet3d()
    (tmp_path / "samples").mkdir()
    with SampleWriter(tmp_path / "samples", benchmark.program("official").inputs, 1) as writer:
        benchmark.preprocess("official", tmp_path, writer, silent)
    (sample,) = SampleStore.open(tmp_path / "samples").load([0]).ragged["input"]
    assert sample.shape == (1, 128, 128, 128)
    (case,) = kits.read_cases(tmp_path)
    label = label_volume(kits.read_labels(case), (3.2, 2.4, 2.4), Window(128))
    score = benchmark.score("official", tmp_path, [Entry(0, 0, label.tobytes())])
    assert score.values == {"DICE": 1.0}


def test_the_programs_of_official_and_synthetic_are_alike() -> None:
    official, synthetic_ = (UNet3d().program(name) for name in ("official", "synthetic"))
    (one,), (other,) = official.graphs, synthetic_.graphs
    assert (one.inputs, one.outputs, one.onnx) == (other.inputs, other.outputs, other.onnx)
    assert official.ragged
    (spec,) = official.graphs[0].inputs
    assert (spec.name, spec.shape) == ("input", ("N", 1, 128, 128, 128))


def test_the_official_network_has_its_size() -> None:
    shapes = dict(weight_shapes(OFFICIAL))
    assert sum(math.prod(shape) for shape in shapes.values()) == 31_190_243
    assert shapes["upsample.4.conv1.0.weight"] == (32, 64, 3, 3, 3)
    assert shapes["upsample.1.upsample_conv.0.weight"] == (320, 256, 2, 2, 2)


def test_synthetic_volumes_have_real_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def windows(shape: tuple[int, int, int]) -> int:
        sides = [max(128, synthetic.COARSER * size) for size in shape]
        fitted = [side - side % 64 + (64 if side % 64 >= 32 else 0) for side in sides]
        return math.prod(side // 64 - 1 for side in fitted)

    counts = {volume.case: windows(synthetic.grid(volume)) for volume in VOLUMES}
    # The last case is another one once more.
    assert sum(counts.values()) + counts["case_00185"] == pytest.approx(64.2 * 43, abs=1)
    assert [counts[case] for case in synthetic.STAND_INS] == [16, 45, 50, 96, 125]
    assert len(synthetic.STAND_INS) == INFO.presets["synthetic"].sample_count

    small = Volume(synthetic.STAND_INS[0], (38, 200, 512), (5.0, 0.75, 0.5), "", 0)
    monkeypatch.setattr(synthetic, "VOLUMES", (small,))
    synthetic.write_dataset(tmp_path / "out", silent)
    (case,) = kits.read_cases(tmp_path / "out")
    geometry = kits.read_geometry(case)
    image = image_input(kits.read_image(case), geometry.spacing, Window(128))
    assert image.shape == (1, 128, 128, 192)
    assert np.unique(kits.read_labels(case)).tolist() == [0, 1, 2]


def test_both_qualities_share_the_family() -> None:
    other = unet3d("3d-unet-99.9", 0.999)
    assert (INFO.family, other.family) == ("3d-unet", "3d-unet")
    assert (INFO.quality, other.quality) == (0.99, 0.999)
    assert INFO.presets["synthetic"].speed_only
    assert INFO.presets["official"].official
