"""The whole tree: which file lies where. Content comes from the modules beside this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.errors import UsageError
from benchwright.harness.logs import ACCURACY_FILE, DETAIL_FILE, SUMMARY_FILE
from benchwright.rounds import Round
from benchwright.rounds.conf import mlperf_conf_text
from benchwright_mlperf.places import MARK, safe_name
from benchwright_mlperf.write import prose
from benchwright_mlperf.write.accuracy import truncated, with_hash
from benchwright_mlperf.write.compliance import compliance_files
from benchwright_mlperf.write.measurements import implementation_json, user_conf
from benchwright_mlperf.write.runs import Cell, cells, run_file
from benchwright_mlperf.write.system import system_json

_ACCURACY_TEXT = "accuracy.txt"


def write_tree(submission: Submission, out: Path) -> dict[str, Any]:
    """Writes the tree below `out` and says what is in it.

    Returns {division, submitter, systems, results, missing, official}; results are the scenario
    folders, relative to `out`.
    """
    home = out / submission.division / safe_name(submission.submitter)
    writer = _Writer(submission, home)
    found = cells(submission)
    for cell in found:
        writer.cell(cell)
    systems = sorted({cell.system for cell in found})
    for system in systems:
        runs = [run for cell in found if cell.system == system for run in cell.runs]
        place = submission.round.path("system", system=system)
        writer.put(place, _json(system_json(submission, system, runs)))
    writer.documents(found)
    if not submission.official:
        (out / MARK).write_text(prose.warning(submission), encoding="utf-8")
    return {
        "division": submission.division,
        "submitter": submission.submitter,
        "systems": systems,
        "results": [f"{cell.system}/{cell.benchmark}/{cell.scenario}" for cell in found],
        "missing": sorted(submission.missing),
        "official": submission.official,
    }


class _Writer:
    """Writes files of one submitter, by the round's places."""

    def __init__(self, submission: Submission, home: Path) -> None:
        self._submission = submission
        self._round: Round = submission.round
        self._home = home

    def put(self, place: str, content: str | bytes) -> None:
        """Writes one file; its folders are made."""
        path = self._home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def cell(self, cell: Cell) -> None:
        """Everything of one scenario."""
        self._logs(cell)
        self._measurements(cell)
        self._code(cell)
        for test, run in sorted(cell.tests.items()):
            folder = self._round.path("compliance", **cell.names(test=test))
            for name, content in sorted(compliance_files(self._round, cell, test, run).items()):
                self.put(f"{folder}/{name}", content)

    def _logs(self, cell: Cell) -> None:
        if cell.performance is not None:
            folder = self._round.path("performance", **cell.names())
            for name in (SUMMARY_FILE, DETAIL_FILE):
                self.put(f"{folder}/{name}", run_file(cell.performance, name).read_bytes())
        run = cell.accuracy
        if run is not None:
            folder = self._round.path("accuracy", **cell.names())
            for name in (SUMMARY_FILE, DETAIL_FILE):
                self.put(f"{folder}/{name}", run_file(run, name).read_bytes())
            log = run_file(run, ACCURACY_FILE)
            text = run_file(run, _ACCURACY_TEXT).read_text(encoding="utf-8")
            keep = self._round.limits.truncate_chars
            self.put(f"{folder}/{ACCURACY_FILE}", truncated(log, keep))
            self.put(f"{folder}/{_ACCURACY_TEXT}", with_hash(text, log))

    def _measurements(self, cell: Cell) -> None:
        folder = self._round.path("measurements", **cell.names())
        description = self._round.path("implementation", **cell.names())
        self.put(description, _json(implementation_json(cell)))
        self.put(f"{folder}/user.conf", user_conf(self._round, cell))
        self.put(f"{folder}/README.md", prose.measurements_readme(self._submission, cell))
        if "mlperf.conf" in self._round.required_files.get("measurements", ()):
            self.put(f"{folder}/mlperf.conf", mlperf_conf_text(self._round))

    def _code(self, cell: Cell) -> None:
        folder = self._round.path("code", **cell.names())
        self.put(f"{folder}/README.md", prose.code_readme(self._submission, cell))
        self.put(f"{folder}/{prose.CAMPAIGN}", self._submission.campaign)
        for name, text in self._submission.files.items():
            path = PurePosixPath(name)
            # What lies elsewhere on this machine comes to lie beside the campaign.
            inside = not path.is_absolute() and ".." not in path.parts
            self.put(f"{folder}/{path if inside else path.name}", text)

    def documents(self, found: list[Cell]) -> None:
        """What the submitter says once for all results."""
        place = self._round.path("calibration")
        self.put(place, prose.calibration(found, PurePosixPath(place).suffix))
        if self._submission.division == "open":
            mapping = _model_mapping(self._round, found)
            self.put(self._round.path("model_mapping"), _json(mapping))


def _model_mapping(round_: Round, found: list[Cell]) -> dict[str, str]:
    """Our benchmark names → the checker's, for those that the round knows under another name."""
    mapping = {}
    for cell in found:
        try:
            official = round_.resolve(cell.first.benchmark).name
        except UsageError:
            continue
        if official != cell.benchmark:
            mapping[cell.benchmark] = official
    return mapping


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
