"""`benchwright init`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE

TEMPLATE = """\
# A campaign: which benchmarks, on which backends, in which scenarios, for which round.
# This one downloads nothing. `benchwright plan` shows what it amounts to, `run` builds and runs it.
round: v3.1
division: open
category: [edge, datacenter]
duration: quick          # or official, or seconds; quick results are not for submission
preset: tiny             # or official: MLCommons' own model and data set
benchmarks: [resnet50]   # `benchwright plugins` lists what is installed
backends: [onnxruntime]
"""


def main(arguments: Namespace) -> int:
    """Writes a campaign file that runs as it is."""
    path = Path(arguments.campaign or CAMPAIGN_FILE)
    if path.exists() and not arguments.force:
        raise UsageError(
            "this file is there already", where=str(path), fix="`--force` overwrites it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE, encoding="utf-8")
    option = "" if str(path) == CAMPAIGN_FILE else f" -c {path}"
    print(f"wrote {path}; next: `benchwright plan{option}`, then `benchwright run{option}`")
    return 0
