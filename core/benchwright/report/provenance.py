"""Where the results come from: versions, hashes, seeds, settings, the campaign, the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchwright.report.content import ReportContent
from benchwright.report.markup import Child, Html, bullets, fold, join, pairs, prose, tag
from benchwright.report.quantities import value_text
from benchwright.report.rows import Row, listed, part
from benchwright.results import RunResult

_GROUPS = ("settings", "operation", "loadgen", "power", "versions")
_SHOWN_ELSEWHERE = frozenset({*_GROUPS, "latency_ms", "warnings", "command", "campaign"})


def provenance_section(content: ReportContent, rows: Sequence[Row]) -> Html:
    """Everything that it takes to make the results again, and to see that they are the same."""
    parts: list[Child] = []
    if content.command:
        parts.append(tag("h3", "The command that reproduces this"))
        parts.append(_block(content.command, "Command", "copy"))
    if content.campaign_text:
        parts.append(tag("h3", "Campaign file"))
        parts.append(_block(content.campaign_text, "Campaign file"))
    if content.versions:
        parts.append(pairs("Versions", ("Part", "Version"), _texts(content.versions)))
    if content.hashes:
        hashes = {name: tag("code", value) for name, value in sorted(content.hashes.items())}
        parts.append(pairs("Content hashes (SHA-256)", ("Artifact", "Hash"), hashes))
    seeds = _seeds(content.results)
    if seeds:
        parts.append(pairs("Seeds of the runs", ("Seed", "Value"), seeds))
    runs = [_run(word, run, row) for row in rows for word, run in row.runs()]
    if runs:
        parts.append(tag("h3", "Runs: settings and origin"))
        parts.append(tag("div", join(runs, "\n"), class_="folds"))
    if not parts:
        parts.append(tag("p", "Nothing was recorded.", class_="empty"))
    return join(parts, "\n")


def _block(text: str, label: str, css: str | None = None) -> Html:
    # The leading line end is dropped by the browser, and saves one that the text begins with.
    code = tag("code", "\n" + text if text.startswith("\n") else text)
    return tag("pre", code, class_=css, tabindex="0", role="region", aria_label=label)


def _texts(values: Mapping[str, Any]) -> dict[str, Child]:
    return {name: value_text(value) for name, value in sorted(values.items(), key=_name)}


def _name(item: tuple[Any, Any]) -> str:
    return str(item[0])


def _seeds(results: Sequence[RunResult]) -> dict[str, Child]:
    """Each seed's values over all runs: one, unless something is wrong."""
    found: dict[str, list[str]] = {}
    for run in results:
        for name, value in part(run, "settings").items():
            if str(name).endswith("_seed") and value_text(value) not in found.get(name, []):
                found.setdefault(name, []).append(value_text(value))
    return {name: ", ".join(values) for name, values in sorted(found.items())}


def _run(word: str, run: RunResult, row: Row) -> Html:
    name = run.task or f"{row.benchmark}, {row.series}, {row.scenario}, {word}"
    tables = [pairs("Origin", ("Name", "Value"), dict(_origin(run)))]
    for group in _GROUPS:
        values = part(run, group)
        if values:
            tables.append(pairs(group.capitalize(), ("Name", "Value"), _texts(values)))
    inner = [tag("div", *tables, class_="columns")]
    if run.unofficial:
        inner += [tag("p", "Not for submission:"), bullets(map(prose, run.unofficial))]
    if run.details.get("command"):
        inner.append(_block(_command(run.details["command"]), f"Command of {name}"))
    return fold(tag("code", name), *inner)


def _command(value: Any) -> str:
    return " ".join(value_text(v) for v in value) if isinstance(value, list) else value_text(value)


def _origin(run: RunResult) -> Iterator[tuple[str, Child]]:
    for name in ("path", "key", "system", "precision"):
        if getattr(run, name):
            yield name, getattr(run, name)
    yield "official", value_text(run.official)
    for warning in listed(run, "warnings"):
        yield "warning", value_text(warning)
    for key, value in sorted(run.details.items()):
        if key not in _SHOWN_ELSEWHERE and value is not None:
            yield str(key).replace("_", " "), value_text(value)
