"""Trees to check: one of each kind is written once; tests that change one get a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchwright_mlperf.formatter import MlperfFormatter
from plugins.mlperf.fabricate import Workshop

TreeOf = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Real logs, made as they are needed."""
    return Workshop(tmp_path_factory.mktemp("mlperf-logs"))


@pytest.fixture(scope="session")
def written(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> TreeOf:
    """The tree of a round and division, for reading only."""
    made: dict[tuple[str, str], Path] = {}

    def tree(round_name: str, division: str) -> Path:
        key = (round_name, division)
        if key not in made:
            made[key] = tmp_path_factory.mktemp(f"tree-{round_name}-{division}") / "tree"
            made[key].mkdir()
            MlperfFormatter().write(workshop.submission(round_name, division), made[key])
        return made[key]

    return tree


@pytest.fixture
def copied(written: TreeOf, tmp_path: Path) -> TreeOf:
    """A copy of such a tree, to be spoilt."""

    def tree(round_name: str, division: str) -> Path:
        target = tmp_path / f"{round_name}-{division}"
        shutil.copytree(written(round_name, division), target, symlinks=True)
        return target

    return tree
