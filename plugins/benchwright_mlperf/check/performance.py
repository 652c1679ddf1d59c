"""The performance run's log: verdict, seeds, settings, result. Compliance tests' runs are held to
the same rules."""

from __future__ import annotations

from benchwright.harness.logs import DETAIL_FILE, DetailLog
from benchwright.harness.verdict import explain
from benchwright.rounds import RoundModel
from benchwright_mlperf.check.entry import Entry
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.logs import (
    check_errors,
    check_lines,
    check_once,
    check_summary,
    file_differences,
)
from benchwright_mlperf.check.report import Report, listed

_SINGLE_PASS = ("e2e-rag-qna", "e2e-rag-db")
"""Models whose runs pass over their data set once, however long that takes."""

_NETWORK_NAME = "Network SUT"
_INFERRED_RESULT = {
    ("Offline", "SingleStream"): "result_qps_without_loadgen_overhead",
    ("Offline", "MultiStream"): "result_mean_query_latency_ns",
    ("MultiStream", "SingleStream"): "early_stopping_latency_ms",
}
"""(folder's scenario, log's scenario) → what the folder's result is computed from."""


def check_performance(tree: Tree, report: Report, entry: Entry) -> None:
    """One scenario's performance run."""
    folder = entry.place("performance")
    required = list(report.round.required_files["performance"])
    if entry.power:
        required += report.round.required_files["power_run"]
    if not tree.is_folder(folder):
        told = tree.kind(folder)
        report.add("performance.missing", folder, told, files=listed(required))
        return
    tolerated = report.round.tolerated_files["performance"]
    differences = file_differences(tree, folder, required, tolerated)
    if differences:
        told = ", ".join(differences)
        report.add("performance.file-list", folder, told, files=listed(required))
    check_run(tree, report, entry, folder)


def check_run(tree: Tree, report: Report, entry: Entry, folder: str, test: str = "") -> None:
    """The detail log in a run's folder. test: the compliance test that the run belongs to."""
    path = join(folder, DETAIL_FILE)
    log = report.read("performance.detail-unreadable", path, tree.detail)
    if log is None:
        return
    check_lines(tree, report, "performance.damaged-lines", path)
    check_once(report, "performance.contradiction", path, log)
    check_summary(tree, report, "performance.summary", folder, log)
    check = _Run(report, entry, path, log)
    check.verdict()
    check.seeds(test)
    scenario = check.scenario()
    if scenario is not None:
        check.settings(scenario)
        check.result(scenario)
    check.network()


class _Run:
    """The rules on one log."""

    def __init__(self, report: Report, entry: Entry, path: str, log: DetailLog) -> None:
        self._report = report
        self._round = report.round
        self._entry = entry
        self._path = path
        self._log = log

    def _add(self, rule: str, found: str, **values: object) -> None:
        self._report.add(f"performance.{rule}", self._path, found, **values)

    def _number(self, key: str) -> float | None:
        """A number of the log; a log without it is not whole."""
        value = self._log.number(key)
        if value is None:
            self._add("incomplete", f"`{key}` is {self._log.values.get(key)!r}", key=key)
        return value

    def verdict(self) -> None:
        """What loadgen said of the run."""
        log = self._log
        if log.mode == "AccuracyOnly":
            self._add("wrong-mode", f"a run in mode {log.mode}")
            return
        if log.values.get("result_validity") != "VALID":
            why = "; ".join(str(reason) for reason in explain(log))
            validity = log.values.get("result_validity", "no verdict at all")
            self._add("invalid", f"{validity}: {why}" if why else str(validity))
        check_errors(self._report, "performance.loadgen-error", self._path, log)

    def seeds(self, test: str) -> None:
        """The three seeds, exactly."""
        seeds = self._round.seeds
        if test == "TEST05" and self._round.test05_seeds is not None:
            seeds = self._round.test05_seeds
        for name in ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed"):
            found, required = self._log.values.get(f"effective_{name}"), getattr(seeds, name)
            if found != required or isinstance(found, bool):
                told = f"{name} is {found}"
                self._add("seeds", told, seed=name, required=required, round=self._round.name)

    def scenario(self) -> str | None:
        """loadgen's scenario of the log, when it may stand in this folder."""
        # What was requested says nothing to the official checkers.
        wanted, found = self._entry.scenario, str(self._log.values.get("effective_scenario", ""))
        if found == ("Server" if wanted == "Interactive" else wanted):
            return found
        allowed = self._round.inferable.get(wanted, ()) if self._entry.edge else ()
        if found in allowed:
            return found
        inferred = f", or on an edge system of {listed(allowed)}" if allowed else ""
        told = f"a {found} run" if found else "a run of no scenario"
        self._add("scenario", told, scenario=wanted, inferred=inferred)
        return None

    def settings(self, scenario: str) -> None:
        """Durations, counts and bounds that the run was made with."""
        model = self._entry.model
        if model is None or model.name not in _SINGLE_PASS:
            self._at_least(
                "min-duration", "effective_min_duration_ms", self._round.limits.min_duration_ms
            )
        if scenario != "Offline" and self._log.early_stopping_met is not True:
            self._add("early-stopping", f"early_stopping_met is {self._log.early_stopping_met}")
        if model is None:
            return
        key = model.loadgen_name(self._entry.scenario)[0]
        if self._round.conf(key, scenario).get("sample_concatenate_permutation"):
            found = self._log.values.get("effective_sample_concatenate_permutation")
            if found is not True and self._round.verdicts.equal_issue == "error":
                self._add("equal-issue", f"it is {found}")
        self._at_least(
            "sample-count",
            "effective_performance_sample_count",
            model.performance_sample_count_min,
        )
        if scenario == "Offline":
            least = model.min_queries.get("Offline", 0)
            self._at_least("query-count", "effective_min_query_count", least)
            self._at_least(
                "offline-samples", "effective_samples_per_query", model.offline_min_samples or 0
            )
        self._latency_bound(model, scenario)
        self._token_latencies(model)

    def _at_least(self, rule: str, key: str, required: float) -> None:
        value = self._number(key)
        if value is not None and value < required:
            self._add(rule, f"{key} is {value:.12g}", required=required)

    def _latency_bound(self, model: RoundModel, scenario: str) -> None:
        limits = model.latency_limit_ns
        limit = limits.get(self._entry.scenario, limits.get(scenario))
        if limit is None or scenario == "Offline":
            return
        value = self._number("effective_target_latency_ns")
        if value is not None and value > limit:
            self._add("target-latency", f"{value:.12g} ns", required=limit)

    def _token_latencies(self, model: RoundModel) -> None:
        """Language models, where the round measures their tokens one by one."""
        key, scenario = model.loadgen_name(self._entry.scenario)
        limits = model.token_latency_limit_ns.get(self._entry.scenario, {})
        wanted = self._round.conf(key, scenario).get("use_token_latencies")
        if not limits and not wanted:
            return
        if not self._log.values.get("requested_use_token_latencies"):
            self._add("token-latencies", "use_token_latencies is off")
            return
        keys = {
            "ttft": "result_first_token_99.00_percentile_latency_ns",
            "tpot": "result_time_per_output_token_99.00_percentile_ns",
        }
        for metric, limit in limits.items():
            value = self._number(keys[metric])
            if value is not None and value >= limit:
                told = f"{metric} of {value:.12g} ns"
                self._add("token-limits", told, metric=metric, required=limit)

    def result(self, scenario: str) -> None:
        """The number that will be published."""
        folder = self._entry.scenario
        inferred = _INFERRED_RESULT.get((folder, scenario))
        if inferred is None:
            self._above_zero("no-result", self._key(folder))
            return
        rule = "inferred-estimate" if folder == "MultiStream" else "no-result"
        self._above_zero(rule, inferred)
        # The official checkers read the run's own result before they infer another.
        self._number(self._key(scenario))

    def _key(self, scenario: str) -> str:
        model = self._entry.model
        if model is None:
            return self._round.metric_keys[scenario]
        return self._round.metric_key(model, scenario)

    def _above_zero(self, rule: str, key: str) -> None:
        value = self._log.number(key)
        if value is None or value <= 0:
            least = self._round.limits.early_stopping_min_queries.get(self._entry.scenario, 0)
            told = f"`{key}` is {self._log.values.get(key)}"
            self._add(rule, told, key=key, required=least)

    def network(self) -> None:
        """A system over the network has to say so in its name."""
        name = str(self._log.values.get("sut_name", ""))
        if self._report.division == "closed":
            # A network there is wrong already.
            return
        if self._entry.system.network and _NETWORK_NAME not in name:
            self._add("network-name", f"`{name}`")
