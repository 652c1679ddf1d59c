"""`benchwright system`: what the probes see, and the file in which people say the rest."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from benchwright.cli.common import print_json
from benchwright.contracts.probe import JSON
from benchwright.embed import make_plan
from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE
from benchwright.plugins import Registry


def main(arguments: Namespace) -> int:
    """Shows identity (what results depend on) apart from observation (what holds now)."""
    if arguments.init is not None:
        return _init(arguments)
    registry = Registry()
    reading = registry.read_system(observe=True)
    name = None
    if arguments.campaign is not None:
        name = make_plan(arguments.campaign, registry=registry).system_name
    if arguments.json:
        print_json(
            {
                "name": name,
                "identity": dict(reading.identity),
                "observation": dict(reading.observation),
            }
        )
        return 0
    if name is not None:
        print(f"system {name}")
    _print("identity: what a result depends on", reading.identity)
    _print("observation: what holds now; recorded, never part of a key", reading.observation)
    return 0


def _init(arguments: Namespace) -> int:
    """Writes the file to complete."""
    from benchwright.systemfile import system_text

    path = Path(arguments.init)
    if path.exists() and not arguments.force:
        raise UsageError(
            "this file is there already", where=str(path), fix="`--force` overwrites it"
        )
    plan = make_plan(arguments.campaign or CAMPAIGN_FILE)
    unstated = plan.unstated()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(system_text(plan.round, plan.described, unstated, path.name), encoding="utf-8")
    print(f"wrote {path}; to be stated: {', '.join(unstated) or 'nothing'}")
    print(f"next: complete it, then name it in the campaign: `system: {path}`")
    return 0


def _print(title: str, facts: Mapping[str, JSON]) -> None:
    print(title)
    width = max((len(name) for name in facts), default=0)
    for name, value in sorted(facts.items()):
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        short = text if len(text) <= 100 else f"{text[:97]}..."
        print(f"  {name:{width}}  {short}")
