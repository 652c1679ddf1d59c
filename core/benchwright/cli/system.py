"""`benchwright system`: what the probes see, and the file in which people say the rest."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from benchwright import yamlfile
from benchwright.campaign import load_campaign, parse_campaign
from benchwright.cli.common import print_json
from benchwright.cli.init import TEMPLATE
from benchwright.contracts.probe import JSON
from benchwright.embed import make_plan
from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE
from benchwright.plan import Plan
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

    plan = _planned(arguments.campaign)
    campaign = plan.campaign
    home = Path(campaign.document.name).parent
    described = campaign.system_document
    place = home / "system.yaml" if described is None else Path(described.name)
    path = Path(os.path.relpath(arguments.init)) if arguments.init else place
    if path.exists() and not arguments.force:
        raise UsageError(
            "this file is there already", where=str(path), fix="`--force` overwrites it"
        )
    unstated = plan.unstated()
    name = os.path.relpath(path, home)
    stated = str(campaign.system.get("name", ""))
    text = system_text(plan.round, plan.described, unstated, name, stated)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "this file cannot be written", where=str(path), why=error.strerror or str(error)
        ) from error
    if arguments.json:
        print_json({"file": str(path), "unstated": unstated})
        return 0
    print(f"wrote {path}; to be stated: {', '.join(unstated) or 'nothing'}")
    named = described is not None and os.path.abspath(path) == os.path.abspath(described.name)
    then = "" if named else f", then name it in the campaign: `system: {name}`"
    print(f"next: complete it{then}")
    return 0


def _planned(campaign: str | None) -> Plan:
    """The campaign's plan, which does not need the file that is to be written; where there is no
    campaign yet, that of the one which `benchwright init` writes."""
    if campaign is None and not Path(CAMPAIGN_FILE).exists():
        return Plan(parse_campaign(yamlfile.parse(TEMPLATE, CAMPAIGN_FILE)), Registry())
    return Plan(load_campaign(Path(campaign or CAMPAIGN_FILE), awaited=True), Registry())


def _print(title: str, facts: Mapping[str, JSON]) -> None:
    print(title)
    width = max((len(name) for name in facts), default=0)
    for name, value in sorted(facts.items()):
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        short = text if len(text) <= 100 else f"{text[:97]}..."
        print(f"  {name:{width}}  {short}")
