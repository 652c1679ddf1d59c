"""A project in a folder of its own, and the real command line run in it.

Nothing is imitated: `Project.benchwright(…)` starts the program that a person starts, and what a
campaign measured is read back as a person would read it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchwright.layout import CAMPAIGN_FILE
from benchwright.results import RunResult, load_result
from benchwright.testing.verdict import fail, require

LIMIT_SECONDS = 120.0
"""Far more than anything takes here: a guard against waiting for ever, no measure of speed."""

QUICK: Mapping[str, Any] = {
    "round": "v3.1",
    "division": "open",
    "category": "edge",
    "duration": "quick",
    "preset": "tiny",
}
"""What a campaign of `Project.measure` says unless it is told otherwise."""


def script(name: str) -> list[str]:
    """The command as a person types it, from the environment that runs the tests."""
    found = Path(sys.executable).parent / name
    return [str(found)] if found.exists() else [sys.executable, "-m", name]


def register(site: Path, point: str, module: str, version: str = "0") -> str:
    """Makes a module a plugin for whoever has the folder `site` on PYTHONPATH, as an installed
    package would be; returns the folder. point: the entry point's name."""
    info = site / f"benchwright_{point.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: benchwright-{point}\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[benchwright]\n{point} = {module}\n", encoding="utf-8")
    return str(site)


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


@dataclass(frozen=True)
class RunOutcome:
    """One measured run: its record, and the folder with loadgen's logs."""

    result: RunResult
    folder: Path

    def assert_valid(self) -> None:
        """Fails unless loadgen calls the run VALID and an accuracy reaches its target; says why
        not."""
        result = self.result
        require(result.valid, f"{result.task} is INVALID: {'; '.join(result.reasons)}")
        if result.mode == "accuracy":
            require(
                result.accuracy is not None and result.accuracy >= (result.accuracy_target or 0.0),
                f"{result.task}: accuracy {result.accuracy}, the target is "
                f"{result.accuracy_target}",
            )


@dataclass(frozen=True)
class CampaignOutcome:
    """What a campaign came to: how the command ended, and its runs in order."""

    outcome: Outcome
    runs: tuple[RunOutcome, ...]

    def run(self, scenario: str, mode: str = "performance", **more: str) -> RunOutcome:
        """The one run of a scenario and mode; more: `benchmark`, `backend`, `precision`."""
        wanted = {"scenario": scenario, "mode": mode, **more}
        found = [
            item
            for item in self.runs
            if all(getattr(item.result, name) == value for name, value in wanted.items())
        ]
        if len(found) != 1:
            names = ", ".join(item.result.task for item in self.runs)
            fail(f"{len(found)} runs are {wanted}; there are: {names or 'none'}")
        return found[0]

    def assert_valid(self) -> None:
        """Fails unless there are runs and every one is valid."""
        require(self.runs, f"nothing was measured\n{self.outcome.err}")
        for item in self.runs:
            item.assert_valid()


@dataclass
class Project:
    """A folder with a campaign; `env` and `path` (for PYTHONPATH) hold for every command.

    The store is off unless `env` says otherwise, so that nothing comes from elsewhere.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

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
        self.write(CAMPAIGN_FILE, text)

    def plug(self, point: str, module: str, *, source: Path | None = None) -> None:
        """Adds a plugin to this project that is not installed: `plug("acme", "benchwright_acme",
        source=Path("src"))`. source: the folder in which the module lies."""
        site = self.folder.with_name(f"{self.folder.name}-{point}-plugin")
        self.path.append(register(site, point, module))
        if source is not None:
            self.path.append(str(source.resolve()))

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
        require("Traceback" not in outcome.err, outcome.err)
        if code is not None:
            require(outcome.code == code, f"exit code {outcome.code}\n{outcome.err}\n{outcome.out}")
        return outcome

    def benchwright(self, *arguments: str, code: int | None = 0, **options: Any) -> Outcome:
        """`benchwright …`."""
        return self.call([*script("benchwright"), *arguments], code=code, **options)

    def run(self, *tasks: str, code: int | None = 0, **options: Any) -> Outcome:
        """`benchwright run --json …`."""
        return self.benchwright("run", "--json", *tasks, code=code, **options)

    def measure(self, **keys: Any) -> CampaignOutcome:
        """Writes a campaign (`QUICK` with these keys), runs all of it, and reads what was
        measured: `measure(benchmarks=["resnet50"], backends={"acme": {"streams": 2}})`.

        A task that fails fails the test; a run that is INVALID is for `assert_valid` to tell.
        """
        self.campaign(yaml.safe_dump({**QUICK, **keys}, sort_keys=False))
        outcome = self.run(code=None)
        require(outcome.code in (0, 1), outcome.err)
        failed = [name for name, status in outcome.statuses.items() if status == "failed"]
        require(not failed, f"failed: {', '.join(failed)}\n{outcome.err}")
        return CampaignOutcome(outcome, tuple(self.measured()))

    def measured(self) -> Iterator[RunOutcome]:
        """The runs that `benchwright results` knows."""
        for record in self.benchwright("results", "--json").json:
            folder = self.folder / record["path"]
            yield RunOutcome(load_result(folder), folder)


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
