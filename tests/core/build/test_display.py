"""What the display says of a build before it begins."""

from __future__ import annotations

import pytest

from benchwright.build.display import downloads


@pytest.mark.parametrize(
    ("known", "unknown", "told"),
    [
        (0, 0, "nothing to download"),
        (12_900_000, 0, "downloads 12.9 MB"),
        (12_900_000, 43, "downloads at least 12.9 MB; the size of 43 files is not known"),
        (5, 1, "downloads at least 5 B; the size of 1 file is not known"),
        (0, 1, "downloads 1 file of unknown size"),
        (0, 3, "downloads 3 files of unknown size"),
    ],
)
def test_downloads_of_unknown_size_are_not_told_as_nothing(
    known: int, unknown: int, told: str
) -> None:
    assert downloads(known, unknown) == told
