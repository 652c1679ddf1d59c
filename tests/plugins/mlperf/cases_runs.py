"""Defects of runs: accuracy, performance, compliance, power, and the endpoints harness."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from plugins.mlperf.fabricate import edit_log, log_line
from plugins.mlperf.spoiling import At, Spoil, case, edit_json, touch

DETAIL = "mlperf_log_detail.txt"


def text(kind: str, name: str, content: str | bytes, **names: str) -> Spoil:
    """Gives a file another content."""

    def spoil(a: At) -> None:
        data = content.encode() if isinstance(content, str) else content
        (a.place(kind, **names) / name).write_bytes(data)

    return spoil


def gone(kind: str, name: str = "", **names: str) -> Spoil:
    """Removes a file or folder."""

    def spoil(a: At) -> None:
        path = a.place(kind, **names) / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def extra(kind: str, name: str = "extra.txt", **names: str) -> Spoil:
    return lambda a: touch(a.place(kind, **names) / name)


def append(kind: str, line: str) -> Spoil:
    """Adds a line to a detail log."""

    def spoil(a: At) -> None:
        with (a.place(kind) / DETAIL).open("a", errors="surrogateescape") as file:
            file.write(line + "\n")  # a lone surrogate stands for a byte

    return spoil


def prepend(path: Path, line: str) -> None:
    path.write_text(line + path.read_text())


def error_line(kind: str, message: str = "Loadgen built with uncommitted changes!") -> Spoil:
    return append(kind, log_line("error_runtime", message, is_error=True))


def log(kind: str = "performance", scenario: str = "Offline", **change: Any) -> Spoil:
    return lambda a: a.log(kind, scenario, **change)


def accuracy_text(content: str, keep_hash: bool = True) -> Spoil:
    def spoil(a: At) -> None:
        path = a.place("accuracy") / "accuracy.txt"
        digest = path.read_text().splitlines()[-1]
        path.write_text(content + (digest + "\n" if keep_hash else ""))

    return spoil


def hash_line(digest: str) -> Spoil:
    return lambda a: (a.place("accuracy") / "accuracy.txt").write_text(f"{GOOD}hash={digest}\n")


def summary(old: str, new: str) -> Spoil:
    def spoil(a: At) -> None:
        path = a.place("performance") / "mlperf_log_summary.txt"
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))

    return spoil


LOW = "accuracy=70.000%, good=35000, total=50000\n"
GOOD = "accuracy=76.456%, good=38228, total=50000\n"

ACCURACY = [
    case("no accuracy.txt", gone("accuracy", "accuracy.txt"), "accuracy.no-text"),
    case(
        "no accuracy.txt in open",
        gone("accuracy", "accuracy.txt"),
        "accuracy.no-text",
        division="open",
    ),
    case(
        "no accuracy folder",
        gone("accuracy"),
        "accuracy.no-text",
    ),
    case("no metric", accuracy_text("mAP=75.0\n"), "accuracy.metric-missing"),
    case("a metric that is no number", accuracy_text("accuracy=7.5.3\n"), "accuracy.metric-number"),
    case(
        "a metric that is no number in open",
        accuracy_text("accuracy=.\n"),
        "accuracy.metric-number",
        division="open",
    ),
    case("below the target", accuracy_text(LOW), "accuracy.below-target"),
    case("below it at last", accuracy_text(GOOD + LOW), "accuracy.below-target"),
    case(
        "below the target in open",
        accuracy_text(LOW),
        division="open",
        notes=("accuracy.below-target",),
    ),
    case("no hash", accuracy_text(GOOD, keep_hash=False), "accuracy.no-hash"),
    case(
        "no hash in open",
        accuracy_text(GOOD, keep_hash=False),
        division="open",
        notes=("accuracy.no-hash",),
    ),
    case(
        "a hash of another log",
        text("accuracy", "mlperf_log_accuracy.json", "[ ]"),
        notes=("accuracy.hash-mismatch",),
    ),
    *(
        case(f"a hash of {what}", hash_line(digest), "accuracy.hash-form")
        for what, digest in (("63 digits", "a" * 63), ("other letters", "g" * 64))
    ),
    case("a hash in upper case", hash_line("A" * 64)),
    case(
        "a hash that is none in open",
        hash_line("abc"),
        division="open",
        notes=("accuracy.hash-form",),
    ),
    case(
        "an empty log",
        text("accuracy", "mlperf_log_accuracy.json", ""),
        notes=("accuracy.log-empty", "accuracy.hash-mismatch"),
    ),
    case(
        "an empty summary of accuracy",
        text("accuracy", "mlperf_log_summary.txt", ""),
        notes=("accuracy.summary",),
    ),
    case(
        "two sizes of the data set",
        append("accuracy", log_line("qsl_reported_total_count", 7)),
        "accuracy.contradiction",
        others=True,
    ),
    case("no log", gone("accuracy", "mlperf_log_accuracy.json"), "accuracy.log-missing"),
    case(
        "no log in open",
        gone("accuracy", "mlperf_log_accuracy.json"),
        rounds="v3.1",
        division="open",
        notes=("accuracy.log-missing",),
    ),
    case(
        "a log of 11 KB",
        text("accuracy", "mlperf_log_accuracy.json", "x" * 11 * 1024),
        "accuracy.log-too-large",
    ),
    case("a log of 10 KB", text("accuracy", "mlperf_log_accuracy.json", "x" * 10 * 1024)),
    case("no detail log", gone("accuracy", DETAIL), "accuracy.detail-missing"),
    case("no text at all", text("accuracy", "accuracy.txt", b"\xff\xfe"), "accuracy.no-text"),
    case(
        "a detail log of noise", text("accuracy", DETAIL, b"\x00\xff"), "accuracy.detail-unreadable"
    ),
    case(
        "no summary",
        gone("accuracy", "mlperf_log_summary.txt"),
        notes=("accuracy.file-list",),
    ),
    case("a file too many", extra("accuracy"), notes=("accuracy.file-list",)),
    case("a file too many, looked at", extra("accuracy"), "accuracy.file-list", rounds="v5.1"),
    case("an error of loadgen", error_line("accuracy"), "accuracy.loadgen-error"),
    case(
        "a line cut off",
        append("accuracy", ':::MLLOG {"key": "x'),
        "accuracy.damaged-lines",
    ),
    case(
        "not the whole data set",
        log("accuracy", effective_accuracy_sample_count=100, qsl_reported_total_count=100),
        "accuracy.dataset-size",
    ),
    case(
        "the performance run's log",
        log("accuracy", effective_test_mode="PerformanceOnly"),
        "accuracy.wrong-mode",
    ),
    case(
        "above the limit",
        lambda a: (
            a.add_model("llama3.1-8b-edge", "Offline") / "accuracy" / "accuracy.txt"
        ).write_text("{'rouge1': 40.0, 'gen_len': 9000000}\n"),
        "accuracy.above-limit",
        rounds="v6.1",
        others=True,
    ),
]


def as_server(a: At) -> Path:
    """A language model whose Server run measured its tokens."""
    folder = a.add_model("llama3.1-8b", "Server") / "performance" / "run_1"
    change = {
        "effective_scenario": "Server",
        "requested_use_token_latencies": True,
        "result_first_token_99.00_percentile_latency_ns": 3_000_000_000,
        "result_time_per_output_token_99.00_percentile_ns": 1_000,
    }
    edit_log(folder / DETAIL, change)
    return folder


def other_log(target: str, source: str) -> Spoil:
    """One scenario's log in another's folder."""

    def spoil(a: At) -> None:
        for name in (DETAIL, "mlperf_log_summary.txt"):
            shutil.copy(
                a.place("performance", source) / name, a.place("performance", target) / name
            )

    return spoil


SEED = {"effective_qsl_rng_seed": 1}

PERFORMANCE = [
    case(
        "a model of uneven samples, issued unequally",
        lambda a: a.rename_model("3d-unet-99"),
        "performance.equal-issue",
        rounds="v5.1",
        others=True,
    ),
    case(
        "no run",
        lambda a: a.place("performance").rename(a.place("performance").with_name("run_2")),
        "performance.missing",
    ),
    case(
        "no summary",
        gone("performance", "mlperf_log_summary.txt"),
        "performance.file-list",
    ),
    case(
        "no detail log",
        gone("performance", DETAIL),
        "performance.file-list",
        "performance.detail-unreadable",
    ),
    case("a file too many", extra("performance"), "performance.file-list"),
    case("a trace, tolerated", extra("performance", "mlperf_log_trace.json")),
    case(
        "a detail log of noise",
        text("performance", DETAIL, bytes(range(256)) * 9),
        "performance.detail-unreadable",
    ),
    case(
        "a detail log without end",
        lambda a: os.truncate(a.place("performance") / DETAIL, 3 << 30),
        "performance.detail-unreadable",
        "structure.large-file",
    ),
    case(
        "a folder for a detail log",
        lambda a: (gone("performance", DETAIL)(a), touch(a.place("performance") / DETAIL / "x")),
        "performance.detail-unreadable",
        "performance.file-list",
    ),
    case(
        "a line cut off",
        append("performance", ':::MLLOG {"key": "x'),
        "performance.damaged-lines",
    ),
    case(
        "a line that is none of loadgen's",
        append("performance", "hello"),
        notes=("performance.damaged-lines",),
    ),
    case(
        "a first line that is none of loadgen's",
        lambda a: prepend(a.place("performance") / DETAIL, "hello\n"),
        "performance.damaged-lines",
        rounds="v6.1",
    ),
    *(
        case(f"{what} in a log", append("performance", line), "performance.damaged-lines")
        for what, line in (
            ("a record that has no key", ':::MLLOG {"value": 1, "metadata": {"is_error": false}}'),
            ("a list", ":::MLLOG [1]"),
            ("a record that may be an error", ':::MLLOG {"key": "x", "value": 1, "metadata": {}}'),
            ("a record that says nothing of errors", ':::MLLOG {"key": "x", "value": 1}'),
            ("no number", log_line("x", 1).replace('"value": 1', '"value": -nan')),
            ("a byte that is no text", "\udcff"),
        )
    ),
    case(
        "a blank first line",
        lambda a: prepend(a.place("performance") / DETAIL, "\n"),
        "performance.damaged-lines",
        rounds=("v5.1", "v6.1"),
    ),
    case(
        "an error without the usual blank",
        append("performance", log_line("x", "bad", is_error=True).replace("G {", "G{")),
        "performance.loadgen-error",
    ),
    case(
        "another seed before the right one",
        lambda a: prepend(
            a.place("performance") / DETAIL, log_line("effective_qsl_rng_seed", 1) + "\n"
        ),
        "performance.contradiction",
    ),
    case(
        "INVALID before VALID",
        lambda a: prepend(
            a.place("performance") / DETAIL, log_line("result_validity", "INVALID") + "\n"
        ),
        "performance.contradiction",
    ),
    case("no scenario in the log", log(effective_scenario=None), "performance.scenario"),
    case("a number for a scenario", log(effective_scenario=3), "performance.scenario"),
    case(
        "an empty summary",
        text("performance", "mlperf_log_summary.txt", ""),
        notes=("performance.summary",),
    ),
    case("an INVALID summary", summary(": VALID", ": INVALID"), notes=("performance.summary",)),
    case("another run's summary", summary(": Offline", ": Server"), notes=("performance.summary",)),
    case(
        "no duration in the log",
        log(effective_min_duration_ms=None),
        "performance.incomplete",
    ),
    case(
        "the accuracy run's log",
        log(effective_test_mode="AccuracyOnly"),
        "performance.wrong-mode",
    ),
    case(
        "INVALID",
        log(result_validity="INVALID"),
        "performance.invalid",
        notes=("performance.summary",),
    ),
    case("no verdict", log(result_validity=None), "performance.invalid"),
    case("an error of loadgen", error_line("performance"), "performance.loadgen-error"),
    case("another seed", log(effective_qsl_rng_seed=1), "performance.seeds"),
    case("no seed", log(effective_schedule_rng_seed=None), "performance.seeds"),
    case("another seed in open", log(**SEED), "performance.seeds", division="open"),
    case(
        "too few samples loaded",
        log(effective_performance_sample_count=500),
        "performance.sample-count",
    ),
    case(
        "too few samples in Offline",
        log(effective_samples_per_query=1000),
        "performance.offline-samples",
    ),
    case("no queries", log(effective_min_query_count=0), "performance.query-count"),
    case("too short", log(effective_min_duration_ms=60000), "performance.min-duration"),
    case(
        "early stopping not met",
        log(scenario="SingleStream", early_stopping_met=False),
        "performance.early-stopping",
    ),
    case(
        "a latency bound too high",
        log(scenario="Server", effective_target_latency_ns=15_000_001),
        "performance.target-latency",
        rounds="v3.1",
    ),
    case(
        "Offline from SingleStream",
        other_log("Offline", "SingleStream"),
    ),
    case(
        "Offline from SingleStream without its own result",
        lambda a: (
            other_log("Offline", "SingleStream")(a),
            a.log("performance", "Offline", early_stopping_latency_ss=None),
        ),
        "performance.incomplete",
    ),
    case(
        "MultiStream from SingleStream",
        other_log("MultiStream", "SingleStream"),
    ),
    case(
        "MultiStream from too short a SingleStream",
        lambda a: (
            other_log("MultiStream", "SingleStream")(a),
            a.log("performance", "MultiStream", early_stopping_latency_ms=0),
        ),
        "performance.inferred-estimate",
    ),
    case(
        "SingleStream from Offline",
        other_log("SingleStream", "Offline"),
        "performance.scenario",
    ),
    case(
        "inferred in the data centre",
        lambda a: (
            other_log("Offline", "SingleStream")(a),
            a.edit_system(system_type="datacenter"),
            shutil.rmtree(a.model / "SingleStream"),
            shutil.rmtree(a.model / "MultiStream"),
        ),
        "performance.scenario",
        rounds="v3.1",
        notes=("structure.unused-scenario",),
    ),
    case(
        "no estimate",
        log(scenario="SingleStream", early_stopping_latency_ss=0),
        "performance.no-result",
    ),
    case("no result", log(result_samples_per_second=None), "performance.no-result"),
    case(
        "tokens not measured",
        lambda a: a.add_model("llama3.1-8b-edge", "Offline"),
        "performance.token-latencies",
        rounds="v6.1",
        others=True,
    ),
    case("tokens too late", as_server, "performance.token-limits", rounds="v6.1", others=True),
]


def not_deterministic(baseline: str, compliance: str) -> Spoil:
    """TEST01 without equal bytes, but with these accuracies."""

    def spoil(a: At) -> None:
        folder = a.place("compliance", test="TEST01")
        (folder / "verify_accuracy.txt").write_text("TEST FAIL\n")
        touch(folder / "accuracy" / "baseline_accuracy.txt", baseline)
        touch(folder / "accuracy" / "compliance_accuracy.txt", compliance)

    return spoil


def token_test(a: At) -> None:
    folder = a.add_model("llama3.1-8b", "Offline") / "TEST06"
    touch(folder / "verify_accuracy.txt", "First token check pass: Skipped\n")
    touch(folder / "accuracy" / "mlperf_log_accuracy.json", "[ ]")


RUN = "performance/run_1"
COMPLIANCE = [
    case("no TEST01", gone("compliance", test="TEST01"), "compliance.missing"),
    case("no TEST04", gone("compliance", test="TEST04"), "compliance.missing"),
    case("no TEST05", gone("compliance", test="TEST05"), "compliance.missing", rounds="v3.1"),
    case(
        "no test at all, told once",
        lambda a: [
            shutil.rmtree(a.place("compliance", test=test)) for test in ("TEST01", "TEST04")
        ],
        "compliance.missing",
    ),
    case(
        "the performance run's log in a test",
        lambda a: shutil.copy(
            a.place("performance") / DETAIL, a.place("compliance", test="TEST04") / RUN / DETAIL
        ),
        notes=("compliance.not-audited",),
    ),
    case(
        "a whole log of TEST01",
        text("compliance", "accuracy/mlperf_log_accuracy.json", "x" * 11000, test="TEST01"),
        notes=("compliance.log-too-large",),
    ),
    case(
        "no verdict of a test",
        gone("compliance", "verify_performance.txt", test="TEST04"),
        "compliance.file-missing",
    ),
    case(
        "no accuracy verdict of TEST01",
        gone("compliance", "verify_accuracy.txt", test="TEST01"),
        "compliance.file-missing",
    ),
    case(
        "a test that failed",
        text("compliance", "verify_performance.txt", "TEST FAIL\n", test="TEST04"),
        "compliance.test-failed",
    ),
    case(
        "a file too many in a test",
        extra("compliance", f"{RUN}/extra.txt", test="TEST04"),
        "compliance.file-list",
    ),
    case(
        "no accuracy log of TEST01",
        gone("compliance", "accuracy/mlperf_log_accuracy.json", test="TEST01"),
        "compliance.file-list",
    ),
    case(
        "other seeds in a test",
        lambda a: edit_log(a.place("compliance", test="TEST04") / RUN / DETAIL, SEED),
        "performance.seeds",
    ),
    case(
        "the usual seeds in TEST05",
        lambda a: shutil.copy(
            a.place("performance") / DETAIL, a.place("compliance", test="TEST05") / RUN / DETAIL
        ),
        "performance.seeds",
        rounds="v3.1",
    ),
    case(
        "TEST01 fails, no accuracies",
        text("compliance", "verify_accuracy.txt", "TEST FAIL\n", test="TEST01"),
        "compliance.file-list",
    ),
    case("not deterministic, as accurate", not_deterministic(GOOD, GOOD)),
    case(
        "not deterministic, less accurate",
        not_deterministic(GOOD, LOW),
        "compliance.accuracy-failed",
    ),
    case(
        "not deterministic, not stated",
        not_deterministic(GOOD, "nothing\n"),
        "compliance.accuracy-failed",
    ),
    case(
        "token checks that failed",
        token_test,
        "compliance.token-checks",
        rounds="v6.1",
        others=True,
    ),
    case("no tests in open", lambda a: None, division="open"),
]


def power(**spoil: Any) -> Spoil:
    """Power logs beside a run; `spoil` says how they are wrong."""

    def make(a: At) -> None:
        scenario = spoil.get("scenario", "Offline")
        run, ranging = a.place("performance", scenario), a.place("ranging", scenario)
        moment = spoil.get("moment") or _within(run / DETAIL)
        watts = spoil.get("watts", "101.5")
        sample = f"Time,{moment},Watts,{watts},Volts,230.0,Amps,0.4,PF,1.0,Mark,x_testing\n"
        (run / "spl.txt").write_text(sample)
        shutil.copytree(run, ranging)
        for name in a.round.required_files["power"]:
            touch(a.place("power", scenario) / name, "{}")
        for name in ("analyzer_table.md", "power_settings.md"):
            if a.round.required_files["power_measurements"] and not spoil.get("nothing_beside"):
                touch(a.place("measurements").parent / name)
        if a.round.layout != "v3.1" and "nameplate" in spoil:
            touch(a.home / "systems" / f"{a.system.stem}_power.yaml", spoil["nameplate"])
        then = spoil.get("then")
        if then:
            then(a)

    return make


def samples(line: str) -> Spoil:
    """A further line in the analyzer's log; {moment} is one of the run."""

    def spoil(a: At) -> None:
        path = a.place("performance") / "spl.txt"
        good = path.read_text()
        moment = ",".join(good.split(",")[:2])
        path.write_text(good + line.replace("{moment}", moment))

    return spoil


def _within(detail: Path) -> str:
    """A moment just after the run's begin."""
    from datetime import datetime, timedelta

    form = "%m-%d-%Y %H:%M:%S.%f"
    values = [json.loads(line.split(" ", 1)[1]) for line in detail.read_text().splitlines()]
    begin = next(v["value"] for v in values if v["key"] == "power_begin")
    return (datetime.strptime(begin, form) + timedelta(milliseconds=1)).strftime(form)


VERIFY = ("power.not-verified",)
POWER = [
    case(
        "power logs",
        power(nameplate="psu: {PSUs: [{PowerCapacityWatts: 700}], Min PSUs Needed: 1}\n"),
        notes=VERIFY,
    ),
    case(
        "no capacity",
        power(),
        rounds="v6.1",
        notes=("power.nameplate", *VERIFY),
    ),
    case(
        "a ranging run without a result",
        power(then=log("ranging", result_samples_per_second=None)),
        "power.ranging",
        rounds="v3.1",
        notes=VERIFY,
    ),
    case(
        "a ranging run without a result, not looked at",
        power(then=log("ranging", result_samples_per_second=None)),
        rounds="v6.1",
        notes=("power.ranging", *VERIFY),
    ),
    case(
        "a ranging run of no scenario",
        power(then=log("ranging", effective_scenario=None)),
        "power.ranging",
        rounds="v3.1",
        notes=VERIFY,
    ),
    *(
        case(
            f"a nameplate of {what}",
            power(nameplate=content),
            "power.nameplate",
            rounds="v6.1",
            notes=VERIFY,
        )
        for what, content in (
            ("nothing", ""),
            ("words", "psu: {PSUs: [{PowerCapacityWatts: many}], Min PSUs Needed: 1}\n"),
            ("some", "psu: {PSUs: [{PowerCapacityWatts: 1}], Min PSUs Needed: some}\n"),
            ("one supply", "psu: {PSUs: {PowerCapacityWatts: 1}, Min PSUs Needed: 1}\n"),
            ("numbers", "7: 9\n"),
            ("itself", "a: &a [*a]\n"),
        )
    ),
    case(
        "a nameplate without capacity",
        power(nameplate="psu: {PowerCapacityWatts: 700}\n"),
        rounds="v6.1",
        notes=("power.nameplate", *VERIFY),
    ),
    case(
        "a damaged nameplate",
        power(nameplate="a: [\n"),
        "power.nameplate",
        rounds="v6.1",
        notes=VERIFY,
    ),
    case(
        "ptd_out.txt left",
        power(then=extra("ranging", "ptd_out.txt")),
        "power.file-list",
        notes=VERIFY,
    ),
    case(
        "no spl.txt in the run",
        power(then=gone("performance", "spl.txt")),
        "performance.file-list",
        notes=VERIFY,
    ),
    case(
        "a damaged record",
        power(then=text("power", "server.json", "{")),
        "power.unreadable",
        notes=VERIFY,
    ),
    case(
        "a debug measurement",
        power(then=lambda a: edit_json(a.place("power") / "server.json", debug=True)),
        "power.debug",
        notes=VERIFY,
    ),
    *(
        case(
            f"{what} among the samples",
            power(then=samples(line)),
            "power.damaged-lines",
            notes=VERIFY,
        )
        for what, line in (
            ("another form of time", "Time,2026-01-01 00:00:00,Watts,5.0,Volts,1\n"),
            ("a time alone", "Time\n"),
            ("a word for watts", "{moment},Watts,high,Volts,1\n"),
        )
    ),
    case(
        "another line among the samples",
        power(then=samples("hello, world\n")),
        "power.damaged-lines",
        rounds="v3.1",
        notes=VERIFY,
    ),
    case(
        "another line among the samples, passed over",
        power(then=samples("hello, world\n")),
        rounds="v6.1",
        notes=VERIFY,
    ),
    case(
        "energy of an unknown number of queries",
        lambda a: (
            power(scenario="SingleStream")(a),
            a.log(scenario="SingleStream", result_query_count=None),
        ),
        "performance.incomplete",
        notes=VERIFY,
    ),
    case("no sample in the run", power(moment="01-01-2020 00:00:00.000"), "power.samples"),
    case("no power", power(watts="0.0"), "power.samples"),
    case(
        "nothing beside the measurements",
        power(nothing_beside=True),
        "power.measurement-files",
        rounds="v3.1",
        notes=VERIFY,
    ),
]


def endpoints(model: str = "llama3.1-8b-edge", then: Spoil | None = None) -> Spoil:
    """A model whose results come from the endpoints harness."""

    def make(a: At) -> None:
        for scenario in ("SingleStream", "Offline"):
            folder = a.model.with_name(model) / scenario
            shutil.copytree(a.place("measurements"), folder, ignore=_only_files)
            touch(folder / "config.yaml", "model: x\n")
            touch(folder / "performance" / "result_summary.json", "{}")
            touch(folder / "accuracy" / "accuracy_results.json", "{}")
        if then is not None:
            then(a)

    return make


def _only_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_dir()]


def _of_endpoint(a: At, name: str) -> Path:
    return a.model.with_name("llama3.1-8b-edge") / "Offline" / name


FORM_ONLY = ("endpoints.not-verified",)
ENDPOINTS = [
    case("endpoints", endpoints(), rounds="v6.1", notes=FORM_ONLY),
    case(
        "endpoints, no user.conf needed",
        endpoints(then=lambda a: _of_endpoint(a, "user.conf").unlink()),
        rounds="v6.1",
    ),
    case(
        "endpoints of another model",
        endpoints("bert-99"),
        "endpoints.model",
        rounds="v6.1",
    ),
    case(
        "endpoints without a configuration",
        endpoints(then=lambda a: _of_endpoint(a, "config.yaml").unlink()),
        "endpoints.file-missing",
        rounds="v6.1",
    ),
    case(
        "a damaged result",
        endpoints(
            then=lambda a: _of_endpoint(a, "performance/result_summary.json").write_text("[")
        ),
        "endpoints.unreadable",
        rounds="v6.1",
    ),
    case(
        "a damaged configuration",
        endpoints(then=lambda a: _of_endpoint(a, "config.yaml").write_text("a: [")),
        "endpoints.unreadable",
        rounds="v6.1",
    ),
    case(
        "an audit that failed",
        endpoints(then=lambda a: touch(_of_endpoint(a, "audit/audit_x.json"), '{"passed": false}')),
        "endpoints.audit-failed",
        rounds="v6.1",
    ),
]

RUNS = [*ACCURACY, *PERFORMANCE, *COMPLIANCE, *POWER, *ENDPOINTS]
