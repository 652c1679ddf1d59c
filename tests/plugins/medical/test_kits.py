"""Data sets in KiTS19's form: what is read, and what is refused with the file's name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright_medical import kits
from benchwright_medical.kits19 import CASES, COPIES, VOLUMES

SPACING = (3.0, 0.75, 0.75)


def put(root: Path, name: str, shape: tuple[int, int, int] = (4, 5, 6), seed: int = 0) -> kits.Case:
    """Writes one small case."""
    draw = np.random.default_rng(seed)
    folder = root / name
    folder.mkdir(parents=True)
    case = kits.Case(name, folder)
    kits.write_volume(case.image, draw.integers(-200, 400, shape, np.int16), SPACING)
    kits.write_volume(case.segmentation, draw.integers(0, 3, shape, np.uint8), SPACING)
    return case


@pytest.fixture
def case(tmp_path: Path) -> kits.Case:
    return put(tmp_path / "data set", "case_00001")


def test_a_case_is_read_as_it_was_written(case: kits.Case) -> None:
    draw = np.random.default_rng(0)
    assert kits.read_geometry(case) == kits.Geometry((4, 5, 6), SPACING)
    image = kits.read_image(case)
    assert image.dtype == np.float32
    assert (image == draw.integers(-200, 400, (4, 5, 6), np.int16)).all()
    labels = kits.read_labels(case)
    assert labels.dtype == np.uint8
    assert (labels == draw.integers(0, 3, (4, 5, 6), np.uint8)).all()


def test_a_scaled_image_is_read_in_its_units(case: kits.Case) -> None:
    image = nibabel.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.eye(4))
    image.header.set_slope_inter(2, -1000)
    nibabel.save(image, case.image)
    assert kits.read_image(case)[0, 0, :3].tolist() == [-1000, -998, -996]


def test_writing_depends_on_the_arguments_alone(tmp_path: Path) -> None:
    one, two = put(tmp_path / "1", "case_00001"), put(tmp_path / "2", "case_00001")
    assert one.image.read_bytes() == two.image.read_bytes()


def test_the_list_of_the_data_set_gives_the_order(tmp_path: Path) -> None:
    for name in ("case_00007", "case_00002", "case_00005"):
        put(tmp_path, name)
    kits.write_list(tmp_path, ["case_00007", "case_00002"])
    assert [case.name for case in kits.read_cases(tmp_path)] == ["case_00007", "case_00002"]


def test_the_official_cases_are_found_in_the_repository_of_kits19(tmp_path: Path) -> None:
    # As a clone has them: in `data`, more of them than are run, and none for the copy.
    for name in (*(volume.case for volume in VOLUMES), "case_00001"):
        put(tmp_path / "data", name, (2, 2, 2))
    found = kits.read_cases(tmp_path)
    assert len(found) == 43
    assert found[0].name == "case_00000"
    assert (found[42].name, found[42].folder.name) == ("case_00400", "case_00185")
    put(tmp_path / "data", "case_00400")
    assert kits.read_cases(tmp_path)[42].folder.name == "case_00400"


def test_the_official_list() -> None:
    assert len(set(CASES)) == 43
    assert list(CASES) == sorted(CASES)
    assert CASES[-1] in COPIES
    voxels = [size for volume in VOLUMES for size in volume.shape]
    assert max(voxels) == 834


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("{}", "no list of cases"),
        ("[]", "no list of cases"),
        ('["case_00001", 3]', "3 is not the name of a case"),
        ('["../case_00001"]', "is not the name of a case"),
        ('["case_00001", "case_00001"]', "listed twice"),
        ('["case_00002"]', r"case_00002 has no imaging\.nii\.gz"),
    ],
)
def test_a_wrong_list_is_explained(case: kits.Case, text: str, told: str) -> None:
    dataset = case.folder.parent
    (dataset / kits.CASE_LIST).write_text(text)
    with pytest.raises(BenchwrightError, match=told) as failure:
        kits.read_cases(dataset)
    assert str(dataset) in str(failure.value)


def test_a_missing_file_is_named(case: kits.Case) -> None:
    dataset = case.folder.parent
    kits.write_list(dataset, [case.name])
    case.segmentation.unlink()
    with pytest.raises(BenchwrightError, match=r"case_00001 has no segmentation\.nii\.gz"):
        kits.read_cases(dataset)


def test_damaged_volumes_are_named(case: kits.Case) -> None:
    whole = case.image.read_bytes()
    raw = gzip.decompress(whole)
    for content in (
        b"",
        b"no volume at all",
        whole[:20],
        whole[: len(whole) // 2],
        whole[:-9] + b"\xff" * 9,
        gzip.compress(raw[:200]),
        gzip.compress(raw[:400]),
        gzip.compress(b"\0" * len(raw)),
    ):
        case.image.write_bytes(content)
        with pytest.raises(BenchwrightError) as failure:
            kits.read_image(case)
        assert str(case.image) in str(failure.value)


@settings(max_examples=60)
@given(st.integers(0, 351), st.integers(0, 255))
def test_a_changed_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    case = put(tmp_path_factory.mktemp("changed"), "case_00001")
    raw = bytearray(gzip.decompress(case.image.read_bytes()))
    raw[place] = value
    case.image.write_bytes(gzip.compress(bytes(raw), 1))
    try:
        kits.read_geometry(case)
        kits.read_image(case)
    except BenchwrightError as error:
        told = str(error)
    else:
        told = str(case.folder)
    assert str(case.folder) in told


def test_shapes_that_differ_are_refused(case: kits.Case) -> None:
    kits.write_volume(case.segmentation, np.zeros((4, 5, 7), np.uint8), SPACING)
    with pytest.raises(BenchwrightError, match=r"\(4, 5, 7\) instead of \(4, 5, 6\)") as failure:
        kits.read_geometry(case)
    assert str(case.segmentation) in str(failure.value)


def test_four_axes_are_refused(case: kits.Case) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 2), np.int16), np.eye(4)), case.image)
    with pytest.raises(BenchwrightError, match="three axes"):
        kits.read_geometry(case)


def test_a_volume_without_spacing_is_refused(case: kits.Case) -> None:
    raw = bytearray(gzip.decompress(case.image.read_bytes()))
    # pixdim[1] of NIfTI-1 is at byte 80.
    raw[80:84] = b"\0" * 4
    case.image.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(BenchwrightError, match="how large a voxel is") as failure:
        kits.read_geometry(case)
    assert str(case.image) in str(failure.value)


def test_a_header_that_promises_too_much_is_refused(case: kits.Case) -> None:
    raw = bytearray(gzip.decompress(case.image.read_bytes()))
    # dim[1..3] of NIfTI-1 are at byte 42.
    raw[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    case.image.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(BenchwrightError, match="promises 27000000000000 voxels"):
        kits.read_image(case)


def test_labels_out_of_range_are_refused(case: kits.Case) -> None:
    labels = np.zeros((4, 5, 6), np.int16)
    labels[0, 0, :2] = (3, -1)
    kits.write_volume(case.segmentation, labels, SPACING)
    with pytest.raises(BenchwrightError, match=r"label 3 is out of range") as failure:
        kits.read_labels(case)
    assert str(case.segmentation) in str(failure.value)


def test_values_that_are_no_numbers_are_refused(case: kits.Case) -> None:
    values = np.zeros((4, 5, 6), np.float32)
    values[1, 2, 3] = np.nan
    kits.write_volume(case.image, values, SPACING)
    with pytest.raises(BenchwrightError, match="no numbers"):
        kits.read_image(case)


def test_the_list_is_json(tmp_path: Path) -> None:
    kits.write_list(tmp_path, ["case_00003"])
    assert json.loads((tmp_path / "inference_cases.json").read_text()) == ["case_00003"]
