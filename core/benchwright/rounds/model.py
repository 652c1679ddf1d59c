"""What a round is: its fields and the questions they answer.

A round is one MLPerf Inference version. Every figure and name in it comes from the round's YAML
file (data/), so nothing here depends on the version. Reading those files is load.py's work;
loadgen's text form of the settings is conf.py's.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from benchwright.errors import BenchwrightError, UsageError, did_you_mean
from benchwright.rounds.decode import FrozenMap, OneOf

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
"""loadgen's scenarios, spelt its way."""

SCENARIO_FOLDERS = ("SingleStream", "MultiStream", "Server", "Interactive", "Offline")
"""Scenarios as a submission names them: `Interactive` is a Server run with tighter limits."""

CATEGORIES = ("edge", "datacenter")
DIVISIONS = ("closed", "open", "network")

BOTH = "datacenter,edge"
"""The system type of a machine that is submitted in both categories at once."""

Scenario = Annotated[str, OneOf(SCENARIO_FOLDERS)]
SystemType = Annotated[str, OneOf((*CATEGORIES, BOTH))]
Verdict = Annotated[str, OneOf(("error", "warning", "ignored"))]
Direction = Annotated[str, OneOf(("either", "faster", "slower"))]
Element = Annotated[str, OneOf(("byte", "float32", "int32", "int64"))]
Number = int | float

_NONE: FrozenMap[str, Any] = FrozenMap()


class Seeds(NamedTuple):
    """The three random seeds of loadgen (64 bits, unsigned)."""

    qsl_rng_seed: int
    sample_index_rng_seed: int
    schedule_rng_seed: int


class Limits(NamedTuple):
    """Bounds that hold for every model of the round."""

    min_duration_ms: int
    max_file_mb: int
    """Of any file in a submission, in MiB."""
    max_accuracy_json_bytes: int
    truncate_chars: int
    """A longer accuracy log keeps this many characters of either end."""
    multistream_samples_per_query: int
    early_stopping_min_queries: Mapping[Scenario, int]
    """Fewer processed queries than these make a run INVALID, whatever its settings."""
    latency_percentile: Mapping[Scenario, float]
    offline_sample_margin: float
    """loadgen's Offline query holds target_qps * seconds * this, or min_query_count if more."""
    fast_latency_ns: Mapping[Scenario, int]
    """Below these latencies a compliance run may be slower by `fast_tolerance_percent`."""
    fast_tolerance_percent: float
    accuracy_delta_percent: float
    """How far the accuracies of a run and of its TEST01 baseline may differ; see
    `Round.accuracy_delta_percent`."""
    accuracy_delta_percent_999: float


class Verdicts(NamedTuple):
    """What the official checker of the round does when a rule is broken, where rounds differ.

    `error` fails the submission (or crashes the checker), `warning` is only logged, `ignored` is
    not looked at.
    """

    root_files: Verdict
    """Files beside the divisions (but for the tolerated), or between division and submitter."""
    tidiness: Verdict
    """Hidden files, spaces in names, `__pycache__`, empty folders, broken links, large files."""
    division_case: Verdict
    """The system's division differs from the folder's in upper and lower case only."""
    whole_numbers: Verdict
    """A field of `SystemJson.whole_numbers` does not parse as an integer."""
    run_file_list: Verdict
    """Files in performance/run_1 beyond the required and tolerated ones, or a missing summary."""
    accuracy_file_list: Verdict
    """The same for the accuracy folder; a missing summary or an extra file."""
    result_validity: Verdict
    """loadgen calls the performance run INVALID."""
    performance_errors: Verdict
    """loadgen logged an error in the performance run."""
    min_duration: Verdict
    """The run's minimum duration is set below `Limits.min_duration_ms`."""
    early_stopping: Verdict
    """Early stopping is not met."""
    dataset_size: Verdict
    """The accuracy run did not cover the data set."""
    test01_accuracy_files: Verdict
    """TEST01's accuracy folder lacks one of its files, or holds others."""
    emptiness: Verdict = "error"
    """A field or file that has to say something is empty."""
    unused_entries: Verdict = "ignored"
    """A system is described, or has measurements, without results."""
    calibration: Verdict = "ignored"
    """Outside open, nothing is said of calibration, whether or not anything was calibrated."""
    equal_issue: Verdict = "ignored"
    """A model that must issue every sample equally often was run otherwise."""
    links: Verdict = "ignored"
    """There is a symbolic link, wherever it leads."""
    first_record: Verdict = "ignored"
    """A detail log begins with another line than a record of loadgen."""


class RoundModel(NamedTuple):
    """What the round asks of one model."""

    name: str
    """The checker's name, such as `resnet` or `bert-99.9`."""
    conf_key: str
    """The model's name among loadgen's settings, such as `resnet50` or `bert`."""
    required: Mapping[SystemType, tuple[Scenario, ...]]
    accuracy_minimum: Mapping[str, float]
    """Metric name -> smallest accepted value, in the unit in which accuracy.txt states it."""
    dataset_size: int
    """Samples in the accuracy data set."""
    performance_sample_count_min: int
    """The loaded sample set of a performance run must hold at least this many samples."""
    min_queries: Mapping[Scenario, int]
    compliance: tuple[str, ...]
    """Tests that closed and network submissions need."""
    optional: Mapping[SystemType, tuple[Scenario, ...]] = _NONE
    interactive_conf_key: str | None = None
    accuracy_minimum_by_scenario: Mapping[Scenario, Mapping[str, float]] = _NONE
    accuracy_upper_limit: Mapping[str, float] = _NONE
    accuracy_delta_percent: Mapping[str, float] = _NONE
    accuracy_sample_count: int | None = None
    """Samples of an accuracy run where that is not `dataset_size`."""
    accuracy_sample_count_by_scenario: Mapping[Scenario, int] = _NONE
    latency_limit_ns: Mapping[Scenario, int] = _NONE
    token_latency_limit_ns: Mapping[Scenario, Mapping[str, int]] = _NONE
    """Scenario -> {ttft, tpot}: 99th percentiles of language models, in ns."""
    offline_min_samples: int | None = None
    """Samples that the Offline query must hold; None where the model has no Offline scenario."""
    metric_keys: Mapping[Scenario, str] = _NONE
    """Where this model's result has another key than the round's; see `Round.metric_key`."""
    metric_units: Mapping[Scenario, str] = _NONE

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories in which the model can be submitted."""
        return tuple(c for c in CATEGORIES if self.in_suite(c))

    def in_suite(self, system_type: str) -> bool:
        """Whether a system of this type (`edge`, `datacenter`, `datacenter,edge`) may hold it."""
        key = system_type_of(system_type)
        return key in self.required or key in self.optional

    def required_scenarios(self, system_type: str) -> tuple[str, ...]:
        """The checker's own list for a system of this type; empty outside the suite."""
        return self.required.get(system_type_of(system_type), ())

    def optional_scenarios(self, system_type: str) -> tuple[str, ...]:
        """Scenarios that may be submitted beside the required ones."""
        return self.optional.get(system_type_of(system_type), ())

    def accuracy_minimum_for(self, scenario: str) -> Mapping[str, float]:
        """Metric name -> smallest accepted value in this scenario."""
        return self.accuracy_minimum_by_scenario.get(scenario, self.accuracy_minimum)

    def accuracy_samples_for(self, scenario: str) -> int:
        """Samples that an accuracy run of this scenario covers."""
        whole = (
            self.dataset_size if self.accuracy_sample_count is None else self.accuracy_sample_count
        )
        return self.accuracy_sample_count_by_scenario.get(scenario, whole)

    def loadgen_name(self, scenario: str) -> tuple[str, str]:
        """(settings key, loadgen scenario) of a scenario folder.

        `Interactive` runs as Server, under its own settings key where the model has one.
        """
        if scenario == "Interactive":
            return self.interactive_conf_key or self.conf_key, "Server"
        return self.conf_key, _known_scenario(scenario)


class AuditTest(NamedTuple):
    """One compliance test."""

    settings: Mapping[str, Number]
    """Keys of audit.config, for every scenario unless the key starts with one and a dot."""
    files: tuple[str, ...]
    """What must lie in the test's folder, relative to it."""
    overrides: Mapping[str, Mapping[str, Number]] = _NONE
    """Settings key of a model -> what differs there from `settings`."""
    baseline_files: tuple[str, ...] = ()
    """Needed as well where the test's accuracy comparison does not pass."""
    tolerance_percent: float | None = None
    """How far the test's performance may lie from the run's; None where it is not compared."""
    fails_when: Direction = "either"
    """On which side of the run's performance the tolerance counts."""
    elements: Mapping[str, Element] = _NONE
    """Settings key of a model -> type of the elements of its responses, the first of which is
    compared with the accuracy run's; a byte where nothing is said."""


class SystemJson(NamedTuple):
    """The system description: names of its fields."""

    required: tuple[str, ...]
    must_not_be_empty: tuple[str, ...]
    network_required: tuple[str, ...]
    """Needed as well in the network division."""
    optional: tuple[str, ...]
    whole_numbers: tuple[str, ...]
    """Must parse as integers: official tools that read the file later fail otherwise."""
    enums: Mapping[str, tuple[str, ...]]
    """Field -> allowed values."""


class Endpoints(NamedTuple):
    """The tree form for results of MLCommons' endpoints harness instead of loadgen."""

    models: tuple[str, ...]
    files: tuple[str, ...]
    """Relative to the scenario folder."""
    scenario_folders: Mapping[str, Scenario]
    """Folder name -> scenario, beyond the usual names."""


class Round(NamedTuple):
    """One MLPerf Inference version. `benchwright.rounds.load_round` hands them out."""

    name: str
    layout: Annotated[str, OneOf(("v3.1", "v6"))]
    """The form of the submission tree: `v6` has everything of a scenario under results/."""
    paths: Mapping[str, str]
    """Kind -> path below <division>/<submitter>/, with named places; see `path`."""
    seeds: Seeds
    test05_seeds: Seeds | None
    metric_keys: Mapping[Scenario, str]
    metric_units: Mapping[Scenario, str]
    limits: Limits
    inferable: Mapping[Scenario, tuple[Scenario, ...]]
    """Scenario folder -> scenarios whose logs may fill it (edge only)."""
    one_of: tuple[Scenario, ...]
    """Optional scenarios of which at least one must be there; see `one_of_scenarios`."""
    verdicts: Verdicts
    aliases: Mapping[str, str]
    """Folder name -> checker name."""
    models: Mapping[str, RoundModel]
    mlperf_conf: Mapping[str, Number]
    """`model.Scenario.setting` -> value, as loadgen has it; times in ms, percentiles in percent."""
    audit: Mapping[str, AuditTest]
    system_json: SystemJson
    implementation_json: tuple[str, ...]
    """Fields that the description of an implementation must hold, none of them empty."""
    required_files: Mapping[str, tuple[str, ...]]
    """Kind of folder -> file names (or patterns) that must lie in it."""
    tolerated_files: Mapping[str, tuple[str, ...]]
    accuracy_patterns: Mapping[str, str]
    """Metric -> regular expression for a line of accuracy.txt (`re.match`; group 1: the number)."""
    accuracy_hash_pattern: str
    """The line of accuracy.txt that carries the SHA-256 of the full accuracy log (group 1)."""
    endpoints: Endpoints | None = None

    def resolve(self, name: str) -> RoundModel:
        """The model of this checker or folder name; `UsageError` when the round has none."""
        found = self.models.get(self.aliases.get(name, name))
        if found is None:
            raise UsageError(
                f"round {self.name} has no model `{name}`",
                fix=did_you_mean(name, (*self.models, *self.aliases)) or None,
            )
        return found

    def scenarios(
        self, model: str | RoundModel, categories: str | Iterable[str], optional: bool = False
    ) -> tuple[str, ...]:
        """What a submission of the model in these categories needs (or may add), in their order.

        categories: `edge`, `datacenter` or both, as names or as a system type such as
        `datacenter,edge`. The union of the categories' scenarios, and for both also of the
        checker's own list for such systems, which can ask for more. Empty where the model belongs
        to none of them. optional: those that may be added instead; `Interactive` can be among them.
        """
        model = self.resolve(model) if isinstance(model, str) else model
        types = _system_types(categories)
        needed = {s for kind in types for s in model.required_scenarios(kind)}
        extra = {s for kind in types for s in model.optional_scenarios(kind)} - needed
        return tuple(s for s in SCENARIO_FOLDERS if s in (extra if optional else needed))

    def one_of_scenarios(
        self, model: str | RoundModel, categories: str | Iterable[str]
    ) -> tuple[str, ...]:
        """Optional scenarios of which the submission must have at least one; often none."""
        extra = self.scenarios(model, categories, optional=True)
        return self.one_of if self.one_of and set(self.one_of) <= set(extra) else ()

    def conf(self, conf_key: str, scenario: str) -> dict[str, Number]:
        """loadgen's settings for a model and scenario, by its order of lookup.

        model.Scenario, then *.Scenario, model.* and *.*; times in ms, percentiles in percent. A
        model without lines of its own gets those for every model. The seeds are not among them:
        see `seeds`. `UsageError` for a scenario that loadgen does not know.
        """
        _known_scenario(scenario)
        ranks = {(conf_key, scenario): 0, ("*", scenario): 1, (conf_key, "*"): 2, ("*", "*"): 3}
        found: dict[str, tuple[int, Number]] = {}
        for line, value in self.mlperf_conf.items():
            model, where, key = line.rsplit(".", 2)
            rank = ranks.get((model, where))
            if rank is None or key.endswith("_rng_seed"):
                continue
            if key not in found or rank < found[key][0]:
                found[key] = (rank, value)
        return {key: found[key][1] for key in sorted(found)}

    def seeds_of(self, test: str | None) -> Seeds:
        """The seeds of a run: a compliance test may ask for others."""
        audit = self.audit.get(test) if test is not None else None
        if audit is not None and audit.settings.get("test05") and self.test05_seeds is not None:
            return self.test05_seeds
        return self.seeds

    def audit_settings(self, test: str, conf_key: str) -> dict[str, Number]:
        """The test's audit settings for the model with this settings key."""
        audit = self.audit[test]
        return {**audit.settings, **audit.overrides.get(conf_key, {})}

    def metric_key(self, model: str | RoundModel, scenario: str) -> str:
        """The detail log's key of the model's result in this scenario."""
        model = self.resolve(model) if isinstance(model, str) else model
        return model.metric_keys.get(scenario) or self._of_scenario(self.metric_keys, scenario)

    def metric_unit(self, model: str | RoundModel, scenario: str) -> str:
        """The unit of that result in the detail log, such as `ns` or `samples/s`."""
        model = self.resolve(model) if isinstance(model, str) else model
        return model.metric_units.get(scenario) or self._of_scenario(self.metric_units, scenario)

    def _of_scenario(self, table: Mapping[str, str], scenario: str) -> str:
        if scenario not in table:
            raise UsageError(
                f"round {self.name} has no scenario `{scenario}`",
                fix=did_you_mean(scenario, table),
            )
        return table[scenario]

    def accuracy_delta_percent(self, model: str | RoundModel, metric: str) -> float:
        """How far a metric may differ between a run and its TEST01 baseline, in percent."""
        model = self.resolve(model) if isinstance(model, str) else model
        close = "99.9" in model.name
        usual = (
            self.limits.accuracy_delta_percent_999 if close else self.limits.accuracy_delta_percent
        )
        return model.accuracy_delta_percent.get(metric, usual)

    def path(self, kind: str, **names: str) -> str:
        """Where something lies, relative to <division>/<submitter>/.

        names: what the kind needs of `system`, `benchmark` (the folder's name), `scenario`,
        `implementation` and `test`.
        """
        if kind not in self.paths:
            raise UsageError(
                f"the layout of round {self.name} has no place `{kind}`",
                fix=did_you_mean(kind, self.paths),
            )
        try:
            return self.paths[kind].format_map(names)
        except KeyError as error:
            raise BenchwrightError(
                f"the place `{kind}` needs the name of its {error.args[0]}",
                where=f"round {self.name}: paths.{kind}",
            ) from None


def system_type_of(text: str) -> str:
    """`edge`, `datacenter` or `datacenter,edge`, from any spelling of them."""
    parts = {part.strip() for part in text.split(",")}
    for part in sorted(parts):
        if part not in CATEGORIES:
            raise UsageError(f"there is no category `{part}`", fix=did_you_mean(part, CATEGORIES))
    return BOTH if len(parts) == 2 else parts.pop()


def _system_types(categories: str | Iterable[str]) -> tuple[str, ...]:
    text = categories if isinstance(categories, str) else ",".join(categories)
    if not text:
        return ()
    kind = system_type_of(text)
    return (*CATEGORIES, BOTH) if kind == BOTH else (kind,)


def _known_scenario(scenario: str) -> str:
    if scenario not in SCENARIOS:
        raise UsageError(
            f"loadgen has no scenario `{scenario}`", fix=did_you_mean(scenario, SCENARIOS)
        )
    return scenario
