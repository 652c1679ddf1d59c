"""The plan: a campaign resolved against the installed plugins, before any work.

Every name is looked up, every combination is checked, and what remains is the list of things to
build and to measure. Nothing is built here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.campaign import Campaign, Pins
from benchwright.chosen import chosen
from benchwright.contracts.backend import BackendInfo
from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo
from benchwright.contracts.formatter import FormatterInfo
from benchwright.contracts.options import no_options
from benchwright.contracts.probe import JSON
from benchwright.errors import UsageError, did_you_mean
from benchwright.layout import Layout
from benchwright.plugins import Registry, lookup
from benchwright.quantizing import FULL, check_names, quantizer_for
from benchwright.rounds import SCENARIOS, Round, load_round
from benchwright.subjects import parse_task

if TYPE_CHECKING:
    from benchwright.contracts.program import FusedProgramInfo
    from benchwright.contracts.quantizer import QuantizerInfo
    from benchwright.outcome import Outcome
    from benchwright.progress import Follower

AUTO_METER = "auto"
"""The word for the first power meter that the machine has."""

MODES = ("performance", "accuracy", "compliance")

TESTS = ("TEST01", "TEST04", "TEST05")
"""The compliance tests that can be run here."""

PRELIMINARY = "preliminary: a model that is merely tried, without accuracy"
"""Why a tried model's result is not for submission."""

PINS_OF: Mapping[str, tuple[str, ...]] = {
    "SingleStream": ("expected_latency_ms", "threads", "token_latencies"),
    "MultiStream": ("expected_latency_ms", "threads"),
    "Server": (
        "target_qps",
        "batch",
        "instances",
        "threads",
        "deadline_us",
        "latency_bound_ms",
    ),
    "Offline": ("target_qps", "batch", "instances", "threads", "token_latencies"),
}
"""The settings that mean something in each scenario."""


class Engine(NamedTuple):
    """One engine of the plan: a benchmark's model on a backend with its options.

    quantizer makes the precision where it is not the model's own; fused is the program that
    stands in for the benchmark's own on this backend.
    """

    benchmark: BenchmarkInfo
    preset: PresetInfo
    backend: BackendInfo
    options: Mapping[str, Any]
    precision: str = FULL
    quantizer: QuantizerInfo | None = None
    quantizer_options: Mapping[str, Any] = MappingProxyType({})
    fused: FusedProgramInfo | None = None

    @property
    def family(self) -> str:
        """`<family>-<preset>`: what the data set and the model are called."""
        return f"{self.benchmark.family}-{self.preset.name}"

    @property
    def subject(self) -> str:
        """`<benchmark>-<preset>/<backend>[+precision]`."""
        plus = "" if self.precision == FULL else f"+{self.precision}"
        return f"{self.benchmark.name}-{self.preset.name}/{self.backend.name}{plus}"

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that the engine holds."""
        return self.benchmark.graphs if self.fused is None else self.fused.graphs

    @property
    def engine_options(self) -> dict[str, Any]:
        """The options that change the engine itself."""
        return {name: self.options[name] for name in self.backend.engine_options}


class Run(NamedTuple):
    """One loadgen execution of the plan."""

    engine: Engine
    scenario: str
    mode: str
    pins: Mapping[str, Any]
    test: str | None = None

    @property
    def subject(self) -> str:
        """`<benchmark>-<preset>/<backend>[+precision]/<Scenario>`."""
        return f"{self.engine.subject}/{self.scenario}"

    @property
    def task(self) -> str:
        """The task's name."""
        return f"{self.mode}:{self.subject}" + (f"/{self.test}" if self.test else "")

    def of(self, mode: str) -> Run:
        """The performance or accuracy run of the same engine and scenario."""
        return self._replace(mode=mode, test=None)


class Plan:
    """What a campaign amounts to on this machine with these plugins.

    `extra` names tasks outside the campaign that are wanted as well (`benchwright run TASK`);
    `rerun` names measured runs that are to be made again.
    """

    def __init__(
        self,
        campaign: Campaign,
        registry: Registry,
        *,
        extra: Sequence[str] = (),
        rerun: Iterable[str] = (),
    ) -> None:
        self.campaign = campaign
        self.registry = registry
        self.layout = Layout.of(campaign.name)
        self.rerun = frozenset(rerun)
        try:
            self.round: Round = load_round(campaign.round)
        except UsageError as error:
            raise UsageError(error.what, where=campaign.where("round"), fix=error.fix) from None
        self.engines: list[Engine] = []
        self.runs: list[Run] = []
        self._outside: set[str] = set()
        self._outside_engines: set[str] = set()
        for name in campaign.benchmarks:
            for backend in campaign.backends:
                for precision in campaign.precision:
                    self._add(name, backend, precision)
        self._check_leftovers()
        self.power = self._power()
        self.extra_tasks = [task for task in extra if self._extend(task)]

    def run(
        self,
        *tasks: str,
        rerun: bool = False,
        jobs: int | str = 1,
        budget: str = "",
        keep_going: bool = False,
        quiet: bool = False,
        progress: Follower | None = None,
    ) -> Outcome:
        """Builds and measures what is due, below `build/` in the current folder.

        tasks: only these and what they need, named as on the command line; without any the whole
        campaign. rerun: the measured runs among them are made again. jobs: how many tasks are made
        at a time, or `auto`; budget: what they may use, such as `cpu=2,memory=8GB`. keep_going:
        after a failure go on with what does not need it. quiet: nothing is written to standard
        error; otherwise a line or two for each task, wherever it leads. progress: called with each
        `TaskProgress`.

        May be called again and again, from any thread, by one at a time; no signal handler is
        touched. A run that came out INVALID is a result (`Outcome.ok` is False then, see
        `Outcome.assert_valid`). Raises TasksFailed when tasks fail, UsageError for an unknown task
        or a wrong budget, BenchwrightError when the build as a whole cannot go on.
        """
        from benchwright.outcome import run_plan

        plan = Plan(self.campaign, self.registry, extra=tasks) if tasks else self
        return run_plan(
            plan,
            tasks,
            rerun=rerun,
            jobs=jobs,
            budget=budget,
            keep_going=keep_going,
            quiet=quiet,
            progress=progress,
        )

    def _power(self) -> dict[str, Any] | None:
        """The power meter of the runs, by name or `auto`, with its options; None for none."""
        campaign = self.campaign
        for name, given in campaign.power.items():
            load = no_options
            if name != AUTO_METER:
                place = campaign.where("power", name)
                known = self.registry.power_meters
                load = lookup("power meter", name, known, place).load_options
            options = chosen(load, given, campaign.document, ("power", name))
            return {"meter": name, "options": options}
        return None

    def _check_leftovers(self) -> None:
        """Refuses what the campaign says but nothing would use."""
        campaign = self.campaign
        datasets = {engine.preset.dataset_name for engine in self.engines}
        for name in campaign.datasets:
            if name not in datasets:
                raise UsageError(
                    f"no benchmark of this campaign uses a data set `{name}`; "
                    f"{did_you_mean(name, datasets)}".rstrip("; "),
                    where=campaign.where("datasets", name),
                    why=self._of_another_preset(name),
                )
        quantizers = {item.quantizer.name for item in self.engines if item.quantizer is not None}
        check_names(campaign, self.registry, quantizers)
        if campaign.formatter is not None:
            _ = self.formatter
        fields = self.round.system_json
        known = {"name", *fields.required, *fields.optional}
        for name in campaign.system:
            if name not in known:
                raise UsageError(
                    f"the system description has no field `{name}`; "
                    f"{did_you_mean(name, known)}".rstrip("; "),
                    where=campaign.where("system", name),
                )
            allowed = fields.enums.get(str(name), ())
            stated = str(campaign.system[name])
            if allowed and stated and stated not in allowed:
                raise UsageError(
                    f"`{name}` cannot be `{stated}`; {did_you_mean(stated, allowed)}",
                    where=campaign.where("system", name),
                )
        for scenario in campaign.infer:
            if all(scenario not in self.inferred(item.benchmark.name) for item in self.engines):
                raise UsageError(
                    f"{scenario} is inferred here, but round and category ask for it nowhere",
                    where=campaign.where("infer", scenario),
                    fix="take it out",
                )
        self._check_pins(campaign.settings, self.runs, ("settings",))
        for name, settings in campaign.benchmarks.items():
            runs = [run for run in self.runs if run.engine.benchmark.name == name]
            self._check_pins(settings.settings, runs, ("benchmarks", name, "settings"))

    def _of_another_preset(self, dataset: str) -> str | None:
        """Which presets of the campaign's benchmarks a data set is for."""
        found = [
            f"preset {preset.name} of {engine.benchmark.name}"
            for engine in self.engines
            for preset in engine.benchmark.presets.values()
            if preset.dataset_name == dataset
        ]
        return f"{' and '.join(dict.fromkeys(found))} uses it" if found else None

    def _check_pins(
        self, settings: Mapping[Any, Pins], runs: Sequence[Run], prefix: tuple[str, ...]
    ) -> None:
        scenarios = {run.scenario for run in runs}
        judged = [run for run in runs if not run.engine.preset.preliminary]
        for scenario, pins in settings.items():
            if scenario not in scenarios:
                raise UsageError(
                    f"{scenario} is pinned here, but is not among the scenarios to run",
                    where=self.campaign.where(*prefix, scenario),
                    fix=f"add it to `scenarios:`, or take it out ({', '.join(sorted(scenarios))})",
                )
            for name in pins:
                if name not in PINS_OF[scenario]:
                    raise UsageError(
                        f"{scenario} has no setting `{name}`; allowed: "
                        f"{', '.join(PINS_OF[scenario])}",
                        where=self.campaign.where(*prefix, scenario, name),
                    )
                if name == "latency_bound_ms" and judged:
                    raise UsageError(
                        f"the latency bound of `{judged[0].engine.benchmark.name}` is the round's",
                        where=self.campaign.where(*prefix, scenario, name),
                        why="only a model that is merely tried has none",
                        fix="take it out",
                    )

    def _add(self, name: str, backend_name: str, precision: str) -> None:
        campaign = self.campaign
        settings = campaign.benchmarks[name]
        preset_where = (
            campaign.where("benchmarks", name, "preset")
            if settings.preset is not None
            else campaign.where("preset")
        )
        engine = self._engine(
            name,
            settings.preset or campaign.preset,
            backend_name,
            precision,
            where=(campaign.where("benchmarks", name), preset_where),
        )
        self.engines.append(engine)
        for scenario in self._scenarios(engine):
            pins = {
                **campaign.settings.get(scenario, {}),
                **settings.settings.get(scenario, {}),
            }
            self.runs += self._runs(engine, scenario, pins)

    def _runs(self, engine: Engine, scenario: str, pins: Mapping[str, Any]) -> Iterator[Run]:
        """The campaign's runs of one scenario; a compliance test comes after those it is compared
        with, whether or not the campaign names them."""
        tests = self.tests(engine) if "compliance" in self.modes else ()
        wanted = set(self.modes)
        if tests:
            wanted.add("performance")
        if any(self.compares_responses(test) for test in tests):
            wanted.add("accuracy")
        if engine.preset.speed_only:
            wanted.discard("accuracy")
        for mode in ("performance", "accuracy"):
            if mode in wanted:
                yield Run(engine, scenario, mode, pins)
        for test in tests:
            yield Run(engine, scenario, "compliance", pins, test)

    @property
    def modes(self) -> tuple[str, ...]:
        """Which runs the campaign makes: what it says, else what its division needs."""
        given = self.campaign.modes
        if given is not None:
            return tuple(given)
        return MODES if self.campaign.division == "closed" else MODES[:2]

    def tests(self, engine: Engine) -> tuple[str, ...]:
        """The compliance tests that the round asks of a benchmark and that can be run here; none
        on responses where weights are random."""
        try:
            asked = self.round.resolve(engine.benchmark.name).compliance
        except UsageError:
            return ()
        speed_only = engine.preset.speed_only
        return tuple(
            test
            for test in asked
            if test in TESTS and not (speed_only and self.compares_responses(test))
        )

    def compares_responses(self, test: str) -> bool:
        """Whether a test compares responses with the accuracy run's."""
        return "verify_accuracy.txt" in self.round.audit[test].files

    def _engine(
        self,
        name: str,
        preset_name: str,
        backend_name: str,
        precision: str,
        where: tuple[str | None, str | None],
    ) -> Engine:
        campaign = self.campaign
        benchmark = lookup("benchmark", name, self.registry.benchmarks, where[0])
        preset = benchmark.presets.get(preset_name)
        if preset is None:
            raise UsageError(
                f"benchmark `{name}` has no preset `{preset_name}`; "
                f"{did_you_mean(preset_name, benchmark.presets)}",
                where=where[1],
            )
        listed = backend_name in campaign.backends
        place = campaign.where("backends", backend_name) if listed else None
        backend = lookup("backend", backend_name, self.registry.backends, place)
        given = campaign.backends.get(backend_name, {})
        options = chosen(backend.load_options, given, campaign.document, ("backends", backend_name))
        quantizer, more = quantizer_for(campaign, self.registry, backend, precision)
        fused = self.registry.programs.get((name, backend_name))
        engine = Engine(benchmark, preset, backend, options, precision, quantizer, more, fused)
        self._check_capabilities(engine, place)
        return engine

    def _check_capabilities(self, engine: Engine, where: str | None) -> None:
        benchmark, able = engine.benchmark, engine.backend.capabilities
        pair = f"backend `{engine.backend.name}` cannot run benchmark `{benchmark.name}`"
        if not set(benchmark.forms) & set(able.forms):
            raise UsageError(
                f"{pair}: it takes {', '.join(able.forms)}, "
                f"the model comes as {', '.join(benchmark.forms)}",
                where=where,
            )
        missing = sorted(set(benchmark.dtypes) - set(able.dtypes))
        if missing:
            raise UsageError(f"{pair}: it does not take {', '.join(missing)}", where=where)
        if benchmark.dynamic_axes and not able.dynamic_axes:
            raise UsageError(f"{pair}: it cannot do dynamic shapes", where=where)

    def _scenarios(self, engine: Engine) -> tuple[str, ...]:
        campaign = self.campaign
        settings = campaign.benchmarks[engine.benchmark.name]
        chosen: Sequence[str] | None = settings.scenarios or campaign.scenarios
        where = (
            campaign.where("benchmarks", engine.benchmark.name, "scenarios")
            if settings.scenarios
            else campaign.where("scenarios")
        )
        if chosen is None:
            chosen = self._round_scenarios(engine)
            where = campaign.where("category")
        inferred = self.inferred(engine.benchmark.name)
        for name, source in inferred.items():
            if source not in chosen:
                raise UsageError(
                    f"{name} is inferred from {source}, which is not among the scenarios to run",
                    where=campaign.where("infer", name),
                    fix=f"add it to `scenarios:`, or infer it from another ({', '.join(chosen)})",
                )
        chosen = [name for name in chosen if name not in inferred]
        impossible = [name for name in chosen if name not in engine.benchmark.scenarios]
        if impossible:
            raise UsageError(
                f"benchmark `{engine.benchmark.name}` cannot run {', '.join(impossible)}; "
                f"it can run {', '.join(engine.benchmark.scenarios)}",
                where=where,
            )
        return tuple(name for name in SCENARIOS if name in chosen)

    def inferred(self, benchmark: str) -> dict[str, str]:
        """Scenario → the one from whose runs its result is inferred, for a benchmark.

        Raises UsageError where the rules do not allow it.
        """
        campaign, round_ = self.campaign, self.round
        for name, source in campaign.infer.items():
            where = campaign.where("infer", name)
            if tuple(campaign.category) != ("edge",):
                raise UsageError(
                    "results may be inferred in edge alone",
                    where=where,
                    fix="set `category: edge`, or run the scenario",
                )
            allowed = round_.inferable.get(name, ())
            if source not in allowed:
                raise UsageError(
                    f"{name} cannot be inferred from {source}; "
                    + (f"it can from {', '.join(allowed)}" if allowed else "it has to be run"),
                    where=where,
                )
        try:
            model = round_.resolve(benchmark)
        except UsageError:
            return {}
        known = {
            *round_.scenarios(model, "edge"),
            *round_.scenarios(model, "edge", optional=True),
        }
        return {name: source for name, source in campaign.infer.items() if name in known}

    def _round_scenarios(self, engine: Engine) -> tuple[str, ...]:
        """What round and category ask for; all that the benchmark can run where it is not in
        the round (possible only outside closed)."""
        campaign = self.campaign
        name = engine.benchmark.name
        try:
            model = self.round.resolve(name)
        except UsageError:
            if campaign.division == "closed":
                raise UsageError(
                    f"benchmark `{name}` is not in round {self.round.name}",
                    where=campaign.where("benchmarks", name),
                    fix="choose another round, or division: open",
                ) from None
            return engine.benchmark.scenarios
        scenarios = self.round.scenarios(model, tuple(campaign.category))
        if not scenarios:
            raise UsageError(
                f"round {self.round.name} has no {' or '.join(campaign.category)} scenario "
                f"for benchmark `{name}`",
                where=campaign.where("category"),
                fix="choose another category, or name `scenarios:` yourself",
            )
        return scenarios

    def _extend(self, task: str) -> bool:
        """Adds what a task outside the campaign needs. False where nothing had to be added."""
        parsed = parse_task(task, self.registry)
        if parsed is None:
            return False
        benchmark, preset, named, scenario, mode, test = parsed
        # A data set or a model is any backend's: the campaign's first one stands for all.
        named = next(iter(self.campaign.backends)) if named is None else named
        backend, _, precision = named.partition("+")
        known = {engine.subject for engine in self.engines}
        engine = self._engine(benchmark, preset, backend, precision or FULL, where=(task, task))
        if engine.subject not in known:
            self.engines.append(engine)
            self._outside_engines.add(engine.subject)
        if mode == "accuracy" and engine.preset.speed_only:
            raise UsageError(
                f"the preset `{preset}` of `{benchmark}` has no accuracy",
                where=task,
                why="its weights are random: it is for speed only",
                fix="measure its performance, or choose another preset",
            )
        if scenario is not None and mode is not None:
            run = Run(engine, scenario, mode, self.campaign.settings.get(scenario, {}), test)
            for needed in [*self._compared_with(run, task), run]:
                if needed.task not in {item.task for item in self.runs}:
                    self.runs.append(needed)
                    self._outside.add(needed.task)
        return True

    def _compared_with(self, run: Run, where: str) -> list[Run]:
        """The runs that a compliance test is compared with; none for other runs."""
        if run.test is None:
            return []
        known = self.tests(run.engine)
        if run.test not in known:
            raise UsageError(
                f"round {self.round.name} asks benchmark `{run.engine.benchmark.name}` for no "
                f"test `{run.test}`; {did_you_mean(run.test, known)}".rstrip("; "),
                where=where,
            )
        modes = ("performance", "accuracy") if self.compares_responses(run.test) else MODES[:1]
        return [run.of(mode) for mode in modes]

    def campaign_runs(self) -> list[Run]:
        """The campaign's own runs, without those that were asked for besides."""
        return [run for run in self.runs if run.task not in self._outside]

    def campaign_engines(self) -> list[Engine]:
        """The campaign's own engines."""
        return [item for item in self.engines if item.subject not in self._outside_engines]

    def outside_tasks(self) -> set[str]:
        """Names of the tasks that only serve what was asked for besides the campaign."""
        own = {item.family for item in self.campaign_engines()}
        names = set(self._outside)
        for engine in self.engines:
            if engine.subject in self._outside_engines:
                names.add(f"engine:{engine.subject}")
                if engine.quantizer is not None:
                    names.add(f"quantize:{engine.subject}")
                if engine.family not in own:
                    names |= {
                        f"{stage}:{engine.family}" for stage in ("dataset", "preprocess", "model")
                    }
        return names

    def unofficial(self) -> list[str]:
        """Why the campaign's results are not for submission; empty when they are."""
        found: dict[str, None] = {}
        for run in self.campaign_runs():
            found.update(dict.fromkeys(self.run_unofficial(run)))
        return list(found)

    @property
    def command(self) -> str:
        """What reproduces the campaign's results."""
        return f"benchwright run -c {self.campaign.document.name}"

    def families(self) -> Iterator[Engine]:
        """One engine for each `<family>-<preset>`: whose data set and model are to be built.

        It has the family's first benchmark, so that they are built in the same way whichever of
        its benchmarks a campaign names.
        """
        first: dict[str, BenchmarkInfo] = {}
        for info in self.registry.benchmarks.values():
            first.setdefault(info.family, info)
        seen = set()
        for engine in self.engines:
            if engine.family in seen:
                continue
            seen.add(engine.family)
            info = first[engine.benchmark.family]
            preset = info.presets.get(engine.preset.name)
            yield engine if preset is None else engine._replace(benchmark=info, preset=preset)

    def conf_key(self, benchmark: str) -> str:
        """The benchmark's key in mlperf.conf; its own name where the round does not know it."""
        try:
            return self.round.resolve(benchmark).conf_key
        except UsageError:
            return benchmark

    def run_unofficial(self, run: Run) -> list[str]:
        """Why a run could not stand in a submission; empty when it could."""
        reasons = []
        if run.engine.preset.preliminary:
            reasons.append(PRELIMINARY)
        elif not run.engine.preset.official:
            reasons.append(f"preset {run.engine.preset.name}")
        if run.engine.preset.speed_only and not run.engine.preset.preliminary:
            reasons.append("random weights: speed only")
        if run.engine.quantizer is not None:
            reasons.append("calibrated on samples of the data set")
        if run.mode != "accuracy" and (
            self.campaign.duration != "official" or self.campaign.strict_duration
        ):
            strict = ", strict" if self.campaign.strict_duration else ""
            reasons.append(f"duration {self.campaign.duration}{strict}")
        return reasons

    @cached_property
    def formatter(self) -> FormatterInfo:
        """What writes and checks the submission tree."""
        named = self.campaign.formatter
        return self.registry.formatter(self.round.name, named, self.campaign.where("formatter"))

    @cached_property
    def described(self) -> Mapping[str, JSON]:
        """The fields of the system's description, as probed and as the campaign has them."""
        own = {name: value for name, value in self.campaign.system.items() if name != "name"}
        return {**self.formatter.describe_system(self.identity), **own}

    def unstated(self) -> list[str]:
        """The fields of the system's description that the campaign has to state still."""
        ask = self.formatter.unstated
        return [] if ask is None else list(ask(self.round, self.described))

    @cached_property
    def identity(self) -> Mapping[str, JSON]:
        """What the probes say a result depends on, on this machine."""
        return self.registry.read_system().identity

    def identity_of(self, names: Iterable[str]) -> dict[str, JSON]:
        """Some facts of the machine; a name that ends in `.` stands for all that begin with it."""
        found: dict[str, JSON] = {}
        for name in names:
            for fact, value in self.identity.items():
                if fact == name or (name.endswith(".") and fact.startswith(name)):
                    found[fact] = value
        return found

    @cached_property
    def system_name(self) -> str:
        """The system's name in folders: as the campaign says, else from CPU model and count."""
        given = self.campaign.system.get("name")
        if given:
            return _slug(str(given))
        model = str(self.identity.get("cpu.model", "unknown-cpu"))
        count = self.identity.get("cpu.available") or self.identity.get("cpu.threads") or 1
        return _slug(f"{_CPU_NOISE.sub('', model)}-{count}c")


_CPU_NOISE = re.compile(r"\((r|tm)\)|\bcpu\b|@.*|\b(processor|\d+-core)\b", re.I)
"""What makers write into the names of processors that does not tell them apart."""


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "system"
