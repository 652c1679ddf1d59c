"""A project in a folder of its own, and the real command line run in it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.testing import project as kit
from benchwright.testing.project import LIMIT_SECONDS as LIMIT_SECONDS
from benchwright.testing.project import Outcome as Outcome
from benchwright.testing.project import finish as finish
from benchwright.testing.project import script as script

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent

QUICK = """\
round: v3.1
division: open
category: edge
duration: quick
preset: tiny
benchmarks: [resnet50]
backends: [onnxruntime]
scenarios: [SingleStream]
settings: {SingleStream: {expected_latency_ms: 0.02}}
"""
"""The smallest campaign with a performance run; the pin keeps it VALID on a busy machine."""

SUBJECT = "resnet50-tiny/onnxruntime"
PRODUCTS = [
    "loadgen",
    "system",
    "dataset:resnet50-tiny",
    "preprocess:resnet50-tiny",
    "model:resnet50-tiny",
    f"engine:{SUBJECT}",
]
RUNS = [f"performance:{SUBJECT}/SingleStream", f"accuracy:{SUBJECT}/SingleStream"]
LAST = ["submission", "check", "package", "report"]
TASKS = [*PRODUCTS, *RUNS, *LAST]
"""Every task of QUICK, in order."""


MADE = ("executed", "restored")


def made(outcome: Outcome) -> list[str]:
    """The tasks whose files are new: executed, or restored from the store; in the order in which
    they were made, but those that wait for the submission alone as in `LAST`."""
    names = [name for name, status in outcome.statuses.items() if status in MADE]
    last = [name for name in LAST if name in names]
    return [name for name in names if name not in last] + last


def together(one: Outcome, other: Outcome) -> Outcome:
    """What two processes did of the same tasks at the same time, each task by one of them."""
    assert other.code == one.code, other.err
    assert "Traceback" not in other.err, other.err
    rows, others = one.json, other.statuses
    twice = [row["task"] for row in rows if {row["status"], others[row["task"]]} <= {*MADE}]
    assert not twice, f"made by both: {twice}"
    for row in rows:
        if others[row["task"]] in MADE:
            row["status"] = others[row["task"]]
    return Outcome(one.code, json.dumps(rows), one.err)


@dataclass
class Project(kit.Project):
    """A vendor's temporary project, and what only these tests ask of one. jobs: options of every
    build; paired: each build is made by two processes at once."""

    jobs: tuple[str, ...] = ()
    paired: bool = False

    def beside(self, name: str) -> Project:
        """Another folder with the same campaign, environment and plugins; nothing is built."""
        other = Project(self.folder.with_name(name), dict(self.env), list(self.path))
        other.started = self.started
        other.campaign((self.folder / "benchwright.yaml").read_text(encoding="utf-8"))
        return other

    def change(self, old: str, new: str) -> None:
        """Replaces a part of the campaign file, which must be there."""
        text = (self.folder / "benchwright.yaml").read_text(encoding="utf-8")
        assert old in text
        self.campaign(text.replace(old, new))

    def doit(self, *arguments: str, code: int | None = 0) -> Outcome:
        """`doit …`."""
        return self.call([*script("doit"), *arguments], code=code)

    def run(self, *tasks: str, code: int | None = 0, **options: Any) -> Outcome:
        """`benchwright run --json …`; of a pair of processes, what the two did together."""
        if not self.paired:
            return super().run(*self.jobs, *tasks, code=code, **options)
        # Asked for twice, another measurement would be made twice.
        others = [task for task in tasks if task != "--rerun"]
        second = self.start([*script("benchwright"), "run", "--json", *others], **options)
        outcome = super().run(*tasks, code=code, **options)
        return together(outcome, finish(second))

    def explain(self, task: str) -> dict[str, Any]:
        """`benchwright explain --json TASK` of one task."""
        (answer,) = self.benchwright("explain", "--json", task).json
        assert isinstance(answer, dict)
        return answer

    def file(self, *parts: str) -> Path:
        """A path below build/default."""
        return self.folder.joinpath("build", "default", *parts)

    @property
    def engine(self) -> Path:
        """The engine's file."""
        return self.file("engines", SUBJECT, "main.onnx")

    def hidden(self) -> list[Path]:
        """Partial, replaced and lock files: there may be none when nothing runs."""
        found = (self.folder / "build").rglob(".*")
        return [path for path in found if not path.name.startswith(".benchwright-")]

    def snapshot(self) -> dict[str, tuple[int, int]]:
        """Inode and time of change of every file that was built; doit's records and what start-up
        remembers are left out, which any reader may touch."""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in (self.folder / "build").rglob("*")
            if path.is_file() and "/.benchwright-" not in str(path)
        }


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Waits until a condition holds and returns its value."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def session_members(leader: int) -> Iterator[int]:
    """The processes of the session that a command was started in, zombies left out."""
    import psutil

    for process in psutil.process_iter(["pid", "status"]):
        try:
            if process.info["status"] != psutil.STATUS_ZOMBIE and os.getsid(process.pid) == leader:
                yield process.pid
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
