"""`benchwright try`."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.build.task import META, stale_reasons
from benchwright.cli.common import print_json, warn
from benchwright.embed import make_plan, name_of, plan_tasks, select
from benchwright.errors import UsageError, did_you_mean
from benchwright.tried import campaign
from benchwright.tried.campaign import USUAL_SCENARIOS, USUAL_SECONDS, Way
from benchwright.tried.describe import settle
from benchwright.tried.listing import SCENARIOS
from benchwright.tried.prepare import prepare
from benchwright.tried.request import Asked, parse_exporter, parse_lengths, parse_shapes

if TYPE_CHECKING:
    from benchwright.plan import Plan
    from benchwright.plugins import Registry
    from benchwright.results import RunResult


def main(arguments: Namespace) -> int:
    """Tries the models: describes each, writes a campaign, runs it, shows the table."""
    from benchwright.plugins import Registry

    asked = _asked(arguments)
    way = _way(arguments, Registry())
    started = Path(arguments.started)
    found = [prepare(text, asked, started, _run_before) for text in arguments.models]
    models = [settle(item) for item in found]
    if len({model.name for model in models}) < len(models):
        raise UsageError("a model is named twice", fix="name each model once")
    for model in models:
        for remark in model.facts.get("remarks", ()):
            print(f"{model.name}: {remark}", file=sys.stderr)
    paths = campaign.write(models, way, arguments.name, arguments.repeat)
    try:
        make_plan(paths[0])
    except UsageError:
        campaign.withdraw(paths)
        raise
    code, results = 0, []
    for number, path in enumerate(paths, start=1):
        if len(paths) > 1:
            print(f"repeat {number} of {len(paths)}", file=sys.stderr)
        plan, ended = _run(path, arguments)
        code = code or ended
        results += _results(plan)
    if arguments.json:
        print_json([result.record() for result in results])
    elif len(paths) > 1 and results:
        from benchwright.tried.table import table

        print(table(results))
    return code


def _run_before(tasks: list[dict[str, Any]]) -> int:
    """Runs what a model needs before it is understood; says how long a conversion took."""
    from benchwright.build.engine import run_tasks

    begin = time.monotonic()
    code = run_tasks(tasks, [name_of(task) for task in tasks], summary=False)
    taken = time.monotonic() - begin
    if code == 0 and taken > 1:
        print(f"converted in {taken:.1f} s, which is done once", file=sys.stderr)
    return code


def _run(path: Path, arguments: Namespace) -> tuple[Plan, int]:
    """Runs one campaign; what has gone stale is measured again, since what is asked for is how it
    is now."""
    from benchwright.build.engine import run_tasks

    plan = make_plan(path)
    warn(plan)
    tasks = plan_tasks(plan)
    measured = [task for task in tasks if task["meta"][META]["kind"] == "measurement"]
    again = [
        name_of(task)
        for task in measured
        if arguments.rerun or stale_reasons(task["meta"][META]["recipe"])
    ]
    if again:
        plan = make_plan(path, rerun=again, registry=plan.registry)
    chosen = select(plan)
    code = run_tasks(
        chosen.tasks,
        chosen.names,
        keep_going=True,
        jobs=arguments.jobs,
        summary=not arguments.json and arguments.repeat == 1,
    )
    return plan, code


def _results(plan: Plan) -> list[RunResult]:
    from benchwright.results import RESULT_FILE, load_result

    folders = [Path(plan.layout.run(run.subject, run.mode)) for run in plan.campaign_runs()]
    return [load_result(folder) for folder in folders if (folder / RESULT_FILE).exists()]


def _asked(arguments: Namespace) -> Asked:
    data = arguments.input_data
    return Asked(
        batch=_positive(arguments.batch, "--batch"),
        shapes=parse_shapes(arguments.shape),
        lengths=parse_lengths(arguments.lengths),
        samples=_positive(arguments.samples, "--samples"),
        seed=_number(arguments.seed, "--seed"),
        data=None if data is None else str(Path(arguments.started, Path(data).expanduser())),
        new_tokens=_positive(arguments.new_tokens, "--new-tokens"),
        task=arguments.task,
        pickles=arguments.allow_pickle,
        exporter=parse_exporter(arguments.exporter),
    )


def _way(arguments: Namespace, registry: Registry) -> Way:
    backends = _names(arguments.backend, "--backend")
    options = {name: _device(name, arguments.device, registry) for name in backends}
    return Way(
        backends=options,
        scenarios=_scenarios(arguments.scenario),
        precisions=tuple(_names(arguments.precision, "--precision")),
        duration=_positive(arguments.duration, "--duration") or USUAL_SECONDS,
        strict=arguments.strict_duration,
        target_qps=_above_zero(arguments.target_qps, "--target-qps"),
        latency_bound_ms=_above_zero(arguments.latency_bound, "--latency-bound"),
        batch=_positive(arguments.batch, "--batch"),
    )


def _device(backend: str, device: str | None, registry: Registry) -> dict[str, Any]:
    """The backend's options that choose a device; UsageError where it cannot run there."""
    from benchwright.chosen import options_model
    from benchwright.plugins import lookup

    info = lookup("backend", backend, registry.backends, "--backend")
    if device is None:
        return {}
    able = info.capabilities.devices
    if device not in able:
        raise UsageError(
            f"backend `{backend}` does not run on `{device}`; {did_you_mean(device, able)}",
            where="--device",
        )
    if "device" in options_model(backend, info.load_options).model_fields:
        return {"device": device}
    if device != able[0]:
        raise UsageError(
            f"backend `{backend}` has no option that chooses a device", where="--device"
        )
    return {}


def _scenarios(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return USUAL_SCENARIOS
    names = _names(text, "--scenario")
    if names == ["all"]:
        return None
    for name in names:
        if name not in SCENARIOS:
            raise UsageError(
                f"unknown scenario `{name}`; {did_you_mean(name, [*SCENARIOS, 'all'])}",
                where="--scenario",
            )
    return tuple(names)


def _names(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("this names nothing", where=option)
    return list(dict.fromkeys(names))


def _number(text: str | None, option: str) -> int:
    if text is None:
        return 0
    if not text.isdecimal():
        raise UsageError(f"`{text}` is no whole number", where=option)
    return int(text)


def _positive(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    if _number(text, option) == 0:
        raise UsageError("this has to be 1 at the least", where=option)
    return int(text)


def _above_zero(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"`{text}` is no number above zero", where=option)
    return value
