"""The campaign that one `benchwright try` amounts to, and where it lies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import UsageError
from benchwright.layout import BUILD, SHARED
from benchwright.tried.described import GROUP, PRESET, Description
from benchwright.tried.listing import SCENARIOS, TOKEN_SCENARIOS
from benchwright.tried.resolve import slug

ROUND = "v6.1"
"""Whose seeds and usual settings are taken; no round knows a model that is merely tried."""

CAMPAIGN = "campaign.yaml"

USUAL_SECONDS = 2
"""Of a run where nobody says how long."""

USUAL_SCENARIOS = ("SingleStream", "Offline")


class Way(NamedTuple):
    """How the models are to be run. scenarios: None for all that each model can run; duration: in
    seconds."""

    backends: Mapping[str, Mapping[str, Any]]
    scenarios: tuple[str, ...] | None
    precisions: tuple[str, ...] = ("fp32",)
    duration: int = USUAL_SECONDS
    strict: bool = False
    target_qps: float | None = None
    latency_bound_ms: float | None = None
    batch: int | None = None


def write(models: Sequence[Description], way: Way, wanted: str | None, repeats: int) -> list[Path]:
    """Writes a campaign file for each repeat; returns their paths.

    wanted: the name to take, whatever lies there; otherwise one of the models' names that is free
    or has this very campaign.
    """
    if wanted is not None and (slug(wanted) != wanted or wanted == SHARED):
        raise UsageError(
            f"`{wanted}` cannot be the name of a try",
            where="--name",
            fix="use letters, digits, `.`, `_` and `-`",
        )
    base = wanted or "+".join(dict.fromkeys(slug(model.title) for model in models))[:80]
    name, number = base, 1
    while wanted is None and not _free(name, text(name, models, way)):
        number += 1
        name = f"{base}-{number}"
    paths = []
    for repeat in range(1, repeats + 1):
        own = name if repeat == 1 else f"{name}/{repeat}"
        path = file_of(own)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(own, models, way), encoding="utf-8")
        paths.append(path)
    return paths


def withdraw(paths: Sequence[Path]) -> None:
    """Removes campaign files that turned out wrong, so that they take no name; what was measured
    there stays."""
    for path in reversed(paths):
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def file_of(name: str) -> Path:
    """The campaign file of a try by name."""
    return Path(BUILD, GROUP, name, CAMPAIGN)


def _free(name: str, wanted: str) -> bool:
    if name == SHARED:
        return False
    path = file_of(name)
    return not path.is_file() or path.read_text(encoding="utf-8") == wanted


def text(name: str, models: Sequence[Description], way: Way) -> str:
    """The campaign as YAML."""
    import yaml

    values: dict[str, Any] = {
        "name": f"{GROUP}/{name}",
        "round": ROUND,
        "division": "open",
        "preset": PRESET,
        "modes": ["performance"],
        "duration": way.duration,
        "benchmarks": {model.name: _settings(model, way) for model in models},
        "backends": {name: dict(options) for name, options in way.backends.items()},
        "precision": list(way.precisions),
    }
    if way.strict:
        values["strict_duration"] = True
    if way.scenarios is not None:
        values["scenarios"] = list(way.scenarios)
    return "# Written by `benchwright try`.\n" + yaml.safe_dump(values, sort_keys=False)


def _settings(model: Description, way: Way) -> dict[str, Any]:
    """Pins of one model, by scenario."""
    able: tuple[str, ...] = TOKEN_SCENARIOS if model.generates else SCENARIOS
    if way.scenarios is not None:
        able = tuple(name for name in able if name in way.scenarios)
    pins: dict[str, dict[str, Any]] = {}

    def pin(scenarios: Iterable[str], key: str, value: Any) -> None:
        for scenario in scenarios:
            if value is not None and scenario in able:
                pins.setdefault(scenario, {})[key] = value

    pin(("Server", "Offline"), "target_qps", way.target_qps)
    pin(("Server", "Offline"), "batch", way.batch)
    pin(("Server",), "latency_bound_ms", way.latency_bound_ms)
    if model.generates:
        pin(TOKEN_SCENARIOS, "token_latencies", True)
    return {"settings": pins} if pins else {}
