"""`benchwright reproduce`."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from pathlib import Path

from benchwright import portable, yamlfile
from benchwright.build.artifact import RECIPE
from benchwright.build.display import size
from benchwright.build.engine import run_tasks
from benchwright.campaign import Campaign, parse_campaign
from benchwright.cli.common import print_json, warn
from benchwright.embed import plan_tasks
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.layout import BUILD
from benchwright.plan import Plan
from benchwright.plugins import Registry
from benchwright.repeated import Pair, compare_sets
from benchwright.results import RESULT_FILE, RunResult, load_result
from benchwright.tried import described
from benchwright.tried.described import PRESET


def main(arguments: Namespace) -> int:
    """Makes a run again, from the campaign that its record holds, and says whether it came out the
    same: 0 where it did, 1 where the result or what it was made from differs."""
    if arguments.repeat < 1:
        raise UsageError("this has to be 1 at the least", where="--repeat")
    folder = _folder(Path(arguments.started, os.path.expanduser(arguments.result)))
    before = load_result(folder)
    if before.preset == PRESET and before.benchmark not in described.names():
        raise UsageError(
            f"the model `{before.benchmark}`, which was tried for this result, is not here",
            where=str(folder),
            fix="take it along: `benchwright reproduce RESULT --export FILE.tar` where the result "
            "was made",
        )
    if arguments.export is not None:
        target = Path(arguments.started, os.path.expanduser(arguments.export))
        written = portable.write(target, folder, _campaign(before).benchmarks)
        print(
            f"{target}: {before.task}, {size(written)}; on the other machine: "
            f"`benchwright reproduce {target.name}`"
        )
        return int(ExitCode.OK)
    again = [_again(before, number) for number in range(1, arguments.repeat + 1)]
    (pair,) = compare_sets([before], again) if before.mode == "performance" else (None,)
    same, told = _verdict(pair, before, again)
    if arguments.json:
        record = None if pair is None else pair.record(None)
        print_json({"task": before.task, "same": same, "verdict": told, "comparison": record})
    else:
        print(f"{before.task}: {told}")
        for line in () if pair is None else pair.differences:
            print(f"  {line}")
    return int(ExitCode.OK if same else ExitCode.FINDINGS)


def _folder(given: Path) -> Path:
    """The run's folder that is meant."""
    folder = given.parent if given.name == RESULT_FILE else given
    if given.is_file() and given != folder / RESULT_FILE:
        folder = portable.read(given)
    if not (folder / RESULT_FILE).is_file():
        raise UsageError(
            "there is no result here",
            where=str(given),
            fix=f"name a run's folder, the {RESULT_FILE} in it, or what `--export` wrote",
        )
    if not (folder / RECIPE).is_file():
        raise UsageError(
            "nothing tells what this result was made from",
            where=str(folder),
            why=f"there is no {RECIPE} beside it",
            fix="copy the whole folder, or take it along with `benchwright reproduce RESULT "
            "--export FILE.tar.gz`",
        )
    return folder


def _campaign(before: RunResult) -> Campaign:
    """The campaign that a result was made for, as its record holds it."""
    kept = before.details.get("campaign")
    if not isinstance(kept, dict):
        raise UsageError(
            "this record does not hold the campaign that it was made for",
            where=before.path,
            why="it was made by an older Benchwright",
            fix="run the campaign again; `benchwright compare` then sets the two beside each other",
        )
    document = yamlfile.parse(kept["text"], str(kept["file"]))
    if isinstance(document.data, dict):
        document = document._replace(data={**document.data, "name": kept["name"]})
    return parse_campaign(document)


def _again(before: RunResult, number: int) -> RunResult:
    """Makes the run once more, in a place of its own; everything else is built as ever."""
    plan = Plan(_campaign(before), Registry(), extra=[before.task], rerun=[before.task])
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", before.task)
    plan.layout = plan.layout._replace(own=f"{BUILD}/reproduced/{name}/{number}")
    warn(plan)
    print(f"making {before.task} again ({number})", file=sys.stderr)
    code = run_tasks(plan_tasks(plan), [before.task], summary=False)
    _, _, subject = before.task.partition(":")
    made = Path(plan.layout.run(subject, before.mode))
    if not (made / RESULT_FILE).is_file():
        raise BenchwrightError(
            f"{before.task} could not be made again", why=f"exit code {code}; see above"
        )
    return load_result(made)


def _verdict(pair: Pair | None, before: RunResult, again: list[RunResult]) -> tuple[bool, str]:
    if pair is None:
        now = [run.accuracy for run in again]
        same = all(value == before.accuracy for value in now)
        return same, f"accuracy {before.accuracy} -> {', '.join(map(str, now))}"
    if pair.problem is not None:
        return False, pair.problem
    differing = [line for line in pair.differences if not line.startswith("settings ")]
    if differing:
        return False, f"{pair.verdict}; made from something else, as follows"
    if pair.noise is None or pair.change is None:
        return False, pair.verdict
    if abs(pair.change) <= pair.noise:
        return True, f"the same, within noise ({pair.verdict})"
    return False, f"{pair.verdict}; made from the same"
