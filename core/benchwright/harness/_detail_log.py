"""The detail log itself: its records, read line by line into a `DetailLog`.

What is made of it (the metric, settings that did not arrive) is in `logs`, the public door; why a
run is INVALID is told by `verdict`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from benchwright.contracts.probe import JSON
from benchwright.errors import BenchwrightError

DETAIL_FILE = "mlperf_log_detail.txt"
SUMMARY_FILE = "mlperf_log_summary.txt"
ACCURACY_FILE = "mlperf_log_accuracy.json"

TOTAL_COUNT = "qsl_reported_total_count"
PERFORMANCE_COUNT = "qsl_reported_performance_count"

MESSAGES_KEPT = 1000
"""Errors and warnings kept per log. A broken system under test can cause one per sample."""

_MARK = b":::MLLOG"
# A line longer than this is no record: the longest ones list a loaded sample set, a few MB.
_LINE_LIMIT = 1 << 26
# loadgen prints doubles as C++ does, so a rate over no time at all is not JSON: `"value": -nan`.
_NOT_A_NUMBER = re.compile(rb'"value": (-?)(nan|inf),')
_PERCENTILE = re.compile(r"result_(\d+(?:\.\d+)?)_percentile_(per_query_)?latency_ns\Z")
_LAST_RESULT = "result_99.90_percentile_latency_ns"


@dataclass(frozen=True, slots=True)
class DetailLog:
    """One run's detail log.

    values: the last value of each key. errors, warnings: their texts in order, each at most
    `MESSAGES_KEPT`. version: as logged, such as `6.0.17 @ d6147c7eb7`. finished: the run came to
    its end, so that the results (or, in an accuracy run, all responses) are there. duration_s:
    seconds from the first query to the last answer, to a millisecond, added up over the sample
    sets of an accuracy run. sample_count: samples issued. last_key: of the newest record.
    skipped_lines: lines that are no whole record, such as a last line cut off when the process
    was killed. contradicted: keys that were logged again with another value, as some are for each
    sample set of an accuracy run.
    """

    path: Path
    values: Mapping[str, JSON]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    version: str
    scenario: str
    mode: str
    finished: bool
    duration_s: float | None
    sample_count: int | None
    last_key: str = ""
    skipped_lines: int = 0
    contradicted: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """loadgen called the result VALID, and the log is whole. Never true of an accuracy run."""
        return self.finished and self.values.get("result_validity") == "VALID"

    @property
    def early_stopping_met(self) -> bool | None:
        return self._flag("early_stopping_met")

    @property
    def min_duration_met(self) -> bool | None:
        return self._flag("result_min_duration_met")

    @property
    def min_queries_met(self) -> bool | None:
        return self._flag("result_min_queries_met")

    @property
    def perf_constraints_met(self) -> bool | None:
        """Server only: the latency bound held at the scenario's percentile."""
        return self._flag("result_perf_constraints_met")

    @property
    def effective(self) -> dict[str, JSON]:
        """The settings loadgen ran with, without their prefix: `min_duration_ms`, …"""
        return self._prefixed("effective_")

    @property
    def requested(self) -> dict[str, JSON]:
        """The settings loadgen was given (an audit file included), without their prefix."""
        return self._prefixed("requested_")

    @property
    def query_count(self) -> int | None:
        """Queries issued in a performance run; an Offline run has one."""
        return self.integer("result_query_count")

    @property
    def qsl_total_count(self) -> int | None:
        """Samples in the data set, as the library told loadgen."""
        return self.integer(TOTAL_COUNT)

    @property
    def qsl_performance_count(self) -> int | None:
        """Samples loaded at a time, as the library told loadgen; a setting may override it."""
        return self.integer(PERFORMANCE_COUNT)

    @property
    def latency_ns(self) -> dict[float, int]:
        """Latency in ns by percentile (50.0, 90.0, … 99.9): per query in MultiStream, else per
        sample. An Offline sample's latency counts from the start of the whole run."""
        per_query = self.scenario == "MultiStream"
        found: dict[float, int] = {}
        for key, value in self.values.items():
            match = _PERCENTILE.match(key)
            if match and bool(match[2]) == per_query and isinstance(value, int):
                found[float(match[1])] = value
        return dict(sorted(found.items()))

    @property
    def latency_extent_ns(self) -> dict[str, int]:
        """`min`, `mean` and `max` latency in ns, of the same things as `latency_ns`."""
        what = "query_latency_ns" if self.scenario == "MultiStream" else "latency_ns"
        named = {name: self.integer(f"result_{name}_{what}") for name in ("min", "mean", "max")}
        return {name: value for name, value in named.items() if value is not None}

    def integer(self, key: str) -> int | None:
        """The key's value when it is a whole number."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        """The key's value when it is a finite number."""
        return finite(self.values.get(key))

    def _flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        return value if isinstance(value, bool) else None

    def _prefixed(self, prefix: str) -> dict[str, JSON]:
        return {k.removeprefix(prefix): v for k, v in self.values.items() if k.startswith(prefix)}


@dataclass(slots=True)
class _Tally:
    """What reading adds up as records go by."""

    values: dict[str, JSON] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sets: int = 0
    samples: int = 0
    seconds: float = 0.0
    skipped: int = 0
    last: str = ""
    contradicted: dict[str, None] = field(default_factory=dict)

    def add(self, record: dict[str, JSON]) -> None:
        key, value, metadata = str(record["key"]), record["value"], record.get("metadata")
        if isinstance(metadata, dict):
            for flag, kept in (("is_error", self.errors), ("is_warning", self.warnings)):
                if metadata.get(flag) and len(kept) < MESSAGES_KEPT:
                    kept.append(value if isinstance(value, str) else json.dumps(value))
        if key in self.values and self.values[key] != value:
            self.contradicted[key] = None
        self.values[key] = value
        self.last = key
        if key == "generated_samples_per_query":
            queries = self.values.get("generated_query_count")
            if isinstance(queries, int) and isinstance(value, int):
                self.samples += queries * value
        elif key == "power_end":
            self.sets += 1
            self.seconds += _between(self.values.get("power_begin"), value)


def read_detail(path: Path) -> DetailLog:
    """Reads an `mlperf_log_detail.txt`, line by line.

    Raises BenchwrightError when the file cannot be read or holds no loadgen record at all.
    """
    tally = _Tally()
    try:
        for record in _records(path):
            if record is None:
                tally.skipped += 1
            else:
                tally.add(record)
    except OSError as error:
        raise BenchwrightError(
            "loadgen's detail log cannot be read",
            where=str(path),
            why=error.strerror or str(error),
            fix="the run may not have started; look at its own output, then run it again",
        ) from error
    if not tally.values:
        raise BenchwrightError(
            "this is no detail log of loadgen",
            where=str(path),
            why="it is empty"
            if not tally.skipped
            else f"none of its {tally.skipped} lines is a `:::MLLOG` record",
            fix=f"give a run's {DETAIL_FILE}; an empty one means that the run was killed early",
        )
    return _finish(path, tally)


def _records(path: Path) -> Iterator[dict[str, JSON] | None]:
    """Each line's record; None for a line that is none. Blank lines are passed over."""
    with path.open("rb") as file:
        while line := file.readline(_LINE_LIMIT):
            if not line.startswith(_MARK):
                if not line.isspace():
                    yield None
                continue
            text = _NOT_A_NUMBER.sub(_as_json, line[len(_MARK) :], count=1)
            try:
                record = json.loads(text.decode("utf-8", "replace"), parse_int=_whole)
            except (ValueError, RecursionError):
                yield None
                continue
            whole = isinstance(record, dict) and isinstance(record.get("key"), str)
            yield record if whole and "value" in record else None


def _whole(digits: str) -> int | float:
    """loadgen's integers have 64 bits; an endless row of digits is damage, and no integer."""
    return int(digits) if len(digits) <= 20 else float(digits)


def _as_json(match: re.Match[bytes]) -> bytes:
    word = b"NaN" if match[2] == b"nan" else match[1] + b"Infinity"
    return b'"value": ' + word + b","


def _finish(path: Path, tally: _Tally) -> DetailLog:
    values = tally.values

    def text(*keys: str) -> str:
        return next((v for k in keys if isinstance(v := values.get(k), str)), "")

    mode = text("effective_test_mode", "requested_test_mode")
    samples: int | None = tally.samples
    if mode == "AccuracyOnly":
        total = values.get("effective_accuracy_sample_count", values.get(TOTAL_COUNT))
        loaded = values.get("effective_performance_sample_count")
        finished = (
            isinstance(total, int)
            and isinstance(loaded, int)
            and loaded > 0
            # One interval per loaded set. The last thing logged in this mode is its end.
            and tally.sets >= -(-total // loaded)
        )
    else:
        finished = "result_validity" in values and _LAST_RESULT in values
        queries, size = values.get("result_query_count"), values.get("generated_samples_per_query")
        samples = queries * size if isinstance(queries, int) and isinstance(size, int) else None
    return DetailLog(
        path=path,
        values=MappingProxyType(values),
        errors=tuple(tally.errors),
        warnings=tuple(tally.warnings),
        version=text("loadgen_version"),
        scenario=text("effective_scenario", "requested_scenario"),
        mode=mode,
        finished=finished,
        duration_s=round(tally.seconds, 3) if tally.sets else None,
        sample_count=samples,
        last_key=tally.last,
        skipped_lines=tally.skipped,
        contradicted=tuple(tally.contradicted),
    )


def _between(begin: JSON, end: JSON) -> float:
    """Seconds between two of loadgen's time stamps, which are in UTC."""
    try:
        form = "%m-%d-%Y %H:%M:%S.%f"
        delta = datetime.strptime(str(end), form) - datetime.strptime(str(begin), form)
    except ValueError:
        return 0.0
    return max(delta.total_seconds(), 0.0)


def finite(value: JSON) -> float | None:
    """The value as a float when it is a number, and a finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None
