"""One loadgen run: launch it, read its logs, score it, and keep the record."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchwright import __version__
from benchwright.build import artifact
from benchwright.build.recipe import Kitchen
from benchwright.contracts.benchmark import Accuracy, Score
from benchwright.errors import BenchwrightError, UsageError
from benchwright.harness import settings
from benchwright.harness.accuracy_log import read_accuracy
from benchwright.harness.launch import launch, usable_cores
from benchwright.harness.lock import machine_alone
from benchwright.harness.logs import (
    DetailLog,
    difference,
    latency_curve,
    metric,
    plain_metric,
    read_detail,
    token_figures,
)
from benchwright.harness.verdict import explain
from benchwright.quantizing import FULL
from benchwright.results import RunResult, load_result
from benchwright.rounds import Round, load_round, mlperf_conf_text, user_conf_text
from benchwright.steps import compliance
from benchwright.steps.common import load_benchmark, preset_of, registry
from benchwright.steps.power import Metering

SUMMARY_LOG = "mlperf_log_summary.txt"
DETAIL_LOG = "mlperf_log_detail.txt"
ACCURACY_LOG = "mlperf_log_accuracy.json"
ACCURACY_TEXT = "accuracy.txt"


def measure(kitchen: Kitchen) -> None:
    """Makes one run in `kitchen.out`: loadgen's logs, the conf files, result.json."""
    aside = kitchen.recipe.aside
    spec = _specification(kitchen)
    announced = {"task": kitchen.recipe.task, **aside["announce"]}
    known = registry().problems()
    with contextlib.ExitStack() as stack:
        stack.enter_context(machine_alone(kitchen.recipe.task, kitchen.say))
        wrong = registry().run_started(announced)
        meter = stack.enter_context(_metering(aside["power"]))
        started = datetime.now(UTC)
        begin = time.monotonic()
        outcome = launch(
            spec,
            kitchen.scratch(),
            kitchen.log,
            expected_seconds=aside["expected_seconds"],
            progress=kitchen.progress,
            window=meter,
            say=kitchen.say,
        )
        wall = time.monotonic() - begin
    log = read_detail(kitchen.out / DETAIL_LOG)
    _refuse_other_settings(outcome["settings"] | compliance.audited(kitchen), outcome, log)
    _write_conf_files(kitchen, outcome)
    record = _details(kitchen, outcome, log, started, wall)
    if meter is not None:
        wrong += meter.problems
        record["power"] = meter.record
    result = _result(kitchen, log, record)
    result.save(kitchen.out)
    _drop_empty_files(kitchen.out)
    kitchen.facts["valid"] = result.valid
    late = [*outcome["problems"], *registry().problems()]
    wrong += [problem for problem in late if problem not in known]
    _warn(kitchen, wrong)
    # Not before the record lies in its folder, listed with its hash: nobody changes it there.
    kitchen.afterwards.append(lambda: _announce_result(kitchen, announced))


@contextlib.contextmanager
def _metering(power: Mapping[str, Any] | None) -> Iterator[Metering | None]:
    """The campaign's power meter for one run; None where it asks for none."""
    if power is None:
        yield None
        return
    meter = Metering(registry(), power["meter"], power["options"])
    try:
        yield meter
    finally:
        meter.close()


def _announce_result(kitchen: Kitchen, announced: Mapping[str, Any]) -> None:
    _warn(kitchen, registry().run_finished(announced, load_result(Path(kitchen.recipe.folder))))


def _warn(kitchen: Kitchen, problems: Iterable[str]) -> None:
    for problem in dict.fromkeys(problems):
        kitchen.say(f"warning: {problem}")


def _specification(kitchen: Kitchen) -> dict[str, Any]:
    given = kitchen.parameters
    samples = kitchen.input("samples")
    loadgen = kitchen.input("loadgen")
    built = json.loads((loadgen / "loadgen.json").read_text(encoding="utf-8"))
    path = None if built["path"] is None else str((loadgen / built["path"]).resolve())
    count = int(artifact.read_manifest(samples).facts["samples"])
    return {
        "task": kitchen.recipe.task,
        "round": given["round"],
        "benchmark": given["benchmark"],
        "preset": given["preset"],
        "backend": given["backend"],
        "plugins": registry().plugins_of(given["benchmark"], given["backend"]),
        "options": given["options"],
        "engine": str(kitchen.input("engine").resolve()),
        "samples": str(samples.resolve()),
        "loadgen": path,
        "logs": str(kitchen.out.resolve()),
        "scratch": str(kitchen.scratch().resolve()),
        "audit": compliance.write_audit(kitchen),
        "operation": compliance.operation(kitchen),
        "cores": usable_cores(),
        "own_bound": given.get("own_bound", False),
        "request": {
            "scenario": given["scenario"],
            "mode": "accuracy" if given["mode"] == "accuracy" else "performance",
            "test": given.get("test"),
            "duration": given["duration"],
            "conf_key": given["conf_key"],
            "sample_count": count,
            "pins": given["pins"],
            "strict": given.get("strict", False),
        },
    }


def _refuse_other_settings(
    wanted: Mapping[str, Any], outcome: Mapping[str, Any], log: DetailLog
) -> None:
    values = {
        name: value
        for name, value in wanted.items()
        # An older loadgen's log does not report what its binding does not know.
        if name not in outcome["unreported"]
    }
    wrong = difference(values, log) if log.finished else []
    if wrong:
        raise BenchwrightError(
            "loadgen did not run with the settings it was given",
            where=str(log.path),
            why="; ".join(wrong),
            fix="this loadgen may be of another version than the round needs; see `loadgen:` in "
            "the campaign",
        )


def _write_conf_files(kitchen: Kitchen, outcome: Mapping[str, Any]) -> None:
    given = kitchen.parameters
    round_ = load_round(given["round"])
    conf = user_conf_text(
        given["conf_key"], given["scenario"], settings.user_conf(outcome["settings"])
    )
    (kitchen.out / "user.conf").write_text(conf, encoding="utf-8")
    (kitchen.out / "mlperf.conf").write_text(mlperf_conf_text(round_), encoding="utf-8")


def _details(
    kitchen: Kitchen,
    outcome: Mapping[str, Any],
    log: DetailLog,
    started: datetime,
    wall: float,
) -> dict[str, Any]:
    given, aside = kitchen.parameters, kitchen.recipe.aside
    _, preset = preset_of(given["benchmark"], given["preset"])
    full = given["precision"] == FULL
    engine = artifact.read_manifest(kitchen.input("engine"))
    loadgen = artifact.read_manifest(kitchen.input("loadgen"))
    return {
        "settings": outcome["settings"],
        "operation": outcome["operation"],
        "program": outcome["program"],
        "user_conf": settings.user_conf(outcome["settings"]),
        "conf_key": given["conf_key"],
        "sample_count": int(artifact.read_manifest(kitchen.input("samples")).facts["samples"]),
        "query_count": log.query_count,
        "latency_ms": [list(point) for point in latency_curve(log)],
        "warnings": [*_forked(outcome, given["backend"]), *log.warnings][:20],
        "started": started.isoformat(timespec="seconds"),
        "wall_s": round(wall, 3),
        "tokens": token_figures(log) if "use_token_latencies" in outcome["settings"] else None,
        "peak_memory_bytes": outcome["peak_memory_bytes"],
        "model_bytes": sum(entry.size for entry in engine.files),
        "versions": {**kitchen.recipe.tools, "benchwright": __version__},
        "loadgen": {**loadgen.facts, "log_version": log.version},
        "identity": given["identity"],
        "engine": dict(engine.facts),
        "weights": preset.weights,
        "facts": dict(preset.facts),
        "weights_sha256": next(iter(engine.facts.get("model", {}).values()), None),
        "input_data_types": preset.input_data_types,
        "weight_data_types": preset.weight_data_types if full else given["precision"],
        "weight_transformations": "none" if full else f"quantised to {given['precision']}",
        "calibration": aside["calibration"],
        "round": given["round"],
        "command": aside["command"],
        "campaign": aside.get("campaign"),
    }


def _forked(outcome: Mapping[str, Any], backend: str) -> list[str]:
    """What is to be said of forks within the timed window."""
    count = outcome["forks"]
    return [f"the process was forked while it was measured ({backend}): {count}"] if count else []


def _other_count(given: Mapping[str, Any], count: int) -> list[str]:
    """What is to be said of a data set, the user's own, that has not as many samples as the
    preset's."""
    _, preset = preset_of(given["benchmark"], given["preset"])
    same = count == preset.sample_count
    return [] if same else [f"{count:,} samples instead of {preset.sample_count:,}"]


def _result(kitchen: Kitchen, log: DetailLog, details: dict[str, Any]) -> RunResult:
    given, aside = kitchen.parameters, kitchen.recipe.aside
    round_ = load_round(given["round"])
    unofficial = (*aside["unofficial"], *_other_count(given, details["sample_count"]))
    common: dict[str, Any] = {
        "task": kitchen.recipe.task,
        "benchmark": given["benchmark"],
        "preset": given["preset"],
        "backend": given["backend"],
        "precision": given["precision"],
        "system": aside["system"],
        "scenario": given["scenario"],
        "mode": given["mode"],
        "test": given.get("test"),
        "duration_s": log.duration_s,
        "official": not unofficial,
        "unofficial": unofficial,
        "key": kitchen.recipe.key(),
        "details": details,
    }
    if details.get("power"):
        common["power_w"] = details["power"]["mean_watts"]
        common["energy_j"] = details["power"]["joules"]
    if given["mode"] == "accuracy":
        return _accuracy_result(kitchen, round_, log, common)
    found = metric(log, given["scenario"], _metric_key(round_, given))
    reasons = tuple(dict.fromkeys([*(str(reason) for reason in explain(log)), *log.errors]))
    if given.get("strict"):
        found = plain_metric(log, found)
        reasons = (f"strict duration: it stopped after {given['duration']} s, as asked", *reasons)
    if given["mode"] == "compliance":
        verdict = compliance.verified(kitchen, round_)
        reasons += verdict.reasons
        common["compared"] = verdict.compared
    return RunResult(
        metric=found.name,
        value=found.value,
        unit=found.unit,
        valid=log.valid and not reasons,
        reasons=reasons,
        **common,
    )


def _metric_key(round_: Round, given: Mapping[str, Any]) -> str:
    try:
        return round_.metric_key(given["benchmark"], given["scenario"])
    except UsageError:
        # Outside the round (possible only in open): the round's usual metric of the scenario.
        return str(round_.metric_keys[given["scenario"]])


def _accuracy_result(
    kitchen: Kitchen, round_: Round, log: DetailLog, common: dict[str, Any]
) -> RunResult:
    given = kitchen.parameters
    dataset = kitchen.input("dataset")
    place = artifact.read_manifest(dataset).base(dataset)
    benchmark = load_benchmark(given["benchmark"])
    responses = read_accuracy(kitchen.out / ACCURACY_LOG)
    score = benchmark.score(given["preset"], place, responses)
    (kitchen.out / ACCURACY_TEXT).write_text(score.text, encoding="utf-8")
    accuracies = _against_targets(score, given, round_)
    expected = common["details"]["sample_count"]
    reasons = [*log.errors]
    if not log.finished:
        reasons.append("the run did not come to its end")
    if score.samples != expected:
        reasons.append(f"{score.samples} of {expected} samples were answered")
    primary = accuracies[0]
    return RunResult(
        valid=not reasons,
        reasons=tuple(reasons),
        accuracy=primary.value,
        accuracy_target=primary.min,
        accuracies=tuple(
            {"metric": item.metric, "value": item.value, "min": item.min, "max": item.max}
            for item in accuracies
        ),
        **common,
    )


def _against_targets(score: Score, given: Mapping[str, Any], round_: Round) -> list[Accuracy]:
    """Each metric with its bounds: the preset's own reference times the benchmark's quality, or
    the round's where the preset is the official model."""
    info, preset = preset_of(given["benchmark"], given["preset"])
    if preset.reference is not None:
        least = {
            name: value * info.qualities.get(name, info.quality)
            for name, value in preset.reference.items()
        }
        most: Mapping[str, float] = {}
    else:
        try:
            model = round_.resolve(info.name)
            least, most = dict(model.accuracy_minimum), model.accuracy_upper_limit
        except UsageError:
            least, most = {}, {}
    return [
        Accuracy(name, value, least.get(name), most.get(name))
        for name, value in score.values.items()
    ]


def _drop_empty_files(folder: Path) -> None:
    """loadgen leaves an empty trace file, and an empty accuracy log in performance runs."""
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_size == 0 and path.name != SUMMARY_LOG:
            path.unlink()
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
