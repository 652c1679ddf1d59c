"""Results as a flat table, for analysts: CSV and JSON lines, in the columns of the summary that
MLCommons' checkers write. Only the hook lives here."""

from __future__ import annotations

from collections.abc import Mapping

from benchwright.contracts.formatter import Formatter, FormatterInfo
from benchwright.contracts.probe import JSON
from benchwright.hooks import hookimpl

BENCHWRIGHT_INTERFACE = 1
"""The interface that this plugin was built for."""


def _load() -> Formatter:
    from benchwright_table.formatter import TableFormatter

    return TableFormatter()


def _describe(facts: Mapping[str, JSON]) -> Mapping[str, JSON]:
    from benchwright_table.columns import describe_system

    return describe_system(facts)


@hookimpl
def formatters() -> list[FormatterInfo]:
    """The one formatter of this package."""
    return [
        FormatterInfo(
            name="table",
            summary="writes results as CSV and JSON lines, in the official summary's columns",
            rounds=("v3.0", "v3.1", "v5.1", "v6.0", "v6.1"),
            load=_load,
            describe_system=_describe,
            sources=tuple(f"benchwright_table.{name}" for name in ("columns", "formatter", "rows")),
        )
    ]
