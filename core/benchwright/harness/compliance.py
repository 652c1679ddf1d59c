"""Compliance tests: whether a run under audit settings agrees with the runs that it stands beside.

What a test asks for, and how far it may differ, is the round's data (`AuditTest`). Here the logs
are compared: performance with performance, and the responses that were logged along the way with
those of the accuracy run. The run itself is made as any other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchwright.harness.accuracy_log import Entry, read_accuracy
from benchwright.harness.logs import ACCURACY_FILE, DETAIL_FILE, DetailLog, read_detail
from benchwright.rounds import Round
from benchwright.rounds.model import AuditTest

VERIFY_PERFORMANCE = "verify_performance.txt"
VERIFY_ACCURACY = "verify_accuracy.txt"
AUDIT_FILE = "audit.config"
BASELINE = "baseline_accuracy.txt"
COMPLIANCE = "compliance_accuracy.txt"

PASS, FAIL = "TEST PASS", "TEST FAIL"
"""The words that the official checkers look for."""

_SCORES = {
    "Offline": "result_samples_per_second",
    "Server": "result_completed_samples_per_sec",
    "SingleStream": "early_stopping_latency_ss",
    "MultiStream": "early_stopping_latency_ms",
}
"""What is compared in each scenario, in any round: in Server what was completed."""

_LATENCIES = ("SingleStream", "MultiStream")

_WIDTHS = {"byte": "<b", "float32": "<f", "int32": "<i", "int64": "<q"}


class Verification(NamedTuple):
    """One comparison. text: what is written into the tree; reasons: why it failed; timing: it
    failed by how long things took, which another run may do otherwise; faster: by how little the
    test's own run took."""

    passed: bool
    text: str
    reasons: tuple[str, ...] = ()
    timing: bool = False
    faster: bool = False


def verify(
    round_: Round, test: str, conf_key: str, run: Path, performance: Path, accuracy: Path | None
) -> dict[str, Verification]:
    """File name → comparison, for each that the test asks for.

    run, performance, accuracy: folders with loadgen's logs of the test's run, of the performance
    run and (where the test compares responses) of the accuracy run.
    """
    audit = round_.audit[test]
    found = {}
    if VERIFY_ACCURACY in audit.files and accuracy is not None:
        reference = read_accuracy(accuracy / ACCURACY_FILE)
        responses = read_accuracy(run / ACCURACY_FILE)
        found[VERIFY_ACCURACY] = verify_accuracy(
            reference, responses, audit.elements.get(conf_key, "byte")
        )
    if VERIFY_PERFORMANCE in audit.files:
        found[VERIFY_PERFORMANCE] = verify_performance(
            round_, audit, read_detail(performance / DETAIL_FILE), read_detail(run / DETAIL_FILE)
        )
    return found


def verify_performance(
    round_: Round, audit: AuditTest, reference: DetailLog, run: DetailLog
) -> Verification:
    """Compares the test's performance with that of the run it audits."""
    told: list[str] = []
    if not reference.valid:
        told.append("the performance run is not VALID")
    if not run.valid:
        told.append("the test's run is not VALID")
    again = reference.valid and not run.valid
    if reference.scenario != run.scenario:
        told.append(f"a {run.scenario} run cannot be compared with one of {reference.scenario}")
    bounds = [log.values.get("effective_target_latency_ns") for log in (reference, run)]
    if run.scenario == "Server" and bounds[0] != bounds[1]:
        told.append(f"the latency bounds differ: {bounds[0]} and {bounds[1]} ns")
    key = _SCORES.get(run.scenario or "")
    scores = [log.number(key) if key else None for log in (reference, run)]
    if told or None in scores or not all(scores):
        told = told or [f"there is no `{key}` in one of the logs"]
        return Verification(False, _text([], told, False), tuple(told), timing=again)
    was, now = (float(score or 0) for score in scores)
    return _within(round_, audit, str(run.scenario), was, now)


def _within(round_: Round, audit: AuditTest, scenario: str, was: float, now: float) -> Verification:
    latency = scenario in _LATENCIES
    direction = audit.fails_when
    measure = was
    if latency and direction == "faster":
        # The official script takes rates here, and compares those with the bound of latencies.
        measure = 1e9 / was
    fast = round_.limits.fast_latency_ns.get(scenario)
    lenient = fast is not None and measure <= fast
    percent = round_.limits.fast_tolerance_percent if lenient else audit.tolerance_percent or 0.0
    # Of a time more is slower, of a rate less.
    gain = was / now if latency and direction == "faster" else now / was
    low, high = 1 - percent / 100, 1 + percent / 100
    if direction == "faster":
        passed = gain < high
    elif direction == "slower":
        passed = gain < high if latency else gain > low
    else:
        passed = low <= gain <= high
    unit = "ns" if latency else "samples/s"
    allowed = {"either": "either way", "faster": "on the fast side", "slower": "on the slow side"}
    lines = [
        f"{_SCORES[scenario]} of the performance run: {was:.10g} {unit}",
        f"{_SCORES[scenario]} of the test's run: {now:.10g} {unit}",
        f"ratio: {gain:.4f}; allowed: {percent:g} % {allowed[direction]}",
    ]
    if passed:
        return Verification(True, _text(lines, [], True))
    faster = (gain < 1) if latency and direction != "faster" else gain > 1
    why = (
        f"the test's run was {abs(gain - 1):.1%} {'faster' if faster else 'slower'} than the "
        f"performance run ({now:.6g} against {was:.6g} {unit}); {percent:g} % are allowed "
        f"{allowed[direction]}"
    )
    return Verification(False, _text(lines, [why], False), (why,), timing=True, faster=faster)


def verify_accuracy(
    reference: Iterable[Entry], responses: Iterable[Entry], element: str = "byte"
) -> Verification:
    """Compares the first element of each response that the test's run logged with that of the
    accuracy run for the same sample.

    Of several responses for a sample, the accuracy run's first one counts, and each of the test's
    is compared with the one before it, as the official script has it.
    """
    known: dict[int, float | int | None] = {}
    total = repeated = 0
    for entry in reference:
        total += 1
        repeated += entry.qsl_idx in known
        known.setdefault(entry.qsl_idx, _first(entry.data, element))
    logged = matched = differing = 0
    example: int | None = None
    for entry in responses:
        logged += 1
        value = _first(entry.data, element)
        if entry.qsl_idx in known:
            matched += 1
            if known[entry.qsl_idx] != value:
                differing += 1
                example = entry.qsl_idx if example is None else example
        known[entry.qsl_idx] = value
    lines = [
        f"responses of the accuracy run: {total}, of them for a sample seen before: {repeated}",
        f"responses that the test's run logged: {logged}",
        f"of these for samples of the accuracy run: {matched}",
        f"of these with another first element ({element}): {differing}",
    ]
    reasons = []
    if not matched:
        reasons.append("the test's run logged no response for a sample of the accuracy run")
    if differing:
        reasons.append(
            f"{differing} of {matched} responses differ from those of the accuracy run, "
            f"sample {example} for one"
        )
    return Verification(not reasons, _text(lines, reasons, not reasons), tuple(reasons))


def _first(data: bytes, element: str) -> float | int | None:
    """The first element; None where there is nothing."""
    form = _WIDTHS[element]
    width = struct.calcsize(form)
    if not data:
        return None
    value: float | int = struct.unpack(form, data[:width].ljust(width, b"\0"))[0]
    return value


def sampled(reference: Iterable[Entry], responses: Iterable[Entry]) -> Iterator[Entry]:
    """The accuracy run's responses for those samples alone that the test's run has logged."""
    wanted = {entry.qsl_idx for entry in responses}
    return (entry for entry in reference if entry.qsl_idx in wanted)


def accuracies_agree(
    round_: Round, benchmark: str, baseline: Mapping[str, float], test: Mapping[str, float]
) -> tuple[str, ...]:
    """Why two accuracies over the same samples differ by more than the round allows; empty where
    they agree. This is the way out for systems whose responses vary from run to run."""
    told = []
    model = round_.resolve(benchmark)
    for metric in model.accuracy_minimum:
        was, now = baseline.get(metric, 0.0), test.get(metric, 0.0)
        limit = round_.accuracy_delta_percent(model, metric)
        delta = abs(1 - was / now) * 100 if now else float("inf")
        if not was or delta > limit:
            told.append(
                f"{metric} is {was:g} in the accuracy run and {now:g} in the test's, over the same "
                f"samples; {limit:g} % are allowed"
            )
    return tuple(told)


def _text(lines: list[str], reasons: list[str], passed: bool) -> str:
    return "\n".join([*lines, *reasons, PASS if passed else FAIL]) + "\n"
