"""One round of one benchmark, in a process of its own: `python benchmarks/child.py SPEC`.

Started by `measures.rounds`. loadgen is used once in a process, so every round is a process.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

from benchwright.errors import BenchwrightError
from benchwright.harness.child import die_with_parent


def main() -> None:
    """Runs the round that the specification names; figures or error go beside it."""
    path = Path(sys.argv[1])
    spec = json.loads(path.read_text(encoding="utf-8"))
    # loadgen's loop is native: only the default action lets Ctrl-C end it at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent(spec["parent"])
    try:
        answer = importlib.import_module(spec["module"]).measure(spec)
    except BenchwrightError as error:
        answer = {"error": {"what": error.what, "where": error.where, "why": error.why}}
    path.with_name("answer.json").write_text(json.dumps(answer), encoding="utf-8")
    # Nothing is left to do, and native threads may not wait for the interpreter's end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
