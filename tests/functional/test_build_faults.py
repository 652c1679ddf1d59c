"""A build that is killed, has no room or may not write: what was recorded as finished does not run
again, nothing damaged is accepted, and in the end the tree is an undisturbed build's.

`BENCHWRIGHT_LONG=1` runs 200 kills, 200 more of builds that use a store, 40 full disks, 40
read-only folders and 40 read-only stores. Every other build runs three tasks at a time.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchwright.build.store import upkeep
from benchwright.build.store.store import Store
from functional.synthetic.build import PUBLISHED, ROOT, tasks
from functional.synthetic.site import Site

pytestmark = pytest.mark.long

LONG = bool(os.environ.get("BENCHWRIGHT_LONG"))
KILLS, FULL, READ_ONLY = (200, 40, 40) if LONG else (8, 3, 3)
SEED = random.SystemRandom().randrange(1 << 32)
"""Printed with a failure. The moments are the machine's own, so it repeats draws, not runs."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """The tree of a build that nothing disturbs, and the seconds it took."""
    site = Site(tmp_path_factory.mktemp("undisturbed") / "site")
    begin = time.monotonic()
    assert site.build() == 0, site.said()
    took = time.monotonic() - begin
    assert sorted(site.executed()) == sorted(_names())
    assert site.build() == 0
    assert len(site.executed()) == len(_names()), "a build with nothing to do executed something"
    return site.tree(), took


def _names() -> list[str]:
    return [task["meta"]["benchwright"]["recipe"].task for task in tasks()]


def _finish(site: Site, expected: dict[str, str]) -> None:
    """The build after a disturbance: all must be as if there had been none."""
    finished, before = site.recorded(), len(site.executed())
    assert site.build() == 0, site.said()
    again = finished.intersection(site.executed()[before:])
    assert not again, f"recorded as finished and executed again: {again}"
    assert site.tree() == expected
    assert site.damages() == []
    # A run whose build was killed between it and its record is there, read whole each time.
    assert site.recorded() >= {*_names()} - {"run:one"}


def test_killed_at_any_moment(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    expected, seconds = undisturbed
    draw = random.Random(SEED)
    site = Site(tmp_path / "site-0")
    for number in range(KILLS):
        finished, before = site.recorded(), len(site.executed())
        # Late enough to be at work, and now and then too late: both must do.
        code = site.build_and_kill(draw.uniform(0.1, seconds))
        again = finished.intersection(site.executed()[before:])
        assert not again, f"seed {SEED}, kill {number}: executed again: {again}"
        if code == 0 or draw.random() < 0.25:
            _finish(site, expected)
            shutil.rmtree(site.folder)
            site = Site(tmp_path / f"site-{number + 1}")
    _finish(site, expected)


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[Callable[[str], None]]:
    """A small file system of its own at `folder`; yields what changes its options."""

    def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["mount", *arguments, str(folder)], capture_output=True, text=True, check=False
        )

    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    done = mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    if done.returncode != 0:
        pytest.skip(f"this machine does not let root mount: {done.stderr.strip()}")

    def change(options: str) -> None:
        done = mount("-o", f"remount,{options}")
        assert done.returncode == 0, done.stderr

    try:
        yield change
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _kilobytes(tree: Path) -> int:
    return sum(path.stat().st_blocks for path in tree.rglob("*")) // 2


def test_full_disk(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    expected, _ = undisturbed
    draw = random.Random(SEED)
    failures = 0
    for number in range(FULL):
        site = Site(tmp_path / f"site-{number}")
        with _mounted(site.folder / "build", draw.randrange(80, 700) << 10) as change:
            code = site.build()
            if code != 0:
                failures += 1
                assert code == 1, site.said()
                assert "disk is full" in site.said() or "disk I/O error" in site.said()
                assert "Traceback" not in site.said()
                # Still no room: nothing that was finished is lost by trying.
                finished, before = site.recorded(), len(site.executed())
                assert site.build() == 1
                assert not finished.intersection(site.executed()[before:])
                assert site.recorded() >= finished
            change("size=64m")
            _finish(site, expected)
    assert failures > 0, f"seed {SEED}: no disk was small enough"


def test_files_may_not_grow(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    """What stands for a full disk where nobody may mount one: a limit on the size of files."""
    expected, _ = undisturbed
    draw = random.Random(SEED)
    for number in range((FULL + 3) // 4):
        site = Site(tmp_path / f"site-{number}")
        assert site.build(file_bytes=draw.randrange(1, 90) << 10) == 1, site.said()
        assert "Traceback" not in site.said()
        _finish(site, expected)


@contextlib.contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only: for root by a mount over itself, else by its mode."""
    if os.geteuid() != 0:
        mode = folder.stat().st_mode
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(mode)
        return
    done = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"root may write anywhere, and may not mount here: {done.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_read_only_folder(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    expected, seconds = undisturbed
    draw = random.Random(SEED)
    for number in range(READ_ONLY):
        site = Site(tmp_path / f"site-{number}")
        site.build_and_kill(draw.uniform(0.2, 0.8) * seconds)
        finished, before = site.recorded(), len(site.executed())
        # The whole build with its records, the artifacts, or one layer of them.
        place = draw.choice(
            [site.folder / "build", site.folder / ROOT, site.folder / ROOT / "layer1"]
        )
        place.mkdir(parents=True, exist_ok=True)
        with _read_only(place):
            code = site.build()
            assert code in (0, 1), site.said()
            assert "Traceback" not in site.said()
            if code:
                assert "read-only" in site.said(), site.said()
        assert not finished.intersection(site.executed()[before:])
        assert site.recorded() >= finished
        _finish(site, expected)


def test_killed_while_a_store_is_used(
    tmp_path: Path, undisturbed: tuple[dict[str, str], float]
) -> None:
    """Checkouts come and go, the store stays, and is emptied now and then."""
    expected, seconds = undisturbed
    draw = random.Random(SEED)
    place = tmp_path / "store"
    for number in range(KILLS):
        site = Site(tmp_path / f"site-{number}", place)
        site.build_and_kill(draw.uniform(0.1, seconds))
        if draw.random() < 0.3:
            _finish(site, expected)
            assert upkeep.verify(Store(place), pytest.fail) == upkeep.verify(
                Store(place), pytest.fail
            )
            assert upkeep.verify(Store(place), pytest.fail).damaged == []
        if draw.random() < 0.2:
            upkeep.prune(Store(place), draw.choice([0, 60_000]), pytest.fail)
        shutil.rmtree(site.folder)
    last = Site(tmp_path / "last", place)
    _finish(last, expected)
    verified = upkeep.verify(Store(place), pytest.fail)
    assert (verified.damaged, verified.broken) == ([], [])


def test_read_only_store(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    expected, seconds = undisturbed
    draw = random.Random(SEED)
    for number in range(READ_ONLY):
        place = tmp_path / f"store-{number}"
        # A store that holds some of it.
        first = Site(tmp_path / f"first-{number}", place)
        first.build_and_kill(draw.uniform(0.4, 0.9) * seconds)
        place.mkdir(exist_ok=True)
        held = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
        site = Site(tmp_path / f"site-{number}", place)
        with _read_only(place):
            assert site.build() == 0, site.said()
            assert {path: path.read_bytes() for path in held} == held
        assert "Traceback" not in site.said()
        _finish(site, expected)


def test_full_store(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    """A store without room fails no build, and what it holds is whole."""
    expected, _ = undisturbed
    draw = random.Random(SEED)
    for number in range((FULL + 3) // 4):
        place = tmp_path / f"store-{number}"
        place.mkdir()
        site = Site(tmp_path / f"site-{number}", place)
        with _mounted(place, draw.randrange(40, 600) << 10) as change:
            place.chmod(0o755)
            assert site.build() == 0, site.said()
            _finish(site, expected)
            assert upkeep.verify(Store(place), pytest.fail).damaged == []
            change("size=64m")
            again = Site(tmp_path / f"again-{number}", place)
            _finish(again, expected)


def test_published_places_are_in_the_tree(undisturbed: tuple[dict[str, str], float]) -> None:
    """The comparison above covers what is published outside the artifacts' folders."""
    tree, _ = undisturbed
    for place in PUBLISHED:
        assert any(name == Path(place).relative_to(ROOT).as_posix() for name in tree)
