"""The system description of a submission.

What the probes and the campaign state is taken as it is. What nobody stated is never made up: it
says so, and the notes name the fields, so that whoever hands the tree in can fill them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.results import RunResult
from benchwright.rounds import system_type_of
from benchwright_mlperf.describe import ACCELERATOR_FIELDS, NONE, accelerated, empty
from benchwright_mlperf.places import NOT_STATED, safe_name
from benchwright_mlperf.write.runs import detail_table, reasons

_SOFTWARE = frozenset({"framework", "operating_system", "other_software_stack"})
_DEFAULT_STATUS = "rdi"
"""The weakest claim of the three: research, development, internal."""


def system_json(submission: Submission, folder: str, runs: Sequence[RunResult]) -> dict[str, Any]:
    """The fields in the round's order; every required one is there, and none that must be
    answered is empty. folder: the system's; runs: the results that were measured on it."""
    rules = submission.round.system_json
    stated = {name: value for name, value in submission.system.items() if not empty(value)}
    fields: dict[str, Any] = {
        "system_name": folder,
        "number_of_nodes": "1",
        "accelerators_per_node": "0",
        "framework": _framework(runs),
        "other_software_stack": _software(runs),
        **({} if accelerated(stated) else dict.fromkeys(ACCELERATOR_FIELDS, NONE)),
        **{name: _plain(value) for name, value in stated.items()},
        "division": submission.division,
        "submitter": safe_name(submission.submitter),
        "system_type": system_type_of(",".join(submission.categories)),
    }
    unstated = []
    for name in rules.required:
        if not empty(fields.get(name)):
            continue
        if name == "status":
            fields[name] = _DEFAULT_STATUS
            unstated.append(f"{name} (taken as {_DEFAULT_STATUS})")
        elif name in rules.must_not_be_empty:
            fields[name] = NOT_STATED
            unstated.append(name)
        else:
            fields[name] = ""
    _note(fields, "hw_notes", [_unstated(name for name in unstated if name not in _SOFTWARE)])
    _note(
        fields,
        "sw_notes",
        [
            *([] if submission.official else [_not_for_submission(runs)]),
            _unstated(name for name in unstated if name in _SOFTWARE),
        ],
    )
    order = [*rules.required, *sorted(set(fields) - set(rules.required))]
    return {name: fields[name] for name in order}


def _plain(value: Any) -> Any:
    """Numbers become texts: the official checkers take the number 0 for no answer at all."""
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if numeric else value


def _framework(runs: Iterable[RunResult]) -> str:
    """The backends with the versions of the distributions that are named after them."""
    names = []
    for run in runs:
        versions = detail_table(run.details, "versions")
        own = [f"{name} {versions[name]}" for name in versions if _belongs(name, run.backend)]
        names.extend(own or [run.backend])
    return ", ".join(sorted(dict.fromkeys(names)))


def _belongs(distribution: str, backend: str) -> bool:
    plain, wanted = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (distribution, backend))
    return bool(wanted) and (plain.startswith(wanted) or f"py{plain}" == wanted)


def _software(runs: Iterable[RunResult]) -> str:
    """Every distribution and the loadgen that took part, with versions."""
    found: dict[str, str] = {}
    for run in runs:
        for name, version in detail_table(run.details, "versions").items():
            found.setdefault(f"{name} {version}", "")
        version = detail_table(run.details, "loadgen").get("version")
        if version:
            found.setdefault(f"loadgen {version}", "")
    return ", ".join(sorted(found, key=str.lower))


def _unstated(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"Not stated by the submitter: {listed}." if listed else ""


def _not_for_submission(runs: Iterable[RunResult]) -> str:
    why = "; ".join(reasons(runs))
    return f"Not for submission: {why}." if why else "Not for submission."


def _note(fields: dict[str, Any], name: str, sentences: Iterable[str]) -> None:
    # A double quote in the notes breaks the table that the official checkers write.
    text = " ".join(part for part in (str(fields.get(name) or ""), *sentences) if part)
    fields[name] = text.replace('"', "'")
