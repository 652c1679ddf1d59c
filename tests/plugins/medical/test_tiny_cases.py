"""How the tiny preset's cases are made, on a brain of our own."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from benchwright import training
from benchwright_medical import kits
from benchwright_medical.tiny import brain


@pytest.fixture(scope="module")
def sphere() -> brain.Brain:
    """White matter in a shell of grey matter, twice, in a block as large as a part's."""
    z, y, x = np.ogrid[:110, :100, :100]
    radius = np.sqrt((z - 55) ** 2 + (y - 50) ** 2 + (x - 50) ** 2)
    tissue = np.where(radius < 30, 2, np.where(radius < 42, 1, 0)).astype(np.uint8)
    return brain.Brain((tissue * 0.4).astype(np.float32), tissue)


def test_cases_are_seeded(sphere: brain.Brain) -> None:
    one, two = (list(brain.scans(sphere, 2, 7)) for _ in range(2))
    other = list(brain.scans(sphere, 2, 8))
    assert all((a.image == b.image).all() for a, b in zip(one, two, strict=True))
    assert one[0].image.shape != other[0].image.shape or one[0].spacing != other[0].spacing


def test_cases_hold_both_tissues_at_the_stated_sizes(sphere: brain.Brain) -> None:
    for scan in brain.scans(sphere, 4, 1):
        assert scan.image.dtype == np.int16
        assert scan.label.shape == scan.image.shape
        assert min((scan.label == tissue).mean() for tissue in (1, 2)) >= 0.1
        for size, edge, target in zip(scan.image.shape, scan.spacing, (1.6, 1.2, 1.2), strict=True):
            assert 22 * target - edge <= size * edge <= 41 * target + edge
        # Brighter tissue is brighter in the scan.
        means = [scan.image[scan.label == tissue].mean() for tissue in (0, 1, 2)]
        assert means == sorted(means)


def test_a_part_is_cut_off_before_anything_is_blurred(sphere: brain.Brain) -> None:
    part = sphere.between((0, 70))
    changed = brain.Brain(sphere.t1.copy(), sphere.tissue.copy())
    changed.t1[:, 70:] = 9
    first, second = (next(brain.scans(b.between((0, 70)), 1, 3)) for b in (sphere, changed))
    assert part.t1.shape == (110, 70, 100)
    assert (first.image == second.image).all()


def test_the_archive_depends_on_the_cases_alone(sphere: brain.Brain, tmp_path: Path) -> None:
    scans = list(brain.scans(sphere, 2, 5))
    packed = []
    for name in ("one", "two"):
        brain.write(scans, tmp_path / name)
        packed.append(training.pack(training.members(tmp_path / name)))
    assert packed[0] == packed[1]
    (tmp_path / "a.tar.gz").write_bytes(packed[0])
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert sorted(archive.getnames())[:2] == ["NOTICE", "case_00000/imaging.nii.gz"]
    cases = kits.read_cases(tmp_path / "one")
    assert (kits.read_image(cases[1]) == scans[1].image).all()
    assert (kits.read_labels(cases[1]) == scans[1].label).all()
    assert kits.read_geometry(cases[1]).spacing == scans[1].spacing
