"""What the check of the submission found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchwright.report.markup import Cell, Html, fold, join, prose, row, table, tag
from benchwright.report.rows import is_error

_HEADS = ("Where", "Found", "Required", "What to do", "Rule")


def findings_section(findings: Sequence[Mapping[str, str]], path: str) -> Html:
    """Errors in full, notes folded away."""
    errors = [finding for finding in findings if is_error(finding)]
    notes = [finding for finding in findings if not is_error(finding)]
    checked = tag("p", "Checked: ", tag("code", path)) if path else None
    parts = [checked]
    if errors:
        parts.append(_table(f"Errors: {len(errors)}", errors, "findings cards bad"))
    elif findings or path:
        parts.append(tag("p", "The check found no errors.", class_="good"))
    else:
        parts.append(tag("p", "No submission has been written or checked.", class_="empty"))
    if notes:
        many = f"Notes, which do not fail the check: {len(notes)}"
        parts.append(fold(many, _table("Notes", notes, "findings cards quiet")))
    return join(parts)


def _table(caption: str, findings: Sequence[Mapping[str, str]], css: str) -> Html:
    lines = [
        row(
            [
                Cell(tag("code", finding.get("path", "")), header=True),
                *(prose(finding.get(key, "")) for key in ("found", "required", "fix")),
                tag("code", finding.get("rule", "")),
            ],
            _HEADS,
        )
        for finding in findings
    ]
    return table(caption, _HEADS, [lines], css)
