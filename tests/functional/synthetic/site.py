"""A folder in which the synthetic campaign is built by processes of their own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from benchwright.build import artifact
from benchwright.build.engine import STATE_FILE
from benchwright.build.store.store import STORE_VARIABLE
from functional.synthetic.build import GENERATION, MEASURED, ROOT, tasks
from functional.synthetic.recipes import ACCOUNT

TESTS = Path(__file__).parents[2]
LIMIT_SECONDS = 120.0


class Site:
    """A folder in which the synthetic campaign is built, and what has been executed in it."""

    def __init__(self, folder: Path, store: Path | None = None) -> None:
        self.folder = folder
        self.store = store
        self.builds = 0
        self.account = folder.with_name(f"{folder.name}.account")
        self.output = folder.with_name(f"{folder.name}.output")
        (folder / "build").mkdir(parents=True)
        self.account.touch()

    def start(self, file_bytes: int | None = None, generation: str = "") -> subprocess.Popen[bytes]:
        """The build as a process of its own group; file_bytes: the largest file it may write;
        generation: see `build`."""
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        store = "off" if self.store is None else str(self.store)
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            ACCOUNT: str(self.account),
            STORE_VARIABLE: store,
            GENERATION: generation,
        }
        self.builds += 1
        jobs = "3" if self.builds % 2 else "0"

        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "functional.synthetic.build", jobs],
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

    def build_and_kill(self, seconds: float) -> int:
        """Builds, and kills the process and its group after a while if it has not ended by then;
        returns the exit code."""
        process = self.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    def said(self) -> str:
        """What its builds wrote."""
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
