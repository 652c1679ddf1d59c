"""A project in a folder of its own, and the real command line run in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
LIMIT_SECONDS = 120.0
"""Far more than anything takes here: a guard against waiting for ever, no measure of speed."""

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
LAST = ["submission", "check", "report"]
TASKS = [*PRODUCTS, *RUNS, *LAST]
"""Every task of QUICK, in order."""


MADE = ("executed", "restored")


def script(name: str) -> list[str]:
    """The command as a person types it, from the environment that runs the tests."""
    found = SCRIPTS / name
    return [str(found)] if found.exists() else [sys.executable, "-m", name]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)

    @property
    def last(self) -> str:
        """The last line of standard output."""
        return self.out.splitlines()[-1]

    @property
    def statuses(self) -> dict[str, str]:
        """Task → status of `run --json`."""
        return {row["task"]: row["status"] for row in self.json}

    @property
    def executed(self) -> list[str]:
        """The tasks that `run --json` executed, in order."""
        return [name for name, status in self.statuses.items() if status == "executed"]

    @property
    def made(self) -> list[str]:
        """The tasks whose files are new: executed, or restored from the store."""
        return [name for name, status in self.statuses.items() if status in MADE]

    def together(self, other: Outcome) -> Outcome:
        """This outcome with what another process did of the same tasks at the same time."""
        assert other.code == self.code, other.err
        assert "Traceback" not in other.err, other.err
        rows, others = self.json, other.statuses
        twice = [row["task"] for row in rows if {row["status"], others[row["task"]]} <= {*MADE}]
        assert not twice, f"made by both: {twice}"
        for row in rows:
            if others[row["task"]] in MADE:
                row["status"] = others[row["task"]]
        return Outcome(self.code, json.dumps(rows), self.err)


@dataclass
class Project:
    """A folder with a campaign; `env` and `path` (for PYTHONPATH) hold for every command, `jobs`
    for every build. paired: each build is made by two processes at once."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    jobs: tuple[str, ...] = ()
    paired: bool = False
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def beside(self, name: str) -> Project:
        """Another folder with the same campaign, environment and plugins; nothing is built."""
        other = Project(self.folder.with_name(name), dict(self.env), list(self.path))
        other.started = self.started
        other.campaign((self.folder / "benchwright.yaml").read_text(encoding="utf-8"))
        return other

    def close(self) -> None:
        """Ends what a failed test has left running, and removes the folder."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def campaign(self, text: str) -> None:
        """Writes the default campaign file."""
        self.write("benchwright.yaml", text)

    def change(self, old: str, new: str) -> None:
        """Replaces a part of the campaign file, which must be there."""
        text = (self.folder / "benchwright.yaml").read_text(encoding="utf-8")
        assert old in text
        self.campaign(text.replace(old, new))

    def environment(self) -> dict[str, str]:
        """This process's environment, with the project's own on top."""
        env = {name: value for name, value in os.environ.items() if "BENCHWRIGHT" not in name}
        inherited = env.get("PYTHONPATH")
        path = [*self.path, *([inherited] if inherited else [])]
        if path:
            env["PYTHONPATH"] = os.pathsep.join(path)
        return {**env, "BENCHWRIGHT_STORE": "off", **self.env}

    def start(self, command: Iterable[str], **options: Any) -> subprocess.Popen[str]:
        """Starts a command in a session of its own, as a terminal would."""
        process = subprocess.Popen(
            list(command),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        self.started.append(process)
        return process

    def call(self, command: Iterable[str], *, code: int | None = 0, **options: Any) -> Outcome:
        """Runs a command to its end; `code` is the exit code it must have."""
        outcome = finish(self.start(command, **options))
        assert "Traceback" not in outcome.err, outcome.err
        if code is not None:
            assert outcome.code == code, f"exit code {outcome.code}\n{outcome.err}\n{outcome.out}"
        return outcome

    def benchwright(self, *arguments: str, code: int | None = 0, **options: Any) -> Outcome:
        """`benchwright …`."""
        return self.call([*script("benchwright"), *arguments], code=code, **options)

    def doit(self, *arguments: str, code: int | None = 0) -> Outcome:
        """`doit …`."""
        return self.call([*script("doit"), *arguments], code=code)

    def run(self, *tasks: str, code: int | None = 0, **options: Any) -> Outcome:
        """`benchwright run --json …`; of a pair of processes, what the two did together."""
        command = [*script("benchwright"), "run", "--json", *self.jobs]
        if not self.paired:
            return self.call([*command, *tasks], code=code, **options)
        # Asked for twice, another measurement would be made twice.
        others = [task for task in tasks if task != "--rerun"]
        second = self.start([*command, *others], **options)
        outcome = self.call([*command, *tasks], code=code, **options)
        return outcome.together(finish(second))

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
        return [path for path in found if not path.name.startswith(".benchwright-state.db")]

    def snapshot(self) -> dict[str, tuple[int, int]]:
        """Inode and time of change of every file that was built; the records of doit are left
        out, which any reader may touch."""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in (self.folder / "build").rglob("*")
            if path.is_file() and ".benchwright-state" not in path.name
        }


def finish(process: subprocess.Popen[str]) -> Outcome:
    """Waits for a command and takes what it wrote."""
    try:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    except BaseException:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    return Outcome(process.returncode, out, err)


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
