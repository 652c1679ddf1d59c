"""Why a run is INVALID: each cause with what was found, what is required, and what to change.

The numbers come from the detail log (`logs`); nothing is judged here that loadgen did not judge.
Whether a VALID result may be submitted (settings, durations, a round's rules, errors that loadgen
logged beside a VALID result) is no matter of this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchwright.harness.logs import DetailLog

ERRORS_SHOWN = 5

_NEEDED = re.compile(r"at least (\d+) queries for early stopping")
_MORE = re.compile(r"at least (\d+) more queries")
_RAN_OUT = "Ran out of generated queries"
_MAX_DURATION = "Max test duration reached"
_MAX_QUERIES = "Max query count reached"
_OUTSTANDING = re.compile(r"Too many outstanding queries\..*?outstanding (\d+)")

# What an error of loadgen asks of whoever runs it, by a phrase of its text.
_ADVICE = (
    ("Multiple conf files", "call FromConfig once per process"),
    ("can't open file", "give the configuration file's path as it is on this machine"),
    ("system_clock differ", "let the machine's clock settle, then run it again"),
    ("a sample twice", "answer each sample once: this is a fault of the system under test"),
    ("incomplete samples", "answer every sample: this is a fault of the system under test"),
    ("n_tokens", "give each response its number of tokens"),
    ("_issue_", "correct the audit settings"),
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause. All but `value` are for people to read; `str()` makes one sentence of them.

    by: how far off, empty where that has no measure. setting, value: the setting to change, by
    the detail log's name and unit, and about what to set it to, where that can be told.
    """

    constraint: str
    found: str
    required: str
    by: str
    change: str
    setting: str = ""
    value: float | None = None

    def __str__(self) -> str:
        gap = f" ({self.by})" if self.by else ""
        return f"{self.constraint}: {self.found}, but {self.required}{gap}; {self.change}"


def explain(log: DetailLog) -> list[Reason]:
    """The causes, the deepest first; none for a VALID run, and none for an accuracy run that came
    to its end without an error of loadgen. Any other log gets at least one."""
    if log.valid:
        return []
    if not log.finished:
        return [_unfinished(log), *_errors(log)]
    reasons = [*_ended_early(log), *_duration(log), *_queries(log), *_latency(log)]
    reasons += [*_early_stopping(log), *_errors(log)]
    if not reasons and log.mode != "AccuracyOnly":
        reasons.append(_unknown(log))
    return reasons


def _unfinished(log: DetailLog) -> Reason:
    what = "all samples are answered" if log.mode == "AccuracyOnly" else "loadgen wrote a result"
    return Reason(
        "the run's end",
        f"the log ends early, its newest record being `{log.last_key}`",
        f"a run counts only when {what}",
        "",
        "look in the run's output for what ended the process, then run it again",
    )


def _ended_early(log: DetailLog) -> Iterator[Reason]:
    """Bounds that stop a run: the other constraints then fail only because of them."""
    if _erred(log, _MAX_DURATION):
        bound = _setting(log, "max_duration_ms") / 1e3
        yield Reason(
            "maximum duration",
            f"max_duration_ms ended the run after {_seconds(log.duration_s or bound)}",
            f"a run has to last {_seconds(_min_duration(log))} "
            f"and send {_queries_due(log)} at the least",
            "",
            "set max_duration_ms to 0, which means no bound, or well above min_duration_ms",
            "max_duration_ms",
            0,
        )
    if _erred(log, _MAX_QUERIES):
        yield Reason(
            "maximum queries",
            f"max_query_count ended the run after {log.query_count} queries",
            f"a run has to send {_queries_due(log)} "
            f"and last {_seconds(_min_duration(log))} at the least",
            "",
            "set max_query_count to 0, which means no bound",
            "max_query_count",
            0,
        )
    waiting = next((m for error in log.errors if (m := _OUTSTANDING.search(error))), None)
    if waiting:
        bound = _setting(log, "max_async_queries")
        qps = _lower_qps(log)
        yield Reason(
            "outstanding queries",
            f"{waiting[1]} queries were waiting for their answers when loadgen gave up",
            f"max_async_queries allows {bound:g}",
            "",
            f"lower target_qps to about {qps:.4g}, or set max_async_queries to 0 (no bound)",
            "target_qps",
            qps,
        )


def _duration(log: DetailLog) -> Iterator[Reason]:
    if log.min_duration_met is not False:
        return
    found, required = _lasted(log), _min_duration(log)
    change, setting, value = _longer(log, required)
    yield Reason(
        "minimum duration",
        f"the run lasted {_seconds(found)}",
        f"at least {_seconds(required)} is required",
        f"{_share(1 - found / required)} too short" if required else "",
        change,
        setting,
        value,
    )


def _longer(log: DetailLog, required: float) -> tuple[str, str, float | None]:
    """What makes a run last: (sentence, setting, value)."""
    if _erred(log, _MAX_DURATION) or _erred(log, _MAX_QUERIES) or _erred(log, "outstanding"):
        return "remove the bound that ended the run", "", None
    if log.effective.get("performance_issue_unique") is True:
        return "nothing to raise while performance_issue_unique sends each sample once", "", None
    if log.scenario == "Offline":
        # loadgen makes the query 10 % larger than rate x duration, which is the margin here.
        rate = log.number("result_samples_per_second") or 0.0
        qps = math.ceil(rate * 100) / 100
        before = _setting(log, "target_qps")
        return (
            f"raise target_qps from {before:.6g} to at least {qps:.6g}, the rate just measured",
            "target_qps",
            qps,
        )
    if log.scenario == "Server":
        count = math.ceil(required * _setting(log, "target_qps"))
        return f"raise min_query_count to at least {count}", "min_query_count", count
    mean = log.latency_extent_ns.get("mean", 0)
    return (
        "loadgen had too few queries prepared, because it expects each to take longer: "
        f"lower the expected latency (target_latency) to at most {mean / 1e6:.4g} ms, "
        "the mean just measured",
        "target_latency_ns",
        mean,
    )


def _queries(log: DetailLog) -> Iterator[Reason]:
    if log.min_queries_met is not False:
        return
    sent = log.query_count or 0
    bounded = _erred(log, _MAX_DURATION) or _erred(log, _MAX_QUERIES) or _erred(log, "outstanding")
    required = int(_setting(log, "min_query_count"))
    yield Reason(
        "minimum queries",
        f"{sent} queries were sent",
        f"{_queries_due(log)} are required",
        f"{required - sent} missing" if required > sent else "",
        "remove the bound that ended the run"
        if bounded
        else "lower the expected latency (target_latency), so that loadgen prepares more queries",
    )


def _latency(log: DetailLog) -> Iterator[Reason]:
    """Server's bound on a percentile, of the whole answer or of its tokens."""
    if log.perf_constraints_met is not False:
        return
    qps, before = _lower_qps(log), _setting(log, "target_qps")
    completed = log.number("result_completed_samples_per_sec") or 0.0
    change = (
        f"lower target_qps from {before:.6g} to about {qps:.4g}, a tenth below "
        f"the {min(before, completed):.6g} queries/s that were completed"
    )
    for what, found, limit, fastest in _late(log):
        hopeless = fastest is not None and fastest > limit
        yield Reason(
            f"{what} at {_percentile(log)}",
            f"it was {_ms(found)}" if found is not None else _late_share(log),
            f"at most {_ms(limit)} is allowed",
            f"{_digits(found / limit)} times the limit" if found is not None and limit else "",
            f"no lower rate helps, since even the fastest query took {_ms(fastest or 0)}: "
            "the engine has to get faster"
            if hopeless
            else change,
            "" if hopeless else "target_qps",
            None if hopeless else qps,
        )


def _late(log: DetailLog) -> list[tuple[str, float | None, float, float | None]]:
    """(what, found, limit, fastest) in ns for each bound that was broken."""
    wanted = f"{_setting(log, 'target_latency_percentile') * 100:.2f}_percentile"
    if log.requested.get("use_token_latencies") is True:
        rows = [
            (
                "time to first token",
                log.number(f"result_first_token_{wanted}_latency_ns"),
                log.number("requested_server_ttft_latency") or 0.0,
                log.number("result_first_token_min_latency_ns"),
            ),
            (
                "time per output token",
                log.number(f"result_time_per_output_token_{wanted}_ns"),
                log.number("requested_server_tpot_latency") or 0.0,
                log.number("result_time_to_output_token_min"),
            ),
        ]
        return [row for row in rows if row[1] is not None and row[1] > row[2]]
    return [
        (
            "latency",
            log.number(f"result_{wanted}_latency_ns"),
            _setting(log, "target_latency_ns"),
            log.number("result_min_latency_ns"),
        )
    ]


def _early_stopping(log: DetailLog) -> Iterator[Reason]:
    # Where the percentile itself was over the limit, that is the cause, and it has been told.
    if log.early_stopping_met is not False or log.perf_constraints_met is False:
        return
    sent = log.query_count or 0
    texts = [str(v) for k, v in log.values.items() if re.match(r"early_stopping_.*result\Z", k)]
    text = " ".join(texts)
    if log.scenario == "Server":
        more = _MORE.search(text)
        needed = sent + int(more[1]) if more else None
        found = _late_share(log)
        close = (
            f", or lower target_qps a little, to about {_lower_qps(log):.4g}"
            if log.integer("result_overlatency_query_count")
            else ""
        )
    else:
        least = _NEEDED.search(text)
        needed = int(least[1]) if least else None
        found, close = f"{sent} queries were processed", ""
    how_many = f"{needed} queries" if needed is not None else "more queries"
    if needed is not None:
        change = f"raise min_query_count to at least {needed}{_as_time(log, needed)}{close}"
    else:
        change = f"raise min_query_count or min_duration_ms{close}"
    yield Reason(
        "early stopping",
        found,
        f"{how_many} are needed to be sure of {_percentile(log)}",
        f"{needed - sent} missing" if needed is not None else "",
        change,
        "min_query_count",
        needed,
    )


def _as_time(log: DetailLog, queries: int) -> str:
    """The same number of queries as a minimum duration, rounded up with a margin."""
    sent, lasted = log.query_count, _lasted(log)
    if not sent or not lasted:
        return ""
    duration = math.ceil(1.1e3 * lasted / sent * queries)
    # A shorter one than now comes from a run that was ended early, and would change nothing.
    if duration <= _setting(log, "min_duration_ms"):
        return ""
    return f", or min_duration_ms to about {duration}"


def _errors(log: DetailLog) -> Iterator[Reason]:
    """Errors of loadgen that no other reason has told."""
    told = (_MAX_DURATION, _MAX_QUERIES, "Too many outstanding queries")
    ran_out_is_told = log.finished and log.min_duration_met is False
    texts = [e for e in dict.fromkeys(log.errors) if not any(phrase in e for phrase in told)]
    texts = [e for e in texts if not (ran_out_is_told and _RAN_OUT in e)]
    rest = len(texts) - ERRORS_SHOWN
    for number, text in enumerate(texts[:ERRORS_SHOWN], start=1):
        advice = next((a for phrase, a in _ADVICE if phrase in text), "")
        yield Reason(
            "loadgen error",
            f"it logged “{' '.join(text.split())}”",
            "a run has to be free of errors",
            f"and {rest} more" if rest > 0 and number == ERRORS_SHOWN else "",
            advice or f"look around it in {log.path}",
        )


def _unknown(log: DetailLog) -> Reason:
    given = " ".join(str(log.values.get("result_invalid_reason") or "").split())
    return Reason(
        "loadgen's verdict",
        f"it is {log.values.get('result_validity')}" + (f", because “{given}”" if given else ""),
        "VALID is required",
        "",
        f"look for the constraint that is not met in {log.path}",
    )


# ---- numbers and their words


def _erred(log: DetailLog, phrase: str) -> bool:
    return any(phrase in error for error in log.errors)


def _setting(log: DetailLog, name: str) -> float:
    return log.number(f"effective_{name}") or 0.0


def _min_duration(log: DetailLog) -> float:
    return _setting(log, "min_duration_ms") / 1e3


def _queries_due(log: DetailLog) -> str:
    samples = _setting(log, "samples_per_query")
    least = _setting(log, "min_query_count")
    count = f"{least:g} {'query' if least == 1 else 'queries'}"
    return f"{count} of {samples:g} samples" if samples > 1 else count


def _lasted(log: DetailLog) -> float:
    """Seconds that loadgen compares with the minimum duration: in Offline to the last answer, in
    the others to the last query's issue (in Server, to its scheduled time)."""
    sent = log.query_count or 0
    rates = {
        "SingleStream": "result_qps_with_loadgen_overhead",
        "Server": "result_scheduled_samples_per_sec",
    }
    if log.scenario == "Offline":
        return log.latency_extent_ns.get("max", 0) / 1e9
    if log.scenario in rates:
        rate = log.number(rates[log.scenario])
        return (sent - 1) / rate if rate and sent else 0.0
    return max((log.duration_s or 0.0) - log.latency_extent_ns.get("mean", 0) / 1e9, 0.0)


def _lower_qps(log: DetailLog) -> float:
    """A tenth below what the system kept up with."""
    target = _setting(log, "target_qps")
    completed = log.number("result_completed_samples_per_sec") or target
    return 0.9 * min(target, completed)


def _late_share(log: DetailLog) -> str:
    late, sent = log.integer("result_overlatency_query_count"), log.query_count
    if late is None or not sent:
        return f"{sent or 0} queries were processed"
    return f"{late} of {sent} queries were over the latency limit"


def _percentile(log: DetailLog) -> str:
    return f"p{_setting(log, 'target_latency_percentile') * 100:g}"


def _seconds(value: float) -> str:
    return f"{value:.6g} s" if value >= 1 else f"{value * 1e3:.6g} ms"


def _ms(ns: float) -> str:
    return f"{ns / 1e6:.6g} ms"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _share(part: float) -> str:
    return f"{part * 100:.3g} %"
