"""A sheet of results: `results.csv`, `sheet.json` with what it rests on, and the logs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Finding, Formatter, Submission
from benchwright.errors import BenchwrightError
from benchwright.results import RunResult
from benchwright.rounds import Round

COLUMNS = ("benchmark", "preset", "backend", "precision", "scenario", "mode", "metric", "value",
           "unit", "accuracy", "valid")  # fmt: skip
LOG = "mlperf_log_detail.txt"


class AcmeFormatter(Formatter):
    """The formatter behind the name `acme-sheet`."""

    def write(self, submission: Submission, out: Path) -> Mapping[str, Any]:
        runs = sorted(submission.results, key=lambda run: run.task)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        digests = {}
        for run in runs:
            table.writerow([getattr(run, name) for name in COLUMNS])
            name = f"logs/{run.task.replace(':', '/')}/{LOG}"
            content = _log(run)
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
        (out / "results.csv").write_text(text.getvalue(), encoding="utf-8")
        sheet = {
            "round": submission.round.name,
            "submitter": submission.submitter,
            "system": {"name": submission.system_name, **submission.system},
            "official": submission.official,
            "command": submission.command,
            "runs": len(runs),
            "logs": digests,
        }
        (out / "sheet.json").write_text(
            json.dumps(sheet, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
        return {"runs": len(runs)}

    def check(self, folder: Path, round: Round, *, rehearsal: bool = False) -> list[Finding]:
        try:
            sheet = json.loads((folder / "sheet.json").read_text(encoding="utf-8"))
            digests: Mapping[str, str] = dict(sheet["logs"])
            count = int(sheet["runs"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            return [_finding("sheet.json", f"{type(error).__name__}: {error}", "a sheet")]
        found = []
        for name, wanted in sorted(digests.items()):
            if _digest(folder / name) != wanted:
                found.append(_finding(name, "missing or changed", f"sha256 {wanted}"))
        try:
            rows = len((folder / "results.csv").read_text(encoding="utf-8").splitlines()) - 1
        except (OSError, ValueError):
            rows = -1
        if rows != count:
            found.append(_finding("results.csv", f"{max(rows, 0)} rows", f"{count} rows"))
        if not sheet.get("official") and not rehearsal:
            found.append(_finding("sheet.json", "a rehearsal", "official runs"))
        return found


def _log(run: RunResult) -> bytes:
    path = Path(run.path) / LOG
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchwrightError(
            f"the run `{run.task}` has lost its log",
            where=str(path),
            why=str(error),
            fix=f"run it again: `benchwright run --rerun {run.task}`",
        ) from error


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _finding(path: str, found: str, required: str) -> Finding:
    return Finding(path, "acme-sheet", found, required, "run the `submission` task again")
