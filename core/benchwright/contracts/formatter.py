"""Formatters: they write a round's submission tree from results, and check such trees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from benchwright.contracts.probe import JSON
    from benchwright.results import RunResult
    from benchwright.rounds import Round

Level = Literal["error", "note"]


class Finding(NamedTuple):
    """One thing a check found: the path in the tree, the rule's identifier, what was found, what
    is required, and how to fix it. A note does not fail the check."""

    path: str
    rule: str
    found: str
    required: str
    fix: str
    level: Level = "error"

    def record(self) -> dict[str, str]:
        """As JSON."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.path}: {self.found}; required: {self.required}; {self.fix} [{self.rule}]"


class Submission(NamedTuple):
    """What a formatter writes from.

    results: the runs of the campaign that exist; system_name: the folder name of the system;
    system: its description fields as far as known, by the names of the round's system JSON
    (probed facts overlaid with the campaign's own); command: the exact command that reproduces
    the results; campaign: the campaign file's text; missing: runs the plan names but that do not
    exist, as task names; files: what the campaign file names besides, name → text; inferred:
    scenario that is not run → the scenario from whose runs its result is inferred.
    """

    round: Round
    division: str
    categories: tuple[str, ...]
    submitter: str
    system_name: str
    system: Mapping[str, JSON]
    results: Sequence[RunResult]
    command: str
    campaign: str
    official: bool
    missing: Sequence[str] = ()
    files: Mapping[str, str] = MappingProxyType({})
    inferred: Mapping[str, str] = MappingProxyType({})


class Formatter(ABC):
    """Writes and checks submission trees of the rounds that its info names."""

    @abstractmethod
    def write(self, submission: Submission, out: Path) -> Mapping[str, Any]:
        """Writes the tree into the empty folder `out`; the same runs give the same bytes."""

    @abstractmethod
    def check(self, folder: Path, round: Round, *, rehearsal: bool = False) -> list[Finding]:
        """Checks anybody's tree. With `rehearsal`, what is inherent to a quick or tiny run
        (duration, data set size, query counts) becomes a note."""


@dataclass(frozen=True, slots=True)
class FormatterInfo:
    """What the `formatters` hook hands over; rounds are the names it serves. `describe_system`
    maps probed facts to the fields of the system JSON; `unstated` names the fields that would have
    to be stated still, given those that are, and is None where nothing has to be."""

    name: str
    summary: str
    rounds: tuple[str, ...]
    load: Callable[[], Formatter]
    describe_system: Callable[[Mapping[str, JSON]], Mapping[str, JSON]]
    sources: tuple[str, ...] = ()
    unstated: Callable[[Round, Mapping[str, JSON]], Sequence[str]] | None = None
