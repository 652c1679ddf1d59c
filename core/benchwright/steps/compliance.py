"""What a compliance run has that other runs have not: audit settings, and the comparison after it.

The run goes the way of every run (`steps.run`); that it is audited is known to loadgen alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.contracts.benchmark import Score
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry, read_accuracy
from benchwright.harness.compliance import (
    AUDIT_FILE,
    BASELINE,
    COMPLIANCE,
    VERIFY_ACCURACY,
    VERIFY_PERFORMANCE,
    Verification,
    accuracies_agree,
    sampled,
    verify,
    verify_performance,
)
from benchwright.harness.logs import ACCURACY_FILE, DETAIL_FILE, read_detail
from benchwright.results import RunResult, load_result
from benchwright.rounds import Round, audit_config_text, load_round
from benchwright.steps.common import load_benchmark

ACCURACY_TEXT = "accuracy.txt"

_NOT_LOGGED = ("mode", "test05")
"""Audit settings that the detail log reports under no name of its own."""


def write_audit(kitchen: Kitchen) -> str | None:
    """The run's audit.config in its folder; None where it is no compliance run."""
    given = kitchen.parameters
    if given.get("test") is None:
        return None
    text = audit_config_text(load_round(given["round"]), given["test"], given["conf_key"])
    path = kitchen.out / AUDIT_FILE
    path.write_text(text, encoding="utf-8")
    return str(path.resolve())


def audited(kitchen: Kitchen) -> dict[str, Any]:
    """The audit settings that loadgen's log must show as effective."""
    settings: dict[str, Any] = kitchen.parameters.get("audit", {})
    return {
        name: value
        for name, value in settings.items()
        if "." not in name and name not in _NOT_LOGGED
    }


def operation(kitchen: Kitchen) -> dict[str, Any] | None:
    """How the performance run was operated, so that the test's run is operated alike; None where
    the run finds that by itself."""
    if kitchen.parameters.get("test") is None:
        return None
    found: dict[str, Any] = load_result(kitchen.input("performance")).details["operation"]
    return found


class Verdict(NamedTuple):
    """reasons: why a test failed, empty where it passed; compared: `RunResult.compared`."""

    reasons: tuple[str, ...] = ()
    compared: Mapping[str, Any] = MappingProxyType({})


def verified(kitchen: Kitchen, round_: Round) -> Verdict:
    """Writes the test's verify_*.txt into the run's folder, and of responses that are compared
    their accuracy."""
    given = kitchen.parameters
    test, benchmark = str(given["test"]), str(given["benchmark"])
    accuracy = kitchen.input("accuracy") if "accuracy" in kitchen.recipe.inputs else None
    found = verify(
        round_, test, given["conf_key"], kitchen.out, kitchen.input("performance"), accuracy
    )
    reasons: list[str] = []
    timed: tuple[str, ...] = ()
    for name, verification in found.items():
        (kitchen.out / name).write_text(verification.text, encoding="utf-8")
        told = _reasons(verification, kitchen.recipe.aside["command"])
        if name == VERIFY_PERFORMANCE:
            timed = told
        if name == VERIFY_ACCURACY and accuracy is not None:
            _write_score(kitchen, ACCURACY_TEXT, read_accuracy(kitchen.out / ACCURACY_FILE))
            if told and not _baseline(kitchen, round_, benchmark, accuracy):
                told = ()
        reasons += told
    compared = {"started": _started(kitchen.input("performance")), "reasons": timed}
    return Verdict(tuple(reasons), compared)


def standing(folder: Path) -> RunResult:
    """The record of a run as it stands beside the runs that lie there now: a compliance test is
    compared anew with a performance run that was repeated after it, as in the submission tree."""
    result = load_result(folder)
    place = folder.parent.parent / "performance"
    if not result.compared or _started(place) in (None, result.compared["started"]):
        return result
    round_ = load_round(result.details["round"])
    logs = [read_detail(part / DETAIL_FILE) for part in (place, folder)]
    found = verify_performance(round_, round_.audit[str(result.test)], *logs)
    before = result.compared["reasons"]
    kept = tuple(reason for reason in result.reasons if reason not in before)
    reasons = (*kept, *_reasons(found, result.details["command"]))
    return replace(result, valid=not reasons, reasons=reasons)


def _started(folder: Path) -> str | None:
    """When the run in a folder was started; None where there is none."""
    try:
        return str(load_result(folder).details.get("started"))
    except BenchwrightError:
        return None


def _reasons(found: Verification, command: str) -> tuple[str, ...]:
    """command: what makes the test."""
    if not found.timing:
        return found.reasons
    head, _, task = command.rpartition(" ")
    told = (
        "nothing but time differs, which may be noise of the machine; repeat this test alone: "
        f"`{head} --rerun {task}`"
    )
    if found.faster:
        audited = f"performance:{task.partition(':')[2].rpartition('/')[0]}"
        told += (
            f", or the performance run, if that was the disturbed one: `{head} --rerun {audited}`"
        )
    return (*found.reasons, told)


def _baseline(kitchen: Kitchen, round_: Round, benchmark: str, accuracy: Path) -> tuple[str, ...]:
    """For responses that vary from run to run: the accuracies over the same samples, compared."""
    log = kitchen.out / ACCURACY_FILE
    reference = sampled(read_accuracy(accuracy / ACCURACY_FILE), read_accuracy(log))
    before = _write_score(kitchen, BASELINE, reference)
    after = _write_score(kitchen, COMPLIANCE, read_accuracy(log))
    if before is None or after is None:
        return ("the samples of the test's run cannot be scored alone",)
    return accuracies_agree(round_, benchmark, before.values, after.values)


def _write_score(kitchen: Kitchen, name: str, responses: Iterable[Entry]) -> Score | None:
    """Scores some of the data set's samples. Not every metric can be had of a part; the file then
    says so."""
    given = kitchen.parameters
    dataset = kitchen.input("dataset")
    place = artifact.read_manifest(dataset).base(dataset)
    score, text = None, ""
    try:
        score = load_benchmark(given["benchmark"]).score(given["preset"], place, responses)
        text = score.text
    except BenchwrightError as error:
        text = f"not scored: {error.what}" + (f" ({error.why})" if error.why else "") + "\n"
    (kitchen.out / name).write_text(text, encoding="utf-8")
    return score
