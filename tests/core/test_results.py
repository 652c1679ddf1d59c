"""The record of a run: what is stored is what comes back, and `results --json` has its keys."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError
from benchwright.results import RECORD_KEYS, RESULT_FILE, RunResult, load_result

FULL = RunResult(
    task="performance:resnet50-tiny/onnxruntime/Offline",
    benchmark="resnet50",
    preset="tiny",
    backend="onnxruntime",
    precision="fp32",
    system="here",
    scenario="Offline",
    mode="performance",
    test="TEST01",
    metric="samples per second",
    value=1234.5,
    unit="samples/s",
    valid=True,
    reasons=("a", "b"),
    accuracy=99.1,
    accuracy_target=98.2,
    accuracies=({"metric": "acc", "value": 99.1, "min": 98.2, "max": None},),
    duration_s=2.5,
    official=True,
    unofficial=("preset tiny",),
    power_w=12.0,
    energy_j=30.0,
    path="elsewhere",
    key="abc",
    details={"latency_ms": [[50.0, 1.5]], "nested": {"a": None}},
)


def test_the_keys_of_a_record() -> None:
    assert RECORD_KEYS == (
        "benchmark", "preset", "backend", "precision", "system", "scenario", "mode", "test",
        "metric", "value", "unit", "valid", "reasons", "accuracy", "accuracy_target", "accuracies",
        "duration_s", "official", "power_w", "energy_j", "path",
    )  # fmt: skip
    assert tuple(FULL.record()) == RECORD_KEYS
    assert json.loads(json.dumps(FULL.record())) == FULL.record()


def test_unknown_values_are_null() -> None:
    record = RunResult("t", "b", "p", "k", "fp32", "s", "Offline", "performance").record()
    unknown = ("test", "metric", "value", "unit", "accuracy", "accuracy_target", "duration_s",
               "power_w", "energy_j")  # fmt: skip
    assert {record[name] for name in unknown} == {None}
    assert (record["valid"], record["official"]) == (False, False)
    assert (record["reasons"], record["accuracies"]) == ([], [])


def test_what_is_saved_comes_back_with_the_folder_as_path(tmp_path: Path) -> None:
    FULL.save(tmp_path)
    assert load_result(tmp_path) == dataclasses.replace(FULL, path=str(tmp_path))
    assert "elsewhere" not in (tmp_path / RESULT_FILE).read_text(encoding="utf-8")


@given(
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    st.booleans(),
)
def test_any_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, value: float | None, reasons: list[str], valid: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    result = dataclasses.replace(FULL, value=value, reasons=tuple(reasons), valid=valid)
    result.save(folder)
    assert load_result(folder) == dataclasses.replace(result, path=str(folder))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"reasons": 1}', '{"unknown": 1}', "\x00"]
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULT_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(BenchwrightError) as caught:
        load_result(tmp_path)
    assert caught.value.where == str(tmp_path / RESULT_FILE)
    assert "--rerun" in (caught.value.fix or "")


def test_a_record_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    FULL.save(tmp_path)
    values = json.loads((tmp_path / RESULT_FILE).read_text(encoding="utf-8"))
    (tmp_path / RESULT_FILE).write_text(json.dumps({**values, "novelty": 1}), encoding="utf-8")
    with pytest.raises(BenchwrightError, match="novelty"):
        load_result(tmp_path)


def test_a_missing_record(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="cannot be read"):
        load_result(tmp_path / "nothing")
