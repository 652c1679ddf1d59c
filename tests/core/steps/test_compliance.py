"""What a compliance run does after loadgen: the comparison's files, and the way out for systems
whose responses vary."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchwright.build.artifact import MANIFEST, Manifest
from benchwright.build.recipe import Kitchen
from benchwright.contracts.benchmark import Score
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.results import RunResult
from benchwright.rounds import load_round
from benchwright.steps import compliance

ROUND = load_round("v3.1")
VALID = {
    "effective_scenario": "Offline",
    "effective_test_mode": "PerformanceOnly",
    "result_validity": "VALID",
    "result_99.90_percentile_latency_ns": 1,
}


class Labels:
    """A benchmark whose score is how many responses are 1."""

    def score(self, preset: str, dataset: Path, responses: Iterable[Entry]) -> Score:
        values = [struct.unpack("<f", entry.data)[0] for entry in responses]
        if not values:
            raise BenchwrightError("nothing to score", why="no response")
        percent = 100.0 * values.count(1.0) / len(values)
        return Score({"acc": percent}, f"accuracy={percent:.3f}%\n", len(values))


def logs(folder: Path, rate: float, responses: dict[int, float]) -> Path:
    folder.mkdir(parents=True)
    lines = [
        f":::MLLOG {json.dumps({'key': key, 'value': value, 'time_ms': 0, 'metadata': {}})}\n"
        for key, value in {**VALID, "result_samples_per_second": rate}.items()
    ]
    (folder / "mlperf_log_detail.txt").write_text("".join(lines))
    rows = [
        json.dumps({"seq_id": index, "qsl_idx": index, "data": struct.pack("<f", value).hex()})
        for index, value in responses.items()
    ]
    (folder / "mlperf_log_accuracy.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
    return folder


def kitchen(
    place: Path, responses: dict[int, float], *, rate: float = 100.0, test: str = "TEST01"
) -> Kitchen:
    """A run that answered so, beside an accuracy run that answered 1 for 200 samples."""
    folders = {
        "performance": logs(place / "performance", 100.0, {}),
        "accuracy": logs(place / "accuracy", 1.0, dict.fromkeys(range(200), 1.0)),
        "dataset": place / "dataset",
    }
    folders["dataset"].mkdir()
    (folders["dataset"] / MANIFEST).write_text(Manifest((), {}).to_json())
    given = {"test": test, "benchmark": "resnet50", "preset": "tiny", "conf_key": "resnet50"}
    command = "benchwright run -c c.yaml compliance:x/Offline/TEST01"
    recipe = SimpleNamespace(inputs=folders, aside={"command": command})
    out = logs(place / "out", rate, responses)
    made = SimpleNamespace(parameters=given, recipe=recipe, out=out, input=folders.__getitem__)
    return cast(Kitchen, made)


@pytest.fixture(autouse=True)
def labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compliance, "load_benchmark", lambda name: Labels())


def names(made: Any) -> set[str]:
    return {path.name for path in made.out.iterdir() if path.suffix == ".txt"} - {
        "mlperf_log_detail.txt"
    }


def test_equal_responses_pass(tmp_path: Path) -> None:
    made = kitchen(tmp_path, {5: 1.0, 7: 1.0})
    assert compliance.verified(made, ROUND).reasons == ()
    assert names(made) == {"verify_accuracy.txt", "verify_performance.txt", "accuracy.txt"}
    assert (made.out / "accuracy.txt").read_text() == "accuracy=100.000%\n"


def test_responses_that_vary_pass_where_the_accuracy_is_the_same(tmp_path: Path) -> None:
    # One of 200 differs: half a percent, where one is allowed.
    made = kitchen(tmp_path, {**dict.fromkeys(range(200), 1.0), 3: 0.0})
    assert compliance.verified(made, ROUND).reasons == ()
    assert (made.out / "verify_accuracy.txt").read_text().endswith("TEST FAIL\n")
    assert (made.out / "baseline_accuracy.txt").read_text() == "accuracy=100.000%\n"
    assert (made.out / "compliance_accuracy.txt").read_text() == "accuracy=99.500%\n"


def test_another_accuracy_fails(tmp_path: Path) -> None:
    made = kitchen(tmp_path, {1: 1.0, 2: 0.0})
    (told,) = compliance.verified(made, ROUND).reasons
    assert "1 of 2 responses differ" in told


def test_what_cannot_be_scored_alone_says_so(tmp_path: Path) -> None:
    made = kitchen(tmp_path, {})
    (told,) = compliance.verified(made, ROUND).reasons
    assert "logged no response" in told
    assert (made.out / "accuracy.txt").read_text() == "not scored: nothing to score (no response)\n"


def test_timing_names_the_test_to_repeat(tmp_path: Path) -> None:
    made = kitchen(tmp_path, {1: 1.0}, rate=80.0)
    first, second = compliance.verified(made, ROUND).reasons
    assert "20.0% slower" in first
    assert "noise" in second
    assert second.endswith("`benchwright run -c c.yaml --rerun compliance:x/Offline/TEST01`")


@pytest.mark.parametrize(
    ("audit", "expected"),
    [
        ({"mode": 2, "accuracy_log_sampling_target": 4096}, {"accuracy_log_sampling_target": 4096}),
        ({"test05": 1}, {}),
        ({"Offline.min_query_count": 500}, {}),
        (None, {}),
    ],
)
def test_audit_settings_that_the_log_has_to_show(
    audit: dict[str, int] | None, expected: dict[str, int]
) -> None:
    parameters = {} if audit is None else {"audit": audit}
    made = cast(Kitchen, SimpleNamespace(parameters=parameters))
    assert compliance.audited(made) == expected


def test_a_faster_test_names_the_performance_run_too(tmp_path: Path) -> None:
    _, told = compliance.verified(kitchen(tmp_path, {1: 1.0}, rate=120.0), ROUND).reasons
    assert told.endswith("`benchwright run -c c.yaml --rerun performance:x/Offline`")


def record(folder: Path, mode: str, started: str, **more: Any) -> None:
    RunResult(
        task=f"{mode}:x",
        benchmark="resnet50",
        preset="tiny",
        backend="x",
        precision="fp32",
        system="x",
        scenario="Offline",
        mode=mode,
        details={"started": started, "round": "v3.1", "command": "benchwright run x"},
        **{"valid": True, **more},
    ).save(folder)


@pytest.mark.parametrize(
    ("rates", "fails"),
    [((100.0, 120.0), False), ((120.0, 100.0), True)],
    ids=["the performance run was the slow one", "it was as slow as the test"],
)
def test_a_test_is_judged_beside_the_performance_run_that_is_there(
    tmp_path: Path, rates: tuple[float, float], fails: bool
) -> None:
    """rates: of the performance run that the test was compared with, and of its successor; the
    test's own is 120."""
    place, folder = tmp_path / "performance", tmp_path / "compliance/TEST01"
    logs(place, rates[0], {})
    logs(folder, 120.0, {})
    record(place, "performance", "first")
    before = () if fails else ("faster",)
    record(
        folder,
        "compliance",
        "then",
        test="TEST01",
        valid=fails,
        reasons=before,
        compared={"started": "first", "reasons": before},
    )
    assert compliance.standing(folder).reasons == before
    shutil.rmtree(place)
    assert compliance.standing(folder).reasons == before, "there is nothing to compare it with"
    logs(place, rates[1], {})
    record(place, "performance", "second")
    found = compliance.standing(folder)
    assert found.valid is not fails
    assert ("20.0% faster" in found.reasons[0]) if fails else found.reasons == ()
