"""`benchwright doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from benchwright.build.display import size
from benchwright.cli.common import print_json
from benchwright.distributions import tool_version
from benchwright.embed import make_plan
from benchwright.errors import ExitCode
from benchwright.plugins import Registry
from benchwright.requirements import Requirement, installing


def main(arguments: Namespace) -> int:
    """Says what each installed plugin lacks, or what a campaign's own do; exit code 1 when a
    plugin failed, or when what the campaign needs is lacking."""
    registry = Registry()
    needed: set[str] | None = None
    if arguments.campaign is not None:
        plan = make_plan(arguments.campaign, registry=registry)
        needed = {f"backend {item.backend.name}" for item in plan.engines}
        needed |= {_preset(item.benchmark.name, item.preset.name) for item in plan.engines}
        needed |= {f"quantizer {item.quantizer.name}" for item in plan.engines if item.quantizer}
    requirements = [
        item for item in _requirements(registry) if needed is None or item["subject"] in needed
    ]
    findings = [*_plugins(registry), *requirements, *_loadgen(), *_machine(), _store()]
    # A plugin may fail only once its hooks are asked, which the requirements have done.
    findings += [item for item in _plugins(registry) if item not in findings]
    if arguments.json:
        print_json(findings)
    else:
        for item in findings:
            print(f"{item['state']:8} {item['subject']}: {item['what']}")
            if item["fix"]:
                print(f"         fix: {item['fix']}")
    broken = any(item["state"] == "broken" for item in findings)
    broken = broken or (needed is not None and any(i["state"] == "lacks" for i in findings))
    return int(ExitCode.FINDINGS if broken else ExitCode.OK)


def _preset(benchmark: str, preset: str) -> str:
    return f"benchmark {benchmark}, preset {preset}"


def _finding(state: str, subject: str, what: str, fix: str = "") -> dict[str, Any]:
    return {"state": state, "subject": subject, "what": what, "fix": fix}


def _plugins(registry: Registry) -> Iterator[dict[str, Any]]:
    for status in registry.plugins.values():
        for problem in status.problems:
            state = "broken" if status.status == "failed" else "warning"
            fix = (
                f"reinstall or remove `{status.distribution}`, or block it with "
                f"BENCHWRIGHT_DISABLE_PLUGINS={status.name}"
                if status.distribution
                else ""
            )
            yield _finding(state, f"plugin {status.name}", problem, fix)


def _requirements(registry: Registry) -> Iterator[dict[str, Any]]:
    """What backends, quantizers and presets need beyond what is installed."""
    needing = [
        Requirement(f"backend {name}", info.requires, info.extra)
        for name, info in registry.backends.items()
    ]
    needing += [
        Requirement(f"quantizer {name}", info.requires, info.extra)
        for name, info in registry.quantizers.items()
    ]
    needing += [
        Requirement(_preset(name, preset.name), preset.requires, preset.extra)
        for name, info in registry.benchmarks.items()
        for preset in info.presets.values()
    ]
    for item in needing:
        missing = item.missing()
        if missing:
            what = f"needs {', '.join(missing)}"
            yield _finding("lacks", item.who, what, installing([item]))
        else:
            versions = ", ".join(f"{name} {tool_version(name)}" for name in item.names)
            yield _finding("ready", item.who, versions or "nothing else is needed")


def _loadgen() -> Iterator[dict[str, Any]]:
    version = tool_version("mlcommons-loadgen")
    compiler = next(
        (found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None
    )
    if version != "not installed":
        yield _finding("ready", "loadgen", f"mlcommons-loadgen {version}")
    elif compiler:
        yield _finding("ready", "loadgen", f"no wheel installed; it will be built with {compiler}")
    else:
        yield _finding(
            "lacks",
            "loadgen",
            "neither mlcommons-loadgen nor a C++ compiler is there",
            "pip install mlcommons-loadgen, or install a C++ compiler (Debian: apt install g++)",
        )
    state = "ready" if compiler else "warning"
    what = compiler or "no C++ compiler; only `loadgen: {build: source}` needs one"
    yield _finding(state, "compiler", what, "" if compiler else "Debian: apt install g++")


def _machine() -> Iterator[dict[str, Any]]:
    free = shutil.disk_usage(".").free
    state = "ready" if free > 1_000_000_000 else "warning"
    yield _finding(state, "disk", f"{size(free)} free here")
    yield _finding("ready", "python", f"{sys.version.split()[0]} ({sys.executable})")
    writable = os.access(".", os.W_OK)
    yield _finding(
        "ready" if writable else "broken",
        "folder",
        f"{os.getcwd()} is {'writable' if writable else 'not writable'}",
        "" if writable else "work in a folder that you may write",
    )


def _store() -> dict[str, Any]:
    from benchwright.build.store.store import STORE_VARIABLE, Store, StoreUnusable, store_folder

    folder = store_folder()
    if folder is None:
        return _finding("ready", "store", f"switched off by {STORE_VARIABLE}")
    try:
        Store(folder)
    except StoreUnusable as error:
        return _finding("warning", "store", f"{folder} is not used: {error.what}", error.fix or "")
    if folder.exists() and not os.access(folder, os.W_OK):
        return _finding("warning", "store", f"{folder} may only be read; nothing is put there")
    return _finding("ready", "store", str(folder))
