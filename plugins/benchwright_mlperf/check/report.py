"""Collecting findings: texts from the table of rules, and the level that a finding has here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from benchwright.contracts.formatter import Finding, Level
from benchwright.rounds import Round
from benchwright_mlperf.check.files import Unreadable, shown
from benchwright_mlperf.check.rules import RULES

Read = TypeVar("Read")

FOUND_LIMIT = 400
"""Characters of what was found that are kept: a tree may hold anything."""


class Report:
    """The findings of one check. `within` gives the same report with a division's leniency."""

    def __init__(
        self,
        round_: Round,
        *,
        rehearsal: bool = False,
        division: str = "",
        findings: list[Finding] | None = None,
    ) -> None:
        self.round = round_
        self.division = division
        self._rehearsal = rehearsal
        self._findings: list[Finding] = [] if findings is None else findings

    def within(self, division: str) -> Report:
        """The same report, its findings judged as this division's."""
        return Report(
            self.round,
            rehearsal=self._rehearsal,
            division=division,
            findings=self._findings,
        )

    def add(self, rule: str, path: str, found: str, /, **values: object) -> None:
        """A rule is broken; values fill the rule's texts."""
        self._keep(rule, path, found, self._level(rule), values)

    def note(self, rule: str, path: str, found: str, /, **values: object) -> None:
        """A rule is broken, which here is only noted, whatever the rule says."""
        self._keep(rule, path, found, "note", values)

    def _keep(
        self, rule: str, path: str, found: str, level: Level, values: Mapping[str, object]
    ) -> None:
        entry = RULES[rule]
        text = shown(" ".join(found.split()))
        self._findings.append(
            Finding(
                path=shown(path) or ".",
                rule=rule,
                found=text if len(text) <= FOUND_LIMIT else f"{text[:FOUND_LIMIT]}…",
                required=shown(entry.demands.format(**values)),
                fix=shown(entry.fix.format(**values)),
                level=level,
            )
        )

    def _level(self, rule: str) -> Level:
        entry = RULES[rule]
        waived = self.division == "open" and self.round.layout in entry.open
        if waived or (self._rehearsal and entry.rehearsal):
            return "note"
        if entry.verdict and getattr(self.round.verdicts, entry.verdict) != "error":
            return "note"
        return entry.level

    def read(self, rule: str, path: str, reader: Callable[[str], Read]) -> Read | None:
        """What `reader` makes of the file; None, and the rule is broken, when it cannot."""
        try:
            return reader(path)
        except Unreadable as error:
            self.add(rule, path, str(error))
            return None

    def guard(self, path: str, check: Callable[[], None]) -> None:
        """Runs a group of checks. A fault in it is told, and must not hide what else is found."""
        try:
            check()
        except Exception as error:
            self.add("check.failed", path, f"{type(error).__name__}: {error}")

    def findings(self) -> list[Finding]:
        """Each finding once, in the order of paths and rules."""
        unique = dict.fromkeys(self._findings)
        return sorted(unique, key=lambda item: (item.path, item.rule, item.found))


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names) or "nothing"
