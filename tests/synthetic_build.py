"""Synthetic builds for tests: tasks described in a JSON file, made with our own `product`.

`python -m synthetic_build [options of run_tasks]` builds tasks.json of the current folder; the
same tasks are a dodo.py's through `synthetic_dicts`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright.build.artifact import MANIFEST
from benchwright.build.recipe import Recipe
from benchwright.build.task import measurement, product

ROOT = Path(__file__).parents[1]
TASKS = "tasks.json"
DODO = """
from synthetic_build import synthetic_dicts

def task_all():
    yield from synthetic_dicts()
"""


def folder_of(task: str) -> str:
    return f"build/{task.replace(':', '/')}"


def log_of(task: str) -> str:
    return f"build/logs/{task.replace(':', '/')}.log"


def synthetic_dicts() -> list[dict[str, Any]]:
    """The tasks of tasks.json: {name: {needs, text, seconds, resources, exclusive, …}}."""
    given = json.loads(Path(TASKS).read_text("utf-8"))
    return [_task(name, how) for name, how in given.items()]


def _task(name: str, how: Mapping[str, Any]) -> dict[str, Any]:
    made = Recipe(
        task=name,
        call="synthetic_work:work",
        folder=folder_of(name),
        parameters={"text": how.get("text", "")},
        inputs={need: f"{folder_of(need)}/{MANIFEST}" for need in how.get("needs", ())},
        log=log_of(name),
        aside=how,
    )
    if how.get("measured"):
        return measurement(
            made, doc=name, files=["out.txt"], task_dep=how.get("needs", ()), seconds=1
        )
    return product(
        made,
        doc=name,
        files=["out.txt"],
        seconds=how.get("seconds", 0.1),
        resources=how.get("resources"),
        exclusive=how.get("exclusive", False),
    )


class Build:
    """A folder with a synthetic build, driven by processes of their own."""

    def __init__(self, folder: Path, tasks: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self.tasks(tasks)

    def tasks(self, tasks: Mapping[str, Mapping[str, Any]]) -> None:
        (self.folder / TASKS).write_text(json.dumps(tasks), "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        roots = (ROOT / "core", ROOT / "plugins", ROOT / "tasks", ROOT / "tests")
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, roots)),
            "TMPDIR": str(self.folder),
            "TERM": "xterm",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "synthetic_build", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def doit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Plain doit, with what a checkout's pyproject.toml says."""
        (self.folder / "dodo.py").write_text(DODO, "utf-8")
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        (self.folder / "pyproject.toml").write_text(text[text.index("[tool.doit]") :], "utf-8")
        return subprocess.run(
            [sys.executable, "-m", "doit", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *arguments: str, **named: Any) -> subprocess.Popen[str]:
        named = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **named}
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, **named
        )

    def events(self) -> list[tuple[str, str, float, int]]:
        path = self.folder / "events.log"
        if not path.exists():
            return []
        return [tuple(json.loads(line)) for line in path.read_text("utf-8").splitlines()]

    def forget_events(self) -> None:
        (self.folder / "events.log").unlink(missing_ok=True)

    def count(self, what: str) -> dict[str, int]:
        """How often each task told something."""
        found: dict[str, int] = {}
        for task, told, _, _ in self.events():
            if told == what:
                found[task] = found.get(task, 0) + 1
        return found

    def spans(self) -> dict[str, tuple[float, float]]:
        """When each task began and ended (it ran once)."""
        starts = {task: when for task, what, when, _ in self.events() if what == "start"}
        return {
            task: (starts[task], when) for task, what, when, _ in self.events() if what == "end"
        }

    def at_once(self) -> list[set[str]]:
        """The sets of tasks that ran at the same time, one for each moment a task began."""
        spans = self.spans()
        return [
            {task for task, (start, end) in spans.items() if start <= moment < end}
            for moment, _ in spans.values()
        ]

    def log(self, task: str) -> str:
        return (self.folder / log_of(task)).read_text("utf-8")

    def out(self, task: str) -> str:
        return (self.folder / folder_of(task) / "out.txt").read_text("utf-8")


def main(arguments: Sequence[str]) -> int:
    from benchwright.build.engine import run_tasks

    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("-n", "--jobs", default="0")
    parser.add_argument("--budget", default="")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    records: list[dict[str, Any]] = []
    code = run_tasks(
        synthetic_dicts(),
        given.tasks,
        keep_going=given.keep_going,
        jobs=given.jobs,
        budget=given.budget,
        quiet=given.quiet,
        records=records,
    )
    if given.json:
        print(json.dumps(records))
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
