"""What a report is made of. Gathering it is the caller's part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchwright.contracts.probe import JSON
from benchwright.results import RunResult


@dataclass(frozen=True, slots=True)
class ReportContent:
    """One campaign as its report shows it.

    name: the campaign's; duration: as the campaign states it (`quick`, `official`, or seconds);
    unofficial: why the results are not for submission; system and observation: facts by dotted
    name, as the probes give them; stale: a run's task name → what has changed since it was made;
    findings: the records of the check's findings (`path`, `rule`, `found`, `required`, `fix`,
    `level`); submission_path: the checked tree, empty where none was written; versions: tool →
    version; hashes: artifact → sha256; command: what reproduces the results; campaign_text: the
    campaign file as it was read; generated: ISO 8601, given so that the same content gives the
    same page.
    """

    name: str
    round: str
    division: str
    categories: Sequence[str]
    duration: str | int
    submitter: str
    official: bool
    generated: str
    unofficial: Sequence[str] = ()
    system: Mapping[str, JSON] = field(default_factory=dict)
    observation: Mapping[str, JSON] = field(default_factory=dict)
    results: Sequence[RunResult] = ()
    stale: Mapping[str, Sequence[str]] = field(default_factory=dict)
    findings: Sequence[Mapping[str, str]] = ()
    submission_path: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    campaign_text: str = ""
