"""`benchwright results`."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from benchwright.campaign import CAMPAIGN_FILE, load_campaign
from benchwright.cli.common import print_json
from benchwright.errors import BenchwrightError
from benchwright.layout import Layout
from benchwright.results import RESULT_FILE, RunResult, load_result


def main(arguments: Namespace) -> int:
    """Shows every run of the campaign that has a record, also those it no longer names."""
    campaign = load_campaign(Path(arguments.campaign or CAMPAIGN_FILE))
    root = Path(Layout.of(campaign.name).root, "runs")
    results = collect(root)
    if arguments.json:
        print_json([result.record() for result in results])
        return 0
    if not results:
        print(f"no results below {root}; `benchwright run` makes them", file=sys.stderr)
        return 0
    from benchwright.steps.summary import table

    print(table(results))
    return 0


def collect(root: Path) -> list[RunResult]:
    """The records below a folder of runs; one that cannot be read is named and left out."""
    results = []
    for path in sorted(root.rglob(RESULT_FILE)):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        try:
            results.append(load_result(path.parent))
        except BenchwrightError as error:
            print(f"warning: {error}", file=sys.stderr)
    return results
