"""What the tasks of synthetic builds do (see `synthetic_build`): wait, print, fail, meet others.

Each writes what it does, and when, as a line of `events.log` in the folder of the build.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
from benchwright.harness.lock import machine_alone

EVENTS = "events.log"
_DEADLINE_SECONDS = 60


def tell(task: str, what: str) -> None:
    line = json.dumps([task, what, time.monotonic(), os.getpid()]) + "\n"
    descriptor = os.open(EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def events() -> list[tuple[str, str, float, int]]:
    if not Path(EVENTS).exists():
        return []
    return [tuple(json.loads(line)) for line in Path(EVENTS).read_text("utf-8").splitlines()]


def wait_for(task: str, what: str) -> None:
    """Until another task has told so: what proves that both run at the same time."""
    end = time.monotonic() + _DEADLINE_SECONDS
    while not any(event[:2] == (task, what) for event in events()):
        if time.monotonic() > end:
            raise BenchwrightError(f"{task} never told `{what}`")
        time.sleep(0.01)


def work(kitchen: Kitchen) -> None:
    task, how = kitchen.recipe.task, kitchen.recipe.aside
    tell(task, "start")
    try:
        _work(kitchen, task, how)
    except KeyboardInterrupt:
        tell(task, "interrupted")
        if how.get("stubborn"):
            time.sleep(_DEADLINE_SECONDS)
        raise
    parts = [kitchen.input(name).joinpath("out.txt").read_text() for name in kitchen.recipe.inputs]
    text = f"{task} {kitchen.parameters['text']}\n{''.join(parts)}"
    (kitchen.out / "out.txt").write_text(text)
    tell(task, "end")


def _work(kitchen: Kitchen, task: str, how: Any) -> None:
    for other in how.get("meets", ()):
        wait_for(other, "start")
    if how.get("prints"):
        prints(task)
    if how.get("says"):
        kitchen.say(how["says"])
    if how.get("child"):
        with subprocess.Popen([sys.executable, "-c", CHILD, task]) as child:
            child.wait()
    if how.get("locks"):
        with machine_alone(task, kitchen.say):
            tell(task, "locked")
            time.sleep(float(how.get("seconds", 0)))
            tell(task, "unlocked")
    steps = 10
    for step in range(steps):
        kitchen.progress(step, steps)
        time.sleep(float(how.get("seconds", 0)) / steps)
    if how.get("exits"):
        sys.exit(3)
    if how.get("dies"):
        os.kill(os.getpid(), int(how["dies"]))
    if how.get("fails"):
        raise BenchwrightError("it was told to fail", fix="tell it otherwise")


CHILD = """
import sys, time
sys.path[:0] = [path for path in __import__("os").environ["PYTHONPATH"].split(":")]
import synthetic_work
synthetic_work.tell(sys.argv[1], "child")
time.sleep(120)
"""


def prints(task: str) -> None:
    """On every way there is."""
    print(f"{task}: printed")
    print(f"{task}: printed to stderr", file=sys.stderr)
    os.write(1, f"{task}: descriptor 1\n".encode())
    os.write(2, f"{task}: descriptor 2\n".encode())
    ctypes.CDLL(None).printf(f"{task}: native\n".encode())
    subprocess.run([sys.executable, "-c", f"print('{task}: child')"], check=True)
