"""`benchwright plugins`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from benchwright.chosen import options_model
from benchwright.cli.common import print_json
from benchwright.contained import Fault
from benchwright.embed import make_plan
from benchwright.errors import ExitCode, UsageError, did_you_mean
from benchwright.hooks import LISTING_HOOKS
from benchwright.options import describe
from benchwright.plugins import PluginStatus, Registry

FAMILIES = ("benchmarks", "backends", "quantizers", "probes", "formatters", "power_meters",
            "executors")  # fmt: skip


def main(arguments: Namespace) -> int:
    """Shows the plugins, or one of them or one thing they bring in detail."""
    if arguments.markdown and arguments.json:
        raise UsageError("a page is either Markdown or JSON", fix="leave out --json or --markdown")
    registry = Registry()
    brought = _brought(registry)
    if arguments.campaign is not None:
        plan = make_plan(arguments.campaign, registry=registry)
        names = ", ".join(engine.subject for engine in plan.engines)
        print(f"{arguments.campaign}: everything it names is installed ({names})", file=sys.stderr)
    if arguments.markdown:
        return _page(arguments.name, registry, brought)
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
    found["programs"] = {_named(key): item for key, item in registry.programs.items()}
    # Every listing hook is asked, so that a plugin that fails in one is shown as failed.
    assert found.keys() == set(LISTING_HOOKS)
    return found


def _key(family: str, item: Any) -> Any:
    """What the registry knows a thing by: a fused program has no name of its own."""
    return (item.benchmark, item.backend) if family == "programs" else item.name


def _named(key: Any) -> str:
    return "/".join(key) if isinstance(key, tuple) else str(key)


def _row(status: PluginStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "distribution": status.distribution,
        "version": status.version,
        "module": status.module,
        "hooks": list(status.hooks),
        "status": status.status,
        "problems": list(status.problems),
        "interface": status.interface,
        "file": status.file or None,
    }


def _print_rows(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "distribution", "version", "interface", "status", "hooks")
    table: list[tuple[str, ...]] = [("plugin", *columns[1:])]
    table += [tuple(_cell(row[column]) for column in columns) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(columns))]
    problems = [[], *(row["problems"] for row in rows)]
    for line, told in zip(table, problems, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
        for problem in told:
            print(f"    {problem}")


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _detail(
    name: str, registry: Registry, brought: Mapping[str, Mapping[str, Any]], as_json: bool
) -> int:
    """A plugin with everything it brings, or the things of that name."""
    status = registry.plugins.get(name)
    things = _things(name, registry, brought)
    # Asking for details may have shown more problems.
    row = _row(status) if status else None
    if as_json:
        print_json({"plugin": row, "brought": things})
    else:
        if row is not None:
            _print_rows([row])
            print(f"loaded from {row['file'] or row['module']}")
        for thing in things:
            print(f"{thing['name']} ({thing['family']} of {thing['plugin']}): {thing['summary']}")
            for line in _lines(thing):
                print(f"  {line}")
    failed = status is not None and status.status == "failed"
    return int(ExitCode.FINDINGS if failed else ExitCode.OK)


def _things(
    name: str | None, registry: Registry, brought: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What a plugin brings, or the things of that name; everything without a name."""
    things = [
        _thing(registry, family, item)
        for family, items in brought.items()
        for key, item in items.items()
        if name in (None, key, registry.bringer(family, _key(family, item)).name)
    ]
    if name is not None and not things and name not in registry.plugins:
        known = [*registry.plugins, *(item for items in brought.values() for item in items)]
        raise UsageError(f"no plugin brings `{name}`; {did_you_mean(name, known)}".rstrip("; "))
    return things


def _page(name: str | None, registry: Registry, brought: Mapping[str, Mapping[str, Any]]) -> int:
    from benchwright.cli.plugins_page import page

    print(page(_things(name, registry, brought), head=name is None), end="")
    return int(ExitCode.OK)


_SHOWN: Mapping[str, tuple[str, ...]] = {
    "benchmarks": ("scenarios", "forms", "dtypes", "dynamic_axes"),
    "programs": ("benchmark", "backend"),
    "backends": ("requires",),
    "quantizers": ("precision", "backends"),
    "formatters": ("rounds",),
}
"""Family → the fields of its descriptors that say what a thing is for."""


def _thing(registry: Registry, family: str, item: Any) -> dict[str, Any]:
    key = _key(family, item)
    found: dict[str, Any] = {
        "family": family,
        "name": _named(key),
        "summary": item.summary,
        "plugin": registry.bringer(family, key).name,
    }
    if hasattr(item, "load_options"):
        found["options"] = _options(registry, family, item)
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
    for field in _SHOWN.get(family, ()):
        value = getattr(item, field)
        found[field] = list(value) if isinstance(value, tuple) else value
    if family == "power_meters":
        found["available"] = registry.available(item.name)
    return found


def _options(registry: Registry, family: str, item: Any) -> list[dict[str, Any]]:
    """The options as declared; a model of a plugin's may itself be at fault."""
    try:
        told = registry.ask(
            family,
            item.name,
            "options",
            lambda: list(describe(options_model(item.name, item.load_options))),
        )
    except Fault:
        return []
    return [
        {"name": name, "type": kind, "default": default, "description": text}
        for name, kind, default, text in told
    ]


def _lines(thing: Mapping[str, Any]) -> Iterator[str]:
    options = thing.get("options", ())
    widths = [max((len(item[key]) for item in options), default=0) for key in ("name", "type")]
    for option in options:
        yield (
            f"option {option['name']:{widths[0]}}  {option['type']:{widths[1]}}  "
            f"default {option['default']}: {option['description']}"
        )
    for name, text in thing.get("presets", {}).items():
        yield f"preset {name}: {text}"
    shown = {**thing.get("capabilities", {}), **thing}
    for name, value in shown.items():
        if name in ("family", "name", "summary", "plugin", "options", "capabilities", "presets"):
            continue
        text = ("no", "yes")[value] if isinstance(value, bool) else _cell(value)
        if text:
            yield f"{name.replace('_', ' ')}: {text}"
