"""`benchwright compare`."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from benchwright.cli.common import print_json
from benchwright.cli.results import collect
from benchwright.comparison import parse_percent
from benchwright.errors import ExitCode, UsageError, did_you_mean
from benchwright.layout import BUILD, Layout
from benchwright.repeated import Pair, Spread, compare_sets
from benchwright.results import RunResult
from benchwright.tried.described import GROUP


def main(arguments: Namespace) -> int:
    """Shows two sets of results beside each other. With a tolerance, 1 when one is slower or cannot
    be compared: a gate that cannot judge must not stay open."""
    limit = arguments.fail_if_slower
    tolerance = None if limit is None else parse_percent(limit, "--fail-if-slower")
    started = Path(arguments.started)
    before, after = (_results(text, started) for text in (arguments.before, arguments.after))
    pairs = compare_sets(before, after)
    bad = [pair for pair in pairs if pair.problem or pair.slower(tolerance or 0.0)]
    if arguments.json:
        print_json([pair.record(tolerance) for pair in pairs])
    else:
        for pair in pairs:
            _print(pair, limit if tolerance is not None and pair.slower(tolerance) else None)
    return int(ExitCode.FINDINGS if bad and tolerance is not None else ExitCode.OK)


def _print(pair: Pair, limit: str | None) -> None:
    name = pair.before or pair.after
    if pair.before and pair.after and pair.before != pair.after:
        name = f"{pair.before} -> {pair.after}"
    slower = f", slower than {limit} allow" if limit else ""
    print(name)
    print(f"  {_side(pair.old)} -> {_side(pair.new)} {pair.unit or ''}  {pair.verdict}{slower}")
    for line in pair.differences:
        print(f"    {line}")


def _side(found: Spread | None) -> str:
    from benchwright.steps.summary import significant

    if found is None:
        return "none"
    noise = "" if found.noise is None else f" ±{found.noise:.1%} ({found.runs} runs)"
    return f"{significant(found.value)}{noise}"


def _results(text: str, started: Path) -> list[RunResult]:
    """The results of a try by name, of a campaign by name or file, or below a folder."""
    places = [
        Path(BUILD, GROUP, text),
        Path(Layout.of(text).runs) if "/" not in text else Path(text),
        started / os.path.expanduser(text),
    ]
    if text.endswith((".yaml", ".yml")):
        from benchwright.campaign import load_campaign

        campaign = load_campaign(started / os.path.expanduser(text))
        places = [Path(Layout.of(campaign.name).runs)]
    for place in places:
        if place.is_dir():
            found = collect(place)
            if found:
                return found
    known = sorted(path.parent.name for path in Path(BUILD, GROUP).glob("*/campaign.yaml"))
    raise UsageError(
        f"there are no results of `{text}`; {did_you_mean(text, known)}".rstrip("; "),
        where=", ".join(map(str, dict.fromkeys(places))),
        fix="name a try, a campaign, or a folder that holds results",
    )
