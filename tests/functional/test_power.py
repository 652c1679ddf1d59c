"""A power meter of a vendor's around real runs: its figures in result and report and nowhere in
the submission, and the run whole when the meter is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functional import vendor
from functional.project import RUNS, Project

METER = """
    import os
    import time
    from pydantic import Field
    from benchwright.contracts.power import PowerMeter, PowerMeterInfo, PowerSummary
    from benchwright.hooks import hookimpl
    from benchwright.options import Options

    class BenchOptions(Options):
        watts: float = Field(10.0, description="what it says")

    class Bench(PowerMeter):
        def configure(self, options):
            self.watts = options["watts"]

        def start(self):
            print("the meter speaks")
            if os.environ.get("BENCH_METER") == "start hangs":
                time.sleep(3600)
            self.begin = time.monotonic()

        def stop(self):
            if os.environ.get("BENCH_METER") == "stop raises":
                raise OSError("the cable is out")
            seconds = time.monotonic() - self.begin
            return PowerSummary(self.watts, self.watts * seconds, 7, seconds)

    @hookimpl
    def power_meters():
        return [
            PowerMeterInfo(
                "bench", "a bench supply", lambda: True, Bench, load_options=lambda: BenchOptions
            )
        ]
    """

PERFORMANCE = RUNS[0]
FOLDER = "runs/resnet50-tiny/onnxruntime/SingleStream"


def moment(log: Path, key: str) -> datetime:
    """A moment that loadgen wrote into its own log, in universal time."""
    for line in log.read_text(encoding="utf-8").splitlines():
        if f'"key": "{key}"' in line:
            value = json.loads(line.removeprefix(":::MLLOG"))["value"]
            return datetime.strptime(value, "%m-%d-%Y %H:%M:%S.%f").replace(tzinfo=UTC)
    raise AssertionError(f"no {key} in {log}")


def tree(project: Project) -> dict[str, bytes]:
    root = project.file("submission")
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in root.rglob("*")
    }


@pytest.mark.slow
def test_a_meter_around_the_timed_window(project: Project, tmp_path: Path) -> None:
    before = tree(project)
    project.path.append(vendor.install(tmp_path / "site", "bench", METER))
    project.env["TZ"] = "UTC"
    text = (project.folder / "benchwright.yaml").read_text(encoding="utf-8")
    project.campaign(text + "power: {bench: {watts: 12.5}}\n")
    assert project.run(*RUNS).executed == [], "what is measured does not depend on it"
    outcome = project.run("--rerun", PERFORMANCE, "report", code=None)
    assert PERFORMANCE in outcome.executed
    assert "warning" not in outcome.err

    folder = project.file(FOLDER, "performance")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    power: dict[str, Any] = result["details"]["power"]
    assert {name: power[name] for name in ("meter", "informative", "samples", "mean_watts")} == {
        "meter": "bench",
        "informative": True,
        "samples": 7,
        "mean_watts": 12.5,
    }
    assert power["joules"] == pytest.approx(12.5 * power["seconds"])
    # The window and nothing but it: calibration, with its second or more, is outside.
    started, ended = (datetime.fromisoformat(power[name]) for name in ("started", "ended"))
    log = folder / "mlperf_log_detail.txt"
    assert started <= moment(log, "power_begin") <= moment(log, "power_end") <= ended
    (record,) = [row for row in project.benchwright("results", "--json").json if row["power_w"]]
    assert record["mode"] == "performance"
    assert (record["power_w"], record["energy_j"]) == (12.5, power["joules"])
    page = project.file("report.html").read_text(encoding="utf-8")
    assert "12.5 W" in page
    assert "(informative)" in page

    after = tree(project)
    assert after.keys() == before.keys()
    assert not [name for name in after if "power" in name.lower() or "/spl" in name]
    told = [name for name, content in after.items() if b"bench supply" in content
            or b"joules" in content or b"mean_watts" in content]  # fmt: skip
    # The campaign file itself is quoted there; what the meter said is not.
    assert told == []


@pytest.mark.slow
def test_a_meter_that_fails_leaves_the_run_whole(project: Project, tmp_path: Path) -> None:
    project.path.append(vendor.install(tmp_path / "site", "bench", METER))
    text = (project.folder / "benchwright.yaml").read_text(encoding="utf-8")
    project.campaign(text + "power: auto\n")
    for failure, told in (
        ("start hangs", "`start` did not answer within 3 s"),
        ("stop raises", "`stop` raised OSError: the cable is out"),
    ):
        project.env.update({"BENCH_METER": failure, "BENCHWRIGHT_PLUGIN_TIMEOUT": "3"})
        outcome = project.run("--rerun", RUNS[1])
        assert outcome.statuses[RUNS[1]] == "executed"
        assert f"plugin `bench` (benchwright-bench): `bench` (power_meters): {told}" in outcome.err
        assert outcome.err.count(told) == 1
        (record,) = [
            row
            for row in project.benchwright("results", "--json").json
            if row["mode"] == "accuracy"
        ]
        assert (record["valid"], record["power_w"], record["energy_j"]) == (True, None, None)


def test_a_meter_in_detail(built: Project, tmp_path: Path) -> None:
    site = vendor.install(tmp_path, "bench", METER)
    project = Project(built.folder, dict(built.env), [site])
    (thing,) = project.benchwright("plugins", "bench", "--json").json["brought"]
    assert thing["available"] is True
    assert thing["options"] == [
        {"name": "watts", "type": "number", "default": "10.0", "description": "what it says"}
    ]
    spoken = project.benchwright("plugins", "bench").out
    assert "bench (power_meters of bench): a bench supply" in spoken
    assert "option watts  number  default 10.0: what it says" in spoken
    assert "available: yes" in spoken
    assert f"loaded from {tmp_path / 'benchwright_bench.py'}" in spoken
