"""`benchwright results`."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from benchwright.build.artifact import INVALID
from benchwright.campaign import load_campaign
from benchwright.cli.common import print_json
from benchwright.errors import BenchwrightError, ExitCode, UsageError
from benchwright.layout import CAMPAIGN_FILE, Layout
from benchwright.results import RESULT_FILE, RunResult, load_result


def main(arguments: Namespace) -> int:
    """Shows every run of the campaign that has a record, also those it no longer names."""
    campaign = load_campaign(Path(arguments.campaign or CAMPAIGN_FILE))
    root = Path(Layout.of(campaign.name).runs)
    results = collect(root)
    if arguments.against is not None:
        return _against(arguments, results)
    if arguments.fail_if_slower is not None:
        raise UsageError("slower than what is not said", fix="add `--against FILE`, a baseline")
    if arguments.json:
        print_json([result.record() for result in results])
        return 0
    if not results:
        print(f"no results below {root}; `benchwright run` makes them", file=sys.stderr)
        return 0
    from benchwright.steps.summary import earlier_lines, table

    print(table(results))
    for line in earlier_lines(collect(root, earlier=True)):
        print(line)
    return 0


def _against(arguments: Namespace, results: list[RunResult]) -> int:
    """Shows the results beside a baseline. With a tolerance, 1 when one is slower or cannot be
    compared: a gate that cannot judge must not stay open."""
    from benchwright.comparison import compare, load_baseline, parse_percent
    from benchwright.steps.summary import significant

    limit = arguments.fail_if_slower
    tolerance = None if limit is None else parse_percent(limit, "--fail-if-slower")
    baseline = load_baseline(Path(arguments.against))
    found = compare([result.record() for result in results], baseline)
    bad = [item for item in found if item.problem or item.slower(tolerance or 0.0)]
    if arguments.json:
        print_json([item.record(tolerance) for item in found])
    else:
        for item in found:
            was, is_ = (
                "none" if value is None else significant(value)
                for value in (item.baseline, item.value)
            )
            verdict = item.problem or ("new" if item.new else f"{item.change or 0:+.1%}")
            if tolerance is not None and item.slower(tolerance):
                verdict += f", slower than {limit} allow"
            print(f"{item.task}: {was} -> {is_} {item.unit or ''}  {verdict}")
        if any(item.problem and "another system" in item.problem for item in found):
            print(
                "  fix: keep a baseline of this machine; where machines are alike, "
                "`system: {name: …}` in the campaign gives them one name",
                file=sys.stderr,
            )
    return int(ExitCode.FINDINGS if bad and tolerance is not None else ExitCode.OK)


def collect(root: Path, *, earlier: bool = False) -> list[RunResult]:
    """The records below a folder of runs; one that cannot be read is named and left out. earlier:
    those that were INVALID and have a successor, in place of all others."""
    from benchwright.steps.compliance import standing

    results = []
    for path in sorted(root.rglob(RESULT_FILE)):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        if (INVALID in path.parent.name) is not earlier:
            continue
        try:
            # What has a successor stands beside nothing any more.
            results.append(load_result(path.parent) if earlier else standing(path.parent))
        except BenchwrightError as error:
            print(f"warning: {error}", file=sys.stderr)
    return results
