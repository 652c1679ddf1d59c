"""The folders of compliance tests, from the runs that were made under audit settings.

Which files a test needs is the round's data. What compares runs (verify_*.txt) is written from the
logs that lie in this tree, so that it speaks of nothing else; of the accuracy log only both ends
go in, as everywhere.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from benchwright.errors import BenchwrightError
from benchwright.harness.compliance import verify
from benchwright.harness.logs import ACCURACY_FILE
from benchwright.results import RunResult
from benchwright.rounds import Round
from benchwright_mlperf.write.accuracy import truncated, with_hash
from benchwright_mlperf.write.runs import Cell, conf_key

_TEXT = "accuracy/accuracy.txt"


def compliance_files(round_: Round, cell: Cell, test: str, run: RunResult) -> dict[str, bytes]:
    """Path below the test's folder → content, for each file of the test that the run has."""
    audit = round_.audit.get(test)
    if audit is None:
        return {}
    keep = round_.limits.truncate_chars
    found: dict[str, bytes] = {}
    for name in (*audit.files, *audit.baseline_files):
        path = _source(run, name)
        if path is None:
            continue
        is_log = PurePosixPath(name).name == ACCURACY_FILE
        found[name] = truncated(path, keep) if is_log else path.read_bytes()
    log = _source(run, f"accuracy/{ACCURACY_FILE}")
    if _TEXT in found and log is not None:
        text = found[_TEXT].decode("utf-8", "replace")
        found[_TEXT] = with_hash(text, log).encode()
    return found | _verified(round_, cell, test, run)


def _verified(round_: Round, cell: Cell, test: str, run: RunResult) -> dict[str, bytes]:
    """The comparisons anew: one of the runs may have been repeated since the test's was made."""
    if cell.performance is None:
        return {}
    accuracy = None if cell.accuracy is None else Path(cell.accuracy.path)
    performance = Path(cell.performance.path)
    try:
        found = verify(round_, test, conf_key(round_, run), Path(run.path), performance, accuracy)
    except BenchwrightError as error:
        raise BenchwrightError(
            f"the test {test} cannot be compared with the runs it audits",
            where=error.where,
            why=error.what,
            fix=f"repeat it: `benchwright run --rerun {run.task}`",
        ) from error
    return {name: verification.text.encode() for name, verification in found.items()}


def _source(run: RunResult, name: str) -> Path | None:
    folder = Path(run.path)
    candidates = (folder / name, folder / PurePosixPath(name).name)
    return next((path for path in candidates if path.is_file()), None)
