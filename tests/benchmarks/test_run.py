"""The door to the project's own measurements. What they find is no matter of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.serial

ROOT = Path(__file__).parents[2]
NAMES = ("offline-resnet50", "offline-overhead", "singlestream-overhead", "server-null")
KEYS = ["name", "value", "unit", "baseline", "ratio", "better", "goal", "met", "spread"]


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "run.py"), *arguments],
        cwd=tmp_path,
        # Its own lock of measured runs, and paths that hold in another folder.
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def results(tmp_path: Path, *names: str) -> list[dict[str, Any]]:
    done = run(tmp_path, *names, "--json", "--quick")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert [item["name"] for item in found] == list(names)
    return found


def test_list_prints_each_name_first(tmp_path: Path) -> None:
    done = run(tmp_path, "list")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} >= set(NAMES)
    assert all(len(line.split()) > 3 for line in lines)


def test_list_as_json(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "list", "--json").stdout)
    assert {item["name"] for item in found} >= set(NAMES)
    assert all(set(item) == {"name", "summary"} for item in found)


def test_an_unknown_name_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "server-null", "offline-resnet5")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean `offline-resnet50`?" in done.stderr
    assert "Traceback" not in done.stderr
    assert "VALID" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("server-null", "--jason"), ("server-null", "list")])
def test_a_wrong_command_line_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def check(item: dict[str, Any]) -> None:
    assert list(item) == KEYS
    assert item["better"] in ("higher", "lower")
    assert item["baseline"] > 0
    assert isinstance(item["met"], bool)
    low, high = item["spread"]
    assert low <= high


@pytest.mark.slow
def test_the_tiny_benchmarks_report_every_key(tmp_path: Path) -> None:
    overhead, stream, server = results(tmp_path, *NAMES[1:])
    for item in (overhead, stream, server):
        check(item)
    assert (overhead["unit"], overhead["goal"]) == ("µs/sample", 0.6)
    assert (stream["unit"], stream["goal"]) == ("µs", 30)
    assert (server["unit"], server["goal"]) == ("queries/s", 100_000)
    # One round: what is judged is the value itself.
    assert overhead["met"] == (overhead["value"] <= 0.6)
    assert stream["met"] == (stream["value"] <= 30)
    assert server["met"] == (server["value"] >= 100_000)


@pytest.mark.slow
def test_the_large_benchmark_reports_every_key(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    (item,) = results(tmp_path, "offline-resnet50")
    check(item)
    assert (item["unit"], item["goal"]) == ("samples/s", 0.98)
    assert item["ratio"] == pytest.approx(item["value"] / item["baseline"], rel=0.01)
    assert item["met"] == (item["spread"][0] >= 0.98)


def test_a_table_for_people(tmp_path: Path) -> None:
    done = run(tmp_path, "singlestream-overhead", "--quick")
    assert done.returncode == 0, done.stderr
    head, line = done.stdout.splitlines()
    assert head.split() == ["benchmark", "value", "baseline", "ratio", "goal", "spread"]
    assert line.startswith("singlestream-overhead ")
    assert "≤ 30" in line
    assert line.endswith("met") or line.endswith("NOT MET")
    assert "1/1" in done.stderr
