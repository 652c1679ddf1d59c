"""doit's records in SQLite: write-ahead log, one small transaction for each finished task.

A process that is killed forgets at most the task in flight, and several processes may use one
file. Named in pyproject.toml as the backend `benchwright`; plain doit uses it too.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from benchwright.errors import BenchwrightError

LAST_KEY = "deps:"
"""The key that doit's `save_success` sets last: the task's record is then complete."""

_WAIT_SECONDS = 60.0


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns the write-ahead log on. Of processes that do so in the same moment SQLite refuses all
    but one at once, whatever their timeout."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)


class StateBackend:
    """A doit dependency backend (the interface of doit.dependency.DbmDB)."""

    def __init__(self, name: str, codec: Any, *, module_name: str | None = None) -> None:
        self.name = name
        self.codec = codec
        self._cache: dict[str, dict[str, Any]] = {}
        self._dirty: set[str] = set()
        self._read: dict[str, str] | None = None
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            self._connection = self._start_anew(error)

    def _open(self) -> sqlite3.Connection:
        """Opens the file, which is made when it is missing. What cannot be helped is explained;
        other sqlite3 errors mean that the file is no database."""
        folder = Path(self.name).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # isolation_level=None: every statement is its own transaction unless we begin one.
            connection = sqlite3.connect(self.name, timeout=_WAIT_SECONDS, isolation_level=None)
            _use_wal(connection)
            connection.execute("pragma synchronous = normal")
            connection.execute(
                "create table if not exists task (name text primary key, record text not null)"
                " without rowid"
            )
        except (sqlite3.OperationalError, OSError) as error:
            raise self._explained("opened", error) from error
        return connection

    def _start_anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Sets a damaged file aside and begins an empty one."""
        aside = f"{self.name}.damaged"
        print(
            f"warning: {self.name}: the build records are damaged and begin anew ({error}); "
            f"they are kept as {aside}; finished work is recognised by its manifests",
            file=sys.stderr,
        )
        os.replace(self.name, aside)
        for end in ("-wal", "-shm"):
            Path(f"{self.name}{end}").unlink(missing_ok=True)
        return self._open()

    def _read_all(self) -> dict[str, str]:
        # All at once: 10,000 questions cost ten times what one answer of 10,000 rows does.
        try:
            return dict(self._do("select name, record from task").fetchall())
        except sqlite3.DatabaseError as error:
            self._connection.close()
            self._connection = self._start_anew(error)
            return {}

    def _do(self, statement: str, *values: str) -> sqlite3.Cursor:
        """One statement; BenchwrightError where disk or permissions forbid it."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise self._explained("read or written", error) from error

    def _explained(self, done: str, error: Exception) -> BenchwrightError:
        folder = Path(self.name).parent
        shut = folder.exists() and not os.access(folder, os.W_OK)
        return BenchwrightError(
            f"the build records cannot be {done}",
            where=self.name,
            why=f"{error}; {folder} is read-only" if shut else str(error),
            fix="give yourself permission to write there, or build in another folder"
            if shut
            else "free disk space or mend permissions and run again: finished work is kept, and "
            "recognised by its manifests even without this file",
        )

    def _decode(self, text: str | None) -> dict[str, Any]:
        """A record; empty when there is none or it is damaged: the task is then looked at."""
        try:
            record = self.codec.decode(text) if text else {}
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}

    def _record(self, task: str) -> dict[str, Any]:
        record = self._cache.get(task)
        if record is None:
            if self._read is None:
                self._read = self._read_all()
            record = self._cache[task] = self._decode(self._read.pop(task, None))
        return record

    def refresh(self, task: str) -> None:
        """Reads a task's record again: another process may have finished it since."""
        if task not in self._dirty:
            row = self._do("select record from task where name = ?", task).fetchone()
            self._cache[task] = self._decode(row[0] if row else None)

    def get(self, task_id: str, dependency: str) -> Any:
        """The value saved under a task, or None."""
        return self._record(task_id).get(dependency)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Saves a value; the task's record is written when doit has set its last key."""
        self._record(task_id)[dependency] = value
        self._dirty.add(task_id)
        if dependency == LAST_KEY:
            self._write(task_id)

    def _write(self, task: str) -> None:
        # Not tried again when it fails: the error itself ends the build.
        self._dirty.discard(task)
        record = self.codec.encode(self._cache[task])
        self._do("insert or replace into task values (?, ?)", task, record)

    def in_(self, task_id: str) -> bool:
        """Whether anything is saved under a task."""
        return bool(self._record(task_id))

    def remove(self, task_id: str) -> None:
        """Forgets a task. Nothing is written where nothing is known: doit forgets each task that
        fails, which the reason of the failure (a full disk) must not turn into another one."""
        known = self.in_(task_id)
        self._cache[task_id] = {}
        self._dirty.discard(task_id)
        if known:
            self._do("delete from task where name = ?", task_id)

    def remove_all(self) -> None:
        """Forgets every task."""
        self._cache.clear()
        self._dirty.clear()
        self._read = {}
        self._do("delete from task")

    def dump(self) -> None:
        """Writes what is left and closes the file."""
        for task in sorted(self._dirty):
            self._write(task)
        self._connection.close()
