"""Writing the table in both forms, and checking such tables: head, numbers, and that they agree."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Finding, Formatter, Submission
from benchwright.rounds import SCENARIO_FOLDERS, Round
from benchwright_table.columns import columns
from benchwright_table.rows import Row, rows

CSV_FILE = "results.csv"
LINES_FILE = "results.jsonl"


class TableFormatter(Formatter):
    """Results as a flat table."""

    def write(self, submission: Submission, out: Path) -> Mapping[str, Any]:
        """Writes results.csv and results.jsonl; returns {rows, columns}."""
        head = columns(submission.round)
        found = rows(submission)
        (out / CSV_FILE).write_text(_csv(head, found), encoding="utf-8")
        lines = "".join(json.dumps(row) + "\n" for row in found)
        (out / LINES_FILE).write_text(lines, encoding="utf-8")
        return {"rows": len(found), "columns": len(head)}

    def check(self, folder: Path, round: Round, *, rehearsal: bool = False) -> list[Finding]:
        """What is wrong with a table: a file that is missing or cannot be read, another head, a
        result that is none, rows that differ between the two forms. A rehearsal is no different.
        """
        return list(_check(folder, round))


def _csv(head: tuple[str, ...], found: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def _check(folder: Path, round_: Round) -> Iterator[Finding]:
    head = columns(round_)
    again = "write the table again: `benchwright run submission`"
    texts = {}
    for name in (CSV_FILE, LINES_FILE):
        try:
            texts[name] = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found = getattr(error, "strerror", None) or str(error)
            yield Finding(name, "table.unreadable", found, "the table in both forms", again)
    if len(texts) < 2:
        return
    try:
        first, *table = list(csv.reader(io.StringIO(texts[CSV_FILE]), strict=True)) or [[]]
    except csv.Error as error:
        yield Finding(CSV_FILE, "table.unreadable", str(error), "values parted by commas", again)
        return
    if tuple(first) != head:
        told = ",".join(first) or "nothing"
        yield Finding(CSV_FILE, "table.head", told[:200], f"the columns {','.join(head)}", again)
        return
    for number, row in enumerate(table, start=2):
        yield from _check_row(f"{CSV_FILE}:{number}", dict(zip(head, row, strict=False)), len(row))
    yield from _check_lines(texts[LINES_FILE], head, table, again)


def _check_row(where: str, row: Mapping[str, str], width: int) -> Iterator[Finding]:
    fix = "give the row a value for each column, such as the table has that is written here"
    if width < len(row) or any(name not in row for name in ("Scenario", "Result", "Units")):
        yield Finding(where, "table.width", f"{width} values", "one for each column", fix)
        return
    if row["Scenario"] not in SCENARIO_FOLDERS:
        told = f"`{row['Scenario']}`"
        yield Finding(where, "table.scenario", told, ", ".join(SCENARIO_FOLDERS), fix)
    if not _positive(row["Result"]):
        fix = "measure it again: a run without a result has none here either"
        yield Finding(where, "table.result", f"`{row['Result']}`", "a result above zero", fix)


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _check_lines(
    text: str, head: tuple[str, ...], table: list[list[str]], again: str
) -> Iterator[Finding]:
    lines = text.splitlines()
    if len(lines) != len(table):
        told = f"{len(lines)} rows"
        required = f"the {len(table)} of {CSV_FILE}"
        yield Finding(LINES_FILE, "table.rows-differ", told, required, again)
        return
    for number, (line, row) in enumerate(zip(lines, table, strict=True), start=1):
        where = f"{LINES_FILE}:{number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Finding(where, "table.unreadable", str(error), "one JSON object a line", again)
            continue
        same = isinstance(values, dict) and [
            "" if values.get(name) is None else str(values[name]) for name in head
        ]
        if same != row:
            told = "another row than the table has"
            yield Finding(where, "table.rows-differ", told, f"row {number} of {CSV_FILE}", again)
