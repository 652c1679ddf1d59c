"""A build that is killed, has no room or may not write: what was recorded as finished does not run
again, nothing damaged is accepted, and in the end the tree is an undisturbed build's.

`BENCHWRIGHT_LONG=1` runs 200 kills, 40 full disks and 40 read-only folders.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchwright.build import artifact
from benchwright.build.engine import STATE_FILE
from functional.synthetic.build import MEASURED, PUBLISHED, ROOT, tasks
from functional.synthetic.recipes import ACCOUNT

LONG = bool(os.environ.get("BENCHWRIGHT_LONG"))
KILLS, FULL, READ_ONLY = (200, 40, 40) if LONG else (12, 4, 4)
TESTS = Path(__file__).parents[1]
LIMIT_SECONDS = 120.0
SEED = random.SystemRandom().randrange(1 << 32)
"""Printed with a failure. The moments are the machine's own, so it repeats draws, not runs."""


class Site:
    """A folder in which the synthetic campaign is built, and what has been executed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = folder.with_name(f"{folder.name}.account")
        self.output = folder.with_name(f"{folder.name}.output")
        (folder / "build").mkdir(parents=True)
        self.account.touch()

    def start(self, file_bytes: int | None = None) -> subprocess.Popen[bytes]:
        """The build as a process of its own group; file_bytes: the largest file it may write."""
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, ACCOUNT: str(self.account)}

        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "functional.synthetic.build"],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=limit,
            )

    def build(self, file_bytes: int | None = None) -> int:
        """Builds; returns the exit code."""
        return self.start(file_bytes).wait(LIMIT_SECONDS)

    def said(self) -> str:
        """What the last build wrote."""
        return self.output.read_text(errors="replace")

    def executed(self) -> list[str]:
        """Every execution so far."""
        return self.account.read_text().splitlines()

    def recorded(self) -> set[str]:
        """The tasks that the records call finished, read from copies: opening the file itself
        would already mend what the killed process left."""
        state = self.folder / STATE_FILE
        if not state.exists():
            return set()
        with contextlib.ExitStack() as stack:
            copy = Path(f"{self.folder}.records")
            copy.mkdir()
            stack.callback(shutil.rmtree, copy)
            for path in state.parent.glob(f"{state.name}*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, copy)
            connection = sqlite3.connect(copy / state.name)
            stack.callback(connection.close)
            try:
                rows = connection.execute("select name, record from task").fetchall()
            except sqlite3.OperationalError:
                # Killed before it had made the table.
                return set()
        return {name for name, record in rows if json.loads(record).get("_values_:")}

    def tree(self) -> dict[str, str]:
        """Path → sha256 of everything that was built, leftovers included; not the records, logs
        (they tell durations) and measurements."""
        root = self.folder / ROOT
        found = {}
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if name.startswith("logs/") or (self.folder / MEASURED) in path.parents:
                continue
            if path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[name] = "folder"
        return found

    def damages(self) -> list[str]:
        """What is wrong with any artifact, every file read."""
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            folders = [Path(task["meta"]["benchwright"]["folder"]) for task in tasks()]
            return [text for text in map(artifact.damage, folders) if text is not None]
        finally:
            os.chdir(before)


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
    assert site.recorded() >= set(_names())


def test_killed_at_any_moment(tmp_path: Path, undisturbed: tuple[dict[str, str], float]) -> None:
    expected, seconds = undisturbed
    draw = random.Random(SEED)
    site = Site(tmp_path / "site-0")
    for number in range(KILLS):
        finished, before = site.recorded(), len(site.executed())
        process = site.start()
        # Late enough to be at work, and now and then too late: both must do.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.1, seconds))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        again = finished.intersection(site.executed()[before:])
        assert not again, f"seed {SEED}, kill {number}: executed again: {again}"
        if process.returncode == 0 or draw.random() < 0.25:
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
    for number in range(FULL // 4):
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
        process = site.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.2, 0.8) * seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
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


def test_published_places_are_in_the_tree(undisturbed: tuple[dict[str, str], float]) -> None:
    """The comparison above covers what is published outside the artifacts' folders."""
    tree, _ = undisturbed
    for place in PUBLISHED:
        assert any(name == Path(place).relative_to(ROOT).as_posix() for name in tree)
