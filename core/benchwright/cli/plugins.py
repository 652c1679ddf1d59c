"""`benchwright plugins`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from benchwright.cli.common import print_json
from benchwright.embed import make_plan
from benchwright.errors import ExitCode, UsageError, did_you_mean
from benchwright.hooks import LISTING_HOOKS
from benchwright.options import describe
from benchwright.plugins import PluginStatus, Registry

FAMILIES = ("benchmarks", "backends", "quantizers", "probes", "formatters", "power_meters",
            "executors")  # fmt: skip


def main(arguments: Namespace) -> int:
    """Shows the plugins, or one of them or one thing they bring in detail."""
    registry = Registry()
    brought = _brought(registry)
    if arguments.campaign is not None:
        plan = make_plan(arguments.campaign, registry=registry)
        names = ", ".join(engine.subject for engine in plan.engines)
        print(f"{arguments.campaign}: everything it names is installed ({names})", file=sys.stderr)
    if arguments.name:
        return _detail(arguments.name, registry, brought, arguments.json)
    rows = [_row(status) for status in registry.plugins.values()]
    if arguments.json:
        print_json({"plugins": rows, "brought": {name: sorted(of) for name, of in brought.items()}})
    else:
        _print_rows(rows)
        for family, items in brought.items():
            if items:
                print(f"{family}: {', '.join(sorted(items))}")
    failed = any(row["status"] == "failed" for row in rows)
    return int(ExitCode.FINDINGS if failed else ExitCode.OK)


def _brought(registry: Registry) -> dict[str, Mapping[str, Any]]:
    found = {family: getattr(registry, family) for family in FAMILIES}
    # Every listing hook is asked, so that a plugin that fails in one is shown as failed.
    assert set(FAMILIES) | {"programs"} == set(LISTING_HOOKS)
    _ = registry.programs
    return found


def _row(status: PluginStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "distribution": status.distribution,
        "version": status.version,
        "module": status.module,
        "hooks": list(status.hooks),
        "status": status.status,
        "problems": list(status.problems),
    }


def _print_rows(rows: list[dict[str, Any]]) -> None:
    table = [("plugin", "distribution", "version", "status", "hooks")]
    table += [
        (row["name"], row["distribution"], row["version"], row["status"], ", ".join(row["hooks"]))
        for row in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    problems = [[], *(row["problems"] for row in rows)]
    for line, told in zip(table, problems, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
        for problem in told:
            print(f"    {problem}")


def _detail(
    name: str, registry: Registry, brought: Mapping[str, Mapping[str, Any]], as_json: bool
) -> int:
    things = [(family, items[name]) for family, items in brought.items() if name in items]
    status = registry.plugins.get(name)
    if not things and status is None:
        known = [*registry.plugins, *(item for items in brought.values() for item in items)]
        raise UsageError(f"no plugin brings `{name}`; {did_you_mean(name, known)}".rstrip("; "))
    if as_json:
        print_json(
            {
                "plugin": _row(status) if status else None,
                "brought": [_thing(family, item) for family, item in things],
            }
        )
        return int(ExitCode.OK)
    if status is not None:
        _print_rows([_row(status)])
    for family, item in things:
        print(f"{name} ({family}): {item.summary}")
        for line in _lines(_thing(family, item)):
            print(f"  {line}")
    return int(ExitCode.OK)


def _thing(family: str, item: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"family": family, "name": item.name, "summary": item.summary}
    if hasattr(item, "options"):
        found["options"] = [
            {"name": name, "type": kind, "default": default, "description": text}
            for name, kind, default, text in describe(item.options)
        ]
    if family == "backends":
        able = item.capabilities
        found["capabilities"] = {
            "forms": list(able.forms),
            "devices": list(able.devices),
            "precisions": list(able.precisions),
            "dtypes": list(able.dtypes),
            "dynamic_axes": able.dynamic_axes,
        }
    if family == "benchmarks":
        found["presets"] = {name: preset.summary for name, preset in item.presets.items()}
        found["scenarios"] = list(item.scenarios)
    if family == "formatters":
        found["rounds"] = list(item.rounds)
    return found


def _lines(thing: Mapping[str, Any]) -> list[str]:
    lines = []
    for option in thing.get("options", ()):
        lines.append(
            f"option {option['name']}: {option['type']} = {option['default']}  "
            f"{option['description']}"
        )
    for name, value in thing.get("capabilities", {}).items():
        text = ", ".join(value) if isinstance(value, list) else value
        lines.append(f"{name}: {text}")
    for name, text in thing.get("presets", {}).items():
        lines.append(f"preset {name}: {text}")
    for name in ("scenarios", "rounds"):
        if name in thing:
            lines.append(f"{name}: {', '.join(thing[name])}")
    return lines
