"""Submissions to test with: real logs of short runs, and results that point at them.

`official` results come from logs whose bounds are edited to those of the rules, since nobody wants
to wait ten minutes for each; `tiny` results are left as loadgen wrote them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Submission
from benchwright.results import RunResult
from benchwright.rounds import Round, load_round
from benchwright.rounds.conf import audit_config_text, user_conf_text

ROUNDS = ("v3.0", "v3.1", "v5.1", "v6.0", "v6.1")
OLD = ("v3.0", "v3.1")
SCENARIOS = {
    name: ("SingleStream", "MultiStream", *(["Server"] if name in OLD else []), "Offline")
    for name in ROUNDS
}
CATEGORIES = {name: ("edge", "datacenter") if name in OLD else ("edge",) for name in ROUNDS}
TESTS = {name: ("TEST01", "TEST04", *(["TEST05"] if name in OLD else [])) for name in ROUNDS}
AUDITED: dict[str, dict[str, Any]] = {
    "TEST01": {"accuracy_log_sampling_target": 4096},
    "TEST04": {"performance_issue_same": True, "performance_issue_unique": False},
}
"""What loadgen logs of a test's settings."""

ACCURACY_TEXT = "accuracy=76.456%, good=38228, total=50000\n"

SYSTEM: dict[str, Any] = {
    "status": "available",
    "system_name": "Acme Box",
    "number_of_nodes": "1",
    "host_processor_model_name": "Acme 9000",
    "host_processors_per_node": "2",
    "host_processor_core_count": "32",
    "host_processor_frequency": "3000 MHz",
    "host_processor_caches": "",
    "host_processor_interconnect": "",
    "host_memory_capacity": "256 GB",
    "host_memory_configuration": "16x 16 GB",
    "host_storage_capacity": "1 TB",
    "host_storage_type": "NVMe",
    "host_networking": "Ethernet",
    "host_networking_topology": "N/A",
    "host_network_card_count": "1",
    "accelerators_per_node": "0",
    "accelerator_model_name": "N/A",
    "operating_system": "Linux",
    "cooling": "air",
    "system_type_detail": "",
}

DETAILS: dict[str, Any] = {
    "conf_key": "resnet50",
    "versions": {"onnxruntime": "1.31.1", "numpy": "2.4.6"},
    "loadgen": {"version": "6.0.17"},
    "user_conf": {"min_duration": 600000},
    "input_data_types": "fp32",
    "weight_data_types": "fp32",
    "weight_transformations": "No",
    "weights": "https://example.org/resnet50.onnx",
    "settings": {"min_duration_ms": 600000},
    "started": "2026-05-06T07:08:09+00:00",
}


def run_loadgen(folder: Path, round_: Round, scenario: str, mode: str, *, tiny: bool) -> None:
    """One run of a system that answers at once, its logs in `folder`."""
    folder.mkdir(parents=True)
    samples = 64 if tiny else 50_000
    # What the log then says of latencies has to hold on a busy machine.
    settings: dict[str, Any] = {
        "scenario": scenario,
        "mode": mode,
        "min_duration_ms": 10,
        "min_query_count": {"SingleStream": 1024, "Offline": 64 if tiny else 24_576}.get(
            scenario, 662
        ),
        "single_stream_expected_latency_ns": 2_000,
        "multi_stream_expected_latency_ns": 8_000,
        "server_target_qps": 5_000.0,
        "server_target_latency_ns": 10_000_000_000,
        "offline_expected_qps": 1_000.0,
        "qsl_rng_seed": round_.seeds.qsl_rng_seed,
        "sample_index_rng_seed": round_.seeds.sample_index_rng_seed,
        "schedule_rng_seed": round_.seeds.schedule_rng_seed,
    }
    spec = {
        "folder": str(folder),
        "total": samples,
        "loaded": min(samples, 1024),
        "nap_s": 0.02 if (scenario, mode) == ("Offline", "PerformanceOnly") else 0,
        "settings": settings,
    }
    child = Path(__file__).with_name("loadgen_child.py")
    subprocess.run([sys.executable, str(child), json.dumps(spec)], check=True, timeout=120)


def edit_log(path: Path, change: Mapping[str, Any]) -> None:
    """Gives keys of a detail log other values; None removes a key, a new one is added."""
    left = dict(change)
    lines = []
    for line in path.read_text().splitlines():
        record = json.loads(line.removeprefix(":::MLLOG "))
        key = record["key"]
        if key in change:
            left.pop(key, None)
            if change[key] is None:
                continue
            record["value"] = change[key]
        lines.append(f":::MLLOG {json.dumps(record)}")
    for key, value in left.items():
        if value is not None:
            lines.append(log_line(key, value))
    path.write_text("\n".join(lines) + "\n")


def shorten_log(path: Path) -> None:
    """Leaves out half a megabyte that no rule looks at: sample numbers and loadgen's own state."""
    noise = ('"key": "loaded_qsl_set"', '"key": "logger_', '"key": "warning_generic_message"')
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not any(words in line for words in noise)]
    path.write_text("\n".join(kept) + "\n")


def log_line(key: str, value: Any, **flags: bool) -> str:
    """One record of a detail log."""
    metadata = {"is_error": False, "is_warning": False, "file": "x.cc", "line_no": 1, **flags}
    head = {"key": key, "value": value, "time_ms": 1.0, "namespace": "mlperf::logging"}
    tail = {"event_type": "POINT_IN_TIME", "metadata": metadata, "pid": 1, "tid": 1}
    return f":::MLLOG {json.dumps({**head, **tail})}"


class Workshop:
    """Makes runs once and submissions from them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[tuple[str, str, str, bool], Path] = {}

    def logs(self, round_name: str, scenario: str, mode: str, *, tiny: bool) -> Path:
        """The folder of a run's logs, as loadgen wrote them."""
        key = (round_name, scenario, mode, tiny)
        if key not in self._logs:
            folder = self._folder / "logs" / "-".join(map(str, key))
            run_loadgen(folder, load_round(round_name), scenario, mode, tiny=tiny)
            self._logs[key] = folder
        return self._logs[key]

    def results(self, round_name: str, *, official: bool) -> list[RunResult]:
        """The runs of resnet50 in every scenario, with compliance tests when official."""
        found = []
        for scenario in SCENARIOS[round_name]:
            for mode in ("performance", "accuracy"):
                found.append(self._result(round_name, scenario, mode, None, official))
            for test in TESTS[round_name] if official else ():
                found.append(self._result(round_name, scenario, "compliance", test, official))
        return found

    def _result(
        self, round_name: str, scenario: str, mode: str, test: str | None, official: bool
    ) -> RunResult:
        round_ = load_round(round_name)
        preset = "official" if official else "tiny"
        folder = self._folder / round_name / preset / scenario / (test or mode)
        if not folder.exists():
            self._fill(folder, round_, scenario, mode, test, official)
        return RunResult(
            task=f"{mode}:resnet50-{preset}/onnxruntime/{scenario}{f'/{test}' if test else ''}",
            benchmark="resnet50",
            preset=preset,
            backend="onnxruntime",
            precision="fp32",
            system="local",
            scenario=scenario,
            mode=mode,
            test=test,
            metric="samples per second" if mode == "performance" else None,
            value=1234.5 if mode == "performance" else None,
            unit="samples/s" if mode == "performance" else None,
            valid=True,
            accuracy=76.456 if mode == "accuracy" else None,
            official=official,
            unofficial=() if official else ("duration quick", "preset tiny"),
            path=str(folder),
            details=DETAILS,
        )

    def _fill(
        self,
        folder: Path,
        round_: Round,
        scenario: str,
        mode: str,
        test: str | None,
        official: bool,
    ) -> None:
        accuracy = mode == "accuracy"
        source = self.logs(
            round_.name,
            # One accuracy run serves all scenarios: what it covers is the same.
            "Offline" if accuracy else scenario,
            "AccuracyOnly" if accuracy else "PerformanceOnly",
            tiny=not official,
        )
        shutil.copytree(source, folder)
        settings = {"min_duration": 600000} if official else {"min_duration": 10}
        (folder / "user.conf").write_text(user_conf_text("resnet50", scenario, settings))
        if accuracy:
            (folder / "accuracy.txt").write_text(ACCURACY_TEXT)
        change: dict[str, Any] = {}
        if not accuracy:
            if official:
                change["effective_min_duration_ms"] = 600000
            if scenario == "Server":
                change["effective_target_latency_ns"] = 15_000_000
            for name, value in AUDITED.get(test or "", {}).items():
                change[f"effective_{name}"] = value
            if test == "TEST05" and round_.test05_seeds is not None:
                for name in ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed"):
                    change[f"effective_{name}"] = getattr(round_.test05_seeds, name)
        if official:
            shorten_log(folder / "mlperf_log_detail.txt")
        edit_log(folder / "mlperf_log_detail.txt", change)
        if test is not None:
            (folder / "audit.config").write_text(audit_config_text(round_, test, "resnet50"))
            (folder / "verify_performance.txt").write_text("TEST PASS\n")
        if test == "TEST01":
            (folder / "verify_accuracy.txt").write_text("TEST PASS\n")
            (folder / "accuracy.txt").write_text(ACCURACY_TEXT)
            name = "mlperf_log_accuracy.json"
            log = self.logs(round_.name, "Offline", "AccuracyOnly", tiny=not official) / name
            entries = log.read_text().splitlines()[1:40]
            (folder / name).write_text("\n".join(["[", *entries, entries[0].rstrip(","), "]\n"]))

    def submission(self, round_name: str, division: str, **change: Any) -> Submission:
        """A submission of these results; official in the closed division."""
        official = change.pop("official", division == "closed")
        results = change.pop("results", None)
        values: dict[str, Any] = {
            "round": load_round(round_name),
            "division": division,
            "categories": CATEGORIES[round_name],
            "submitter": "Acme",
            "system_name": "Acme-Box",
            "system": SYSTEM,
            "results": self.results(round_name, official=official) if results is None else results,
            "command": "benchwright run -c acme.yaml",
            "campaign": f"round: {round_name}\n",
            "official": official,
        }
        return Submission(**{**values, **change})
