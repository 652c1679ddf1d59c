"""The flat table: its columns by round, what fills them, and what its check finds."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchwright.contracts.formatter import Submission
from benchwright.results import RunResult
from benchwright.rounds import load_round
from benchwright_table.columns import columns, describe_system
from benchwright_table.formatter import TableFormatter

SYSTEM: dict[str, Any] = {
    "status": "available",
    "number_of_nodes": "2",
    "accelerators_per_node": "4",
    "host_processor_model_name": 'Acme, "9000"',
    "hw_notes": "fast",
}


def run(scenario: str, mode: str, test: str | None = None, **change: Any) -> RunResult:
    values: dict[str, Any] = {
        "task": f"{mode}:{scenario}{test or ''}",
        "benchmark": "resnet50",
        "preset": "tiny",
        "backend": "onnxruntime",
        "precision": "fp32",
        "system": "box",
        "scenario": scenario,
        "mode": mode,
        "test": test,
        "value": None if mode == "accuracy" else 12.5,
        "unit": None if mode == "accuracy" else "ms",
        "valid": True,
        "accuracy": 76.5 if mode == "accuracy" else None,
        "accuracies": ({"metric": "acc", "value": 76.5},) if mode == "accuracy" else (),
        "details": {"weight_data_types": "fp32"},
    }
    return RunResult(**{**values, **change})


def submission(round_name: str = "v3.1", **change: Any) -> Submission:
    values: dict[str, Any] = {
        "round": load_round(round_name),
        "division": "open",
        "categories": ("edge",),
        "submitter": "Acme",
        "system_name": "box",
        "system": SYSTEM,
        "results": [run("SingleStream", "performance"), run("SingleStream", "accuracy")],
        "command": "benchwright run",
        "campaign": "",
        "official": False,
    }
    return Submission(**{**values, **change})


def table(out: Path, given: Submission) -> list[dict[str, str]]:
    out.mkdir(exist_ok=True)
    TableFormatter().write(given, out)
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("round_name", "count", "last"),
    [
        ("v3.0", 27, "Units"),
        ("v3.1", 27, "Units"),
        ("v5.1", 28, "weight_data_types"),
        ("v6.0", 31, "PrivateID"),
        ("v6.1", 31, "PrivateID"),
    ],
)
def test_columns_are_those_of_the_rounds_summary(round_name: str, count: int, last: str) -> None:
    found = columns(load_round(round_name))
    assert (len(found), found[-1]) == (count, last)
    assert found[:3] == ("Organization", "Availability", "Division")
    assert len(set(found)) == count


def test_a_row(tmp_path: Path) -> None:
    (row,) = table(tmp_path, submission())
    expected = {
        "Organization": "Acme",
        "Availability": "available",
        "SystemType": "edge",
        "Platform": "box-onnxruntime",
        "Model": "resnet50",
        "MlperfModel": "resnet",
        "Scenario": "SingleStream",
        "Result": "12.5",
        "Accuracy": "76.5",
        "host_processor_model_name": 'Acme, "9000"',
        "Location": "open/Acme/results/box-onnxruntime/resnet50/SingleStream",
        "notes": "fast",
        "compliance": "0",
        "errors": "0",
        "Units": "Latency (ms)",
    }
    assert {name: row[name] for name in expected} == expected
    (line,) = (tmp_path / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["Result"] == 12.5


def test_later_rounds_name_the_metric_and_count_accelerators(tmp_path: Path) -> None:
    (row,) = table(tmp_path, submission("v6.1"))
    assert (row["Accuracy"], row["total_accelerators"]) == ("acc: 76.5", "8")
    assert row["weight_data_types"] == "fp32"


@pytest.mark.parametrize(
    ("failed", "compliance", "errors"), [(None, "1", "0"), ("TEST04", "0", "1")]
)
def test_compliance_and_what_failed(
    tmp_path: Path, failed: str | None, compliance: str, errors: str
) -> None:
    results = [run("SingleStream", "performance")]
    for test in ("TEST01", "TEST04", "TEST05"):
        results.append(run("SingleStream", "compliance", test, valid=test != failed))
    (row,) = table(tmp_path, submission(results=results))
    assert (row["compliance"], row["errors"]) == (compliance, errors)


def test_inferred_results(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    values = {"result_qps_without_loadgen_overhead": 321.5, "early_stopping_latency_ms": 2_000_000}
    lines = [{"key": k, "value": v, "time_ms": 0, "metadata": {}} for k, v in values.items()]
    text = "".join(f":::MLLOG {json.dumps(line)}\n" for line in lines)
    (folder / "mlperf_log_detail.txt").write_text(text)
    given = submission(
        results=[run("SingleStream", "performance", path=str(folder))],
        inferred={"Offline": "SingleStream", "MultiStream": "SingleStream"},
    )
    found = {row["Scenario"]: row for row in table(tmp_path / "out", given)}
    assert list(found) == ["MultiStream", "Offline", "SingleStream"]
    assert (found["Offline"]["Result"], found["Offline"]["Units"]) == ("321.5", "Samples/s")
    assert found["MultiStream"]["Result"] == "16.0"
    assert [row["inferred"] for row in found.values()] == ["1", "1", "0"]
    assert found["Offline"]["Location"].endswith("/resnet50/Offline")


def csv_of(change: Callable[[str], str]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / "results.csv"
        path.write_text(change(path.read_text()))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda folder: (folder / "results.csv").unlink(), "table.unreadable"),
        (lambda folder: (folder / "results.jsonl").unlink(), "table.unreadable"),
        (lambda folder: (folder / "results.csv").write_bytes(b"\xff"), "table.unreadable"),
        (lambda folder: (folder / "results.csv").write_text(""), "table.head"),
        (lambda folder: (folder / "results.jsonl").write_text(""), "table.rows-differ"),
        (lambda folder: (folder / "results.jsonl").write_text("{\n"), "table.unreadable"),
        (csv_of(lambda text: text.replace("Organization", "Organisation")), "table.head"),
        (csv_of(lambda text: text.replace("SingleStream,", "Single,")), "table.scenario"),
        (csv_of(lambda text: text.replace("12.5", "")), "table.result"),
        (csv_of(lambda text: text.replace("12.5", "nan")), "table.result"),
        (csv_of(lambda text: text.replace(",Latency (ms)", "")), "table.width"),
        (csv_of(lambda text: text.replace("Acme,", "Acne,")), "table.rows-differ"),
    ],
)
def test_each_defect_is_found(tmp_path: Path, spoil: Callable[[Path], object], rule: str) -> None:
    table(tmp_path, submission())
    round_ = load_round("v3.1")
    assert TableFormatter().check(tmp_path, round_) == []
    spoil(tmp_path)
    assert rule in {finding.rule for finding in TableFormatter().check(tmp_path, round_)}


def test_what_a_machine_says_of_itself() -> None:
    found = describe_system({"cpu.model": "Acme", "cpu.cores": 64, "cpu.sockets": 2})
    assert found["host_processor_core_count"] == 32
    assert found["accelerator_model_name"] == "N/A"
    assert describe_system({"accelerator.count": 2})["accelerators_per_node"] == 2
