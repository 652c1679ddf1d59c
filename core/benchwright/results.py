"""The record of one run, as it is stored beside the logs and printed by `results --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from benchwright.errors import BenchwrightError

RESULT_FILE = "result.json"
"""The record's file name in a run's folder."""

RECORD_KEYS = (
    "benchmark",
    "preset",
    "backend",
    "precision",
    "system",
    "scenario",
    "mode",
    "test",
    "metric",
    "value",
    "unit",
    "valid",
    "reasons",
    "accuracy",
    "accuracy_target",
    "accuracies",
    "duration_s",
    "official",
    "power_w",
    "energy_j",
    "path",
)
"""The keys of a record in `results --json`, in order. Unknown values are null."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run's outcome.

    value is in `unit` (`samples/s`, `queries/s`, `ms`); for an accuracy run `valid` means that
    every sample was answered without a loadgen error. accuracy is the primary metric, higher is
    better; accuracies lists every `{metric, value, min, max}`. official says whether the run
    could stand in a submission; unofficial says why not. compared: of a compliance test, which
    performance run it was compared with (`started`) and the `reasons` that came of it; see
    `steps.compliance.standing`. details hold provenance (settings,
    versions, keys, calibration, latency percentiles), never anything a decision rests on.
    """

    task: str
    benchmark: str
    preset: str
    backend: str
    precision: str
    system: str
    scenario: str
    mode: str
    test: str | None = None
    metric: str | None = None
    value: float | None = None
    unit: str | None = None
    valid: bool = False
    reasons: tuple[str, ...] = ()
    accuracy: float | None = None
    accuracy_target: float | None = None
    accuracies: tuple[Mapping[str, Any], ...] = ()
    duration_s: float | None = None
    official: bool = False
    unofficial: tuple[str, ...] = ()
    power_w: float | None = None
    energy_j: float | None = None
    path: str = ""
    key: str = ""
    compared: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The record of `results --json`: exactly `RECORD_KEYS`."""
        return {name: _plain(getattr(self, name)) for name in RECORD_KEYS}

    def save(self, folder: Path) -> None:
        """Writes the whole record into a run's folder; `path` is left to the reader."""
        values = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        del values["path"]
        text = json.dumps(values, indent=1, sort_keys=True) + "\n"
        (folder / RESULT_FILE).write_text(text, encoding="utf-8")


def load_result(folder: Path) -> RunResult:
    """Reads the record of a run's folder."""
    path = folder / RESULT_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        for name in ("reasons", "accuracies", "unofficial"):
            values[name] = tuple(values[name])
        return RunResult(path=str(folder), **values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BenchwrightError(
            "the record of this run cannot be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="run it again with `benchwright run --rerun`, or delete the folder",
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
