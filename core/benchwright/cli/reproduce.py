"""`benchwright reproduce`."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from pathlib import Path

from benchwright import yamlfile
from benchwright.build.engine import run_tasks
from benchwright.campaign import parse_campaign
from benchwright.cli.common import print_json, warn
from benchwright.embed import plan_tasks
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.layout import BUILD
from benchwright.plan import Plan
from benchwright.plugins import Registry
from benchwright.repeated import Pair, compare_sets
from benchwright.results import RESULT_FILE, RunResult, load_result


def main(arguments: Namespace) -> int:
    """Makes a run again, from the campaign that its record holds, and says whether it came out the
    same: 0 where it did, 1 where the result or what it was made from differs."""
    if arguments.repeat < 1:
        raise UsageError("this has to be 1 at the least", where="--repeat")
    given = Path(arguments.started, os.path.expanduser(arguments.result))
    folder = given.parent if given.name == RESULT_FILE else given
    if not (folder / RESULT_FILE).is_file():
        raise UsageError(
            "there is no result here",
            where=str(given),
            fix=f"name a run's folder, or the {RESULT_FILE} in it",
        )
    before = load_result(folder)
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


def _again(before: RunResult, number: int) -> RunResult:
    """Makes the run once more, in a place of its own; everything else is built as ever."""
    kept = before.details.get("campaign")
    if not isinstance(kept, dict):
        raise UsageError(
            "this record does not hold the campaign that it was made for",
            where=before.path,
            why="it was made by an older Benchwright",
            fix="run the campaign again; `benchwright compare` then sets the two beside each other",
        )
    document = yamlfile.parse(kept["text"], str(kept["file"]))
    campaign = parse_campaign(document)._replace(name=kept["name"])
    plan = Plan(campaign, Registry(), extra=[before.task], rerun=[before.task])
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
    if pair.noise is None or pair.change is None:
        return False, pair.verdict
    within = abs(pair.change) <= pair.noise
    if within and not differing:
        return True, f"the same, within noise ({pair.verdict})"
    if differing:
        return False, f"{pair.verdict}; made from something else, as follows"
    return False, f"{pair.verdict}; made from the same"
