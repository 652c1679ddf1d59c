"""What a person sees while tasks run: one line a task, and what runs at this moment.

On a terminal the running tasks are drawn below the finished ones and redrawn in place; elsewhere
there are only plain lines. All of it goes to standard error, so that standard output stays for
results.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from benchwright.build.console import Audience, own_stderr
from benchwright.progress import Follower, ProgressCallback, TaskProgress

_REDRAW_SECONDS = 0.25
_MEASURING_SECONDS = 1.0
"""While a measured run has the machine, the display keeps still for longer."""

_FOLLOW_SECONDS = 0.1
"""How often a program is told how far a task is."""

_SHOWN_TASKS = 16
_BAR = 20
_UP_AND_ERASE = "\x1b[{}A\r\x1b[J"


def duration(seconds: float) -> str:
    """`0.3 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def downloads(known_bytes: float, unknown: int) -> str:
    """What is to be fetched: so many bytes, and so many files of which nobody knows the size."""
    if not unknown:
        return f"downloads {size(known_bytes)}" if known_bytes else "nothing to download"
    files = f"{unknown} file{'s' if unknown > 1 else ''}"
    if not known_bytes:
        return f"downloads {files} of unknown size"
    return f"downloads at least {size(known_bytes)}; the size of {files} is not known"


def size(count: float) -> str:
    """Bytes in decimal units: `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@dataclass(slots=True)
class _Running:
    """A task that runs: seconds as estimated; done and total in its own unit."""

    begin: float
    seconds: float
    exclusive: bool
    done: int = 0
    total: int | None = None
    told: str = ""


@dataclass(slots=True)
class Forecast:
    """How long a build still takes, from estimates that are corrected by what was measured.

    Estimates of products are guesses, so their errors carry over to those that follow; a
    measured run's duration is its own.
    """

    jobs: int = 1
    left: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """Task → (estimated seconds, exclusive), of those that have not begun."""
    estimated: float = 1.0
    measured: float = 1.0
    """Both begin with a second of trust in the estimates."""

    def learn(self, estimated: float, measured: float) -> None:
        """A product that was estimated to take so long has taken so long."""
        self.estimated += estimated
        self.measured += measured

    @property
    def factor(self) -> float:
        """How much longer products take than estimated."""
        return self.measured / self.estimated

    def seconds(self, running: Mapping[str, _Running], now: float) -> float:
        """Seconds until all is done."""
        alone = sum(seconds for seconds, exclusive in self.left.values() if exclusive)
        shared = self.factor * sum(s for s, exclusive in self.left.values() if not exclusive)
        rest = [self._rest(task, now) for task in running.values()]
        return alone + max([*rest, (shared + sum(rest)) / max(1, self.jobs)], default=0.0)

    def _rest(self, task: _Running, now: float) -> float:
        passed = now - task.begin
        if task.total and task.done and passed > 1:
            return passed * max(0, task.total - task.done) / task.done
        return max(0.0, task.seconds * (1 if task.exclusive else self.factor) - passed)


class Lines(Audience):
    """The account of a build on standard error. jobs: how many tasks may run at a time; follower:
    a program that is told too."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        jobs: int = 1,
        stream: TextIO | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.jobs = jobs
        self._follower = follower
        self._quiet = quiet
        self._own = stream is None
        self._stream = own_stderr() if stream is None else stream
        self._done = 0
        self._total = 0
        self._running: dict[str, _Running] = {}
        self._forecast = Forecast()
        self._lock = threading.RLock()
        self._drawn = 0
        self._paused = 0
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None
        self._last_started = ""
        self.live = not quiet and self._stream.isatty() and os.environ.get("TERM", "") != "dumb"
        self._colour = self.live and not os.environ.get("NO_COLOR")

    # What is said once

    def write(self, text: str) -> None:
        """A line above what runs, unless quiet."""
        if not self._quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """A line above what runs, also when quiet."""
        with self._lock:
            self._erase()
            # A reader that has gone ends neither the build nor its record.
            with contextlib.suppress(OSError):
                self._stream.write(f"{text}\n")
                self._stream.flush()
            self._draw()

    def estimate(self, due: Mapping[str, Mapping[str, Any]], total: int) -> None:
        """What is about to happen: how many tasks, how long, how much disk and downloads.

        due: our part of the meta of each task that is due, by name.
        """
        self._total = len(due)
        self._forecast = Forecast(
            self.jobs,
            {
                name: (float(meta.get("seconds", 1.0)), bool(meta.get("exclusive")))
                for name, meta in due.items()
            },
        )
        seconds = self._forecast.seconds({}, 0)
        disk = sum(int(meta.get("disk_bytes", 0)) for meta in due.values())
        fetched, unknown = (
            sum(int(meta.get(key, 0)) for meta in due.values())
            for key in ("download_bytes", "unknown_downloads")
        )
        self.write(
            f"{len(due)} of {total} tasks to run, about {duration(seconds)}; "
            f"disk up to {size(disk)}; {downloads(fetched, unknown)}"
        )

    # What happens to tasks

    def started(self, task: str, meta: Mapping[str, Any] | None = None) -> None:
        """A task begins."""
        meta = meta or {}
        self._forecast.left.pop(task, None)
        seconds, exclusive = float(meta.get("seconds", 1.0)), bool(meta.get("exclusive"))
        with self._lock:
            self._running[task] = _Running(time.monotonic(), seconds, exclusive)
            self._last_started = task
            self._done += 1
            self.tell(task, "started")
            if self.live:
                self._erase()
                self._draw()
                self._tick()
            else:
                self.write(f"[{self._done}/{max(self._total, self._done)}] {task}")

    def ended(self, task: str, status: str) -> float:
        """A task has ended; returns its seconds."""
        with self._lock:
            began = self._running.pop(task, None)
            if began is None:
                return 0.0
            seconds = time.monotonic() - began.begin
            if status == "executed" and not began.exclusive:
                self._forecast.learn(began.seconds, seconds)
            if self.live:
                place = self._done - len(self._running)
                mark = f"[{place}/{max(self._total, self._done)}]"
                self.write(
                    f"{mark} {_clean(task)}  {self._coloured(status)} in {duration(seconds)}"
                )
            elif status != "executed" or seconds >= 1 or self.jobs > 1:
                alone = self.jobs == 1 and self._last_started == task
                self.write(f"      {'' if alone else f'{task} '}{status} after {duration(seconds)}")
            return seconds

    def skipped(self, task: str) -> None:
        """A task that was thought to be due has nothing to do after all, or cannot run."""
        if self._forecast.left.pop(task, None) is not None:
            self._total -= 1

    def say(self, task: str, text: str) -> None:
        """A line that a running task tells."""
        with self._lock:
            if task in self._running:
                self._running[task].told = text
            named = self.live or self.jobs > 1
            self.write(f"  {f'{task}: ' if named else ''}{text}")
            self.tell(task, "running", text=text)

    def progress(self, task: str) -> ProgressCallback:
        """How far a running task is."""
        last = 0.0

        def update(done: int, total: int | None) -> None:
            nonlocal last
            running = self._running.get(task)
            if running is not None:
                running.done, running.total, running.told = done, total, ""
            now = time.monotonic()
            if self._follower and (now - last >= _FOLLOW_SECONDS or done == total):
                last = now
                self.tell(task, "running", done=done, total=total)

        return update

    def tell(self, task: str, status: Any, **how: Any) -> None:
        """Tells the follower, if there is one; its faults are its own."""
        if self._follower is None:
            return
        count = max(self._total, self._done)
        try:
            self._follower(TaskProgress(task, status, self._done, count, **how))
        except Exception as error:
            self._follower = None
            told = f"{type(error).__name__}: {error}"
            self.error(f"warning: the progress callback raised {told}; it is called no more")

    # The part that is redrawn

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Leaves the terminal to somebody else's output."""
        with self._lock:
            self._erase()
            self._paused += 1
        try:
            yield
        finally:
            with self._lock:
                self._paused -= 1
                self._draw()

    def close(self) -> None:
        """Nothing runs any more: what was drawn is erased, and what was written stays."""
        self._closed.set()
        if self._ticker is not None and self._ticker is not threading.current_thread():
            self._ticker.join(timeout=2)
        with self._lock:
            self._erase()
            self._paused += 1
            self.live = False

    def release(self) -> None:
        """Nothing will be written any more."""
        if self._stream is not sys.stderr and self._own:
            self._stream.close()

    def _tick(self) -> None:
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._redraw, daemon=True)
            self._ticker.start()

    def _redraw(self) -> None:
        while not self._closed.wait(self._pause()):
            with self._lock:
                self._erase()
                self._draw()

    def _pause(self) -> float:
        measuring = any(task.exclusive for task in list(self._running.values()))
        return _MEASURING_SECONDS if measuring else _REDRAW_SECONDS

    def _erase(self) -> None:
        if self._drawn:
            with contextlib.suppress(OSError):
                self._stream.write(_UP_AND_ERASE.format(self._drawn))
            self._drawn = 0

    def _draw(self) -> None:
        if not self.live or self._paused or not self._running:
            return
        columns, rows = shutil.get_terminal_size()
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(self._stream.fileno())
        # A line that is as wide as the terminal would wrap and could not be erased.
        lines = self._picture(time.monotonic(), max(columns, 20) - 1, max(2, rows - 2))
        text = "".join(f"{line}\n" for line in lines)
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
        self._drawn = len(lines)

    def _picture(self, now: float, width: int, height: int) -> list[str]:
        done = self._done - len(self._running)
        left = self._forecast.seconds(self._running, now)
        head = f"{done} of {max(self._total, self._done)} done, about {duration(left)} to go"
        lines = [_cut(head, width)]
        shown = list(self._running.items())[: min(_SHOWN_TASKS, height - 1)]
        lines += [_running_line(task, state, now, width) for task, state in shown]
        if len(self._running) > len(shown):
            lines[-1] = f"  and {len(self._running) - len(shown) + 1} more"
        return lines

    def _coloured(self, status: str) -> str:
        if not self._colour:
            return status
        return f"\x1b[{31 if status == 'failed' else 32}m{status}\x1b[0m"


def _running_line(task: str, state: _Running, now: float, width: int) -> str:
    parts = ["", duration(now - state.begin)]
    if state.told:
        parts.append(_clean(state.told))
    elif state.total:
        share = min(1.0, max(0.0, state.done / state.total))
        filled = round(share * _BAR)
        parts.append(f"[{'#' * filled}{'-' * (_BAR - filled)}] {share:4.0%}")
    elif state.done:
        parts.append(f"{state.done:,}")
    rest = "  ".join(parts)
    # Of a long name the end says more: the scenario.
    name = _cut(_clean(task)[::-1], max(12, width - 2 - _width(rest)))[::-1]
    return _cut(f"  {name}{rest}", width)


def _clean(text: str) -> str:
    """Text without what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cut(text: str, width: int) -> str:
    """Text that takes at most `width` columns."""
    if _width(text) <= width:
        return text
    while _width(text) >= width:
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    """The columns of a terminal that a text takes."""
    import unicodedata

    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
