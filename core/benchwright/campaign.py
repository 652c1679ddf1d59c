"""The campaign file: which benchmarks, on which backends, in which scenarios, for which round.

This module knows the file's shape and nothing of what is installed: names of benchmarks,
backends and rounds are resolved by the plan.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, field_validator

from benchwright import yamlfile
from benchwright.errors import UsageError, did_you_mean
from benchwright.layout import CAMPAIGN_FILE
from benchwright.options import Options

if TYPE_CHECKING:
    from benchwright.plan import Plan

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
Category = Literal["edge", "datacenter"]
Mode = Literal["performance", "accuracy"]


def _names(value: Any) -> Any:
    """`a, b` and [a, b] mean the same."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _settings_by_name(value: Any) -> Any:
    """A name, a list of names, or a mapping from name to settings: all become the mapping."""
    value = _names(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {item: {} for item in value}
    if isinstance(value, dict):
        return {key: {} if item is None else item for key, item in value.items()}
    return value


def _text(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("write the version in quotes: YAML reads 4.10 as the number 4.1")
    return value


Categories = Annotated[list[Category], BeforeValidator(_names), Field(min_length=1)]
Scenarios = Annotated[list[Scenario], BeforeValidator(_names), Field(min_length=1)]


class Pins(Options, defer_build=True):
    """Values of one scenario that are otherwise found by a short calibration."""

    target_qps: float | None = Field(
        None,
        gt=0,
        strict=True,
        description="Offline: expected samples/s; Server: queries/s to issue",
    )
    expected_latency_ms: float | None = Field(
        None,
        gt=0,
        strict=True,
        description="SingleStream, MultiStream: expected latency of a query",
    )
    batch: int | None = Field(None, ge=1, strict=True, description="largest batch of the harness")
    instances: int | None = Field(
        None, ge=1, strict=True, description="engine instances, each in a thread"
    )
    threads: int | None = Field(
        None, ge=1, strict=True, description="compute threads of each instance"
    )
    deadline_us: int | None = Field(
        None,
        ge=0,
        strict=True,
        description="Server: how long the first query of a batch may wait for more",
    )
    token_latencies: bool | None = Field(
        None,
        strict=True,
        description="SingleStream, Offline: time first tokens too, of a benchmark that generates",
    )


PinsByScenario = Annotated[
    dict[Scenario, Pins], Field(default_factory=dict, description="pinned values by scenario")
]


class BenchmarkSettings(Options, defer_build=True):
    """What one benchmark does otherwise than the campaign."""

    preset: str | None = Field(None, description="`official`, `tiny` or `synthetic`")
    scenarios: Scenarios | None = Field(None, description="only these scenarios")
    settings: PinsByScenario


class LoadgenSettings(Options, defer_build=True):
    """Which loadgen runs use: the installed wheel, or one built from source."""

    build: Literal["wheel", "source"] = Field(
        "wheel", description="`wheel`: the installed one; `source`: built here by the compiler"
    )
    version: Annotated[str | None, BeforeValidator(_text)] = Field(
        None, description="source: the release of the sdist to build"
    )
    source: str | None = Field(
        None, description="source: a folder, a tarball or a URL instead of the released sdist"
    )
    checksum: str | None = Field(
        None, description="`sha256:…` or `md5:…` of the tarball; required for a URL"
    )


class StoreSettings(Options, defer_build=True):
    """Whether artifacts are shared with other checkouts through the store, and how."""

    enabled: bool = Field(True, strict=True, description="look in the store, and put things there")
    link: bool = Field(
        False, strict=True, description="share files with the store by hard links, read-only"
    )

    @property
    def use(self) -> Literal["", "copy", "link"]:
        """As a recipe states it."""
        if not self.enabled:
            return ""
        return "link" if self.link else "copy"


class Campaign(Options):
    """A campaign file."""

    name: str = Field("", description="folder below build/; by default from the file's name")
    round: str = Field("v3.1", description="MLPerf Inference round, such as `v3.1`")
    division: Literal["closed", "open"] = Field("open", description="submission division")
    category: Categories = Field(["edge", "datacenter"], description="`edge`, `datacenter` or both")
    duration: Literal["quick", "official"] | int = Field(
        "quick", description="`quick`, `official`, or seconds of each performance run"
    )
    submitter: str = Field("Benchwright", description="the submitting organisation")
    preset: str = Field("tiny", description="`official`, `tiny` or `synthetic`")
    benchmarks: Annotated[
        dict[str, BenchmarkSettings], BeforeValidator(_settings_by_name), Field(min_length=1)
    ] = Field(description="names, or names with settings of their own")
    backends: Annotated[
        dict[str, dict[str, Any]], BeforeValidator(_settings_by_name), Field(min_length=1)
    ] = Field(description="names, or names with options (see `benchwright plugins NAME`)")
    precision: Annotated[list[str], BeforeValidator(_names), Field(min_length=1)] = Field(
        ["fp32"], description="precisions that each backend computes in, such as `[fp32, int8]`"
    )
    quantizers: Annotated[dict[str, dict[str, Any]], BeforeValidator(_settings_by_name)] = Field(
        default_factory=dict,
        description="names, or names with options; else the one that fits",
    )
    scenarios: Scenarios | None = Field(
        None, description="by default those that round and category ask for"
    )
    modes: Annotated[list[Mode], BeforeValidator(_names), Field(min_length=1)] = Field(
        ["performance", "accuracy"], description="which runs to make"
    )
    settings: PinsByScenario
    loadgen: LoadgenSettings = Field(default_factory=lambda: LoadgenSettings.model_construct())
    store: StoreSettings = Field(default_factory=lambda: StoreSettings.model_construct())
    power: Annotated[dict[str, dict[str, Any]], BeforeValidator(_settings_by_name)] = Field(
        default_factory=dict,
        description="a power meter, or `auto`: runs record power, informative; a name, or a name "
        "with options (see `benchwright plugins NAME`)",
    )
    datasets: dict[str, Path] = Field(
        default_factory=dict, description="data sets the user has: name → folder, used in place"
    )
    formatter: str | None = Field(
        None, description="what writes the submission tree; by default the first for the round"
    )
    system: dict[str, str | int] = Field(
        default_factory=dict, description="fields of the system description; `name` names it"
    )
    _document: yamlfile.Document = PrivateAttr()

    @field_validator("name", "submitter")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", value):
            raise ValueError("use letters, digits, `.`, `_`, `+` and `-` only")
        return value

    @field_validator("power")
    @classmethod
    def _one_meter(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if len(value) > 1:
            raise ValueError("a run has one power meter: name one, or `auto`")
        return value

    @field_validator("duration", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError("`quick`, `official`, or a whole number of seconds")
        if isinstance(value, str) and value not in ("quick", "official"):
            raise ValueError(
                f"`quick`, `official`, or a whole number of seconds; "
                f"{did_you_mean(value, ('quick', 'official'))}"
            )
        if isinstance(value, int) and value < 1:
            raise ValueError("a duration is at least 1 second")
        return value

    @classmethod
    def load(cls, path: str | Path = CAMPAIGN_FILE) -> Campaign:
        """Reads a campaign file; UsageError with file, line and dotted path when it is wrong."""
        return load_campaign(Path(path))

    def plan(self) -> Plan:
        """What this campaign amounts to on this machine, with the plugins that are installed now;
        UsageError names what does not fit, before any work."""
        from benchwright.plan import Plan
        from benchwright.plugins import Registry

        return Plan(self, Registry())

    @property
    def document(self) -> yamlfile.Document:
        """The file this campaign was read from, with the line of each value."""
        return self._document

    def where(self, *location: str | int) -> str:
        """`file:line: dotted.path` of a value in the file."""
        return self._document.where(location)


def load_campaign(path: Path) -> Campaign:
    """Reads a campaign file; UsageError with file, line and dotted path when it is wrong."""
    if not path.exists():
        raise UsageError(
            "this campaign file does not exist",
            where=str(path),
            fix="`benchwright init` writes one here, or name another with `-c FILE`",
        )
    return parse_campaign(yamlfile.load(path), default_name=_name_of(path))


def _name_of(path: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9._+-]", "-", path.stem)
    return "default" if path.name == CAMPAIGN_FILE else stem


def parse_campaign(document: yamlfile.Document, *, default_name: str = "default") -> Campaign:
    """Validates a parsed campaign file."""
    if document.data is None:
        raise UsageError(
            "this campaign file is empty",
            where=document.name,
            fix="it needs at least `benchmarks:` and `backends:`; `benchwright init` writes one",
        )
    if not isinstance(document.data, dict):
        raise UsageError("a campaign is a mapping of keys", where=document.where())
    data = {"name": default_name, **document.data}
    campaign = validate(Campaign, data, document)
    campaign._document = document
    return campaign


Model = TypeVar("Model", bound=Options)


def validate(
    model: type[Model],
    data: Any,
    document: yamlfile.Document,
    prefix: tuple[str | int, ...] = (),
) -> Model:
    """`model` from plain data, or one UsageError that lists every fault with its line."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_fault(model, dict(item), document, prefix) for item in error.errors()]
        raise UsageError("\n".join(dict.fromkeys(faults))) from None


def _fault(
    model: type[Options],
    item: dict[str, Any],
    document: yamlfile.Document,
    prefix: tuple[str | int, ...],
) -> str:
    location = tuple(
        part for part in item["loc"] if not (isinstance(part, str) and _is_union_tag(part))
    )
    where = document.where((*prefix, *location))
    kind = item["type"]
    name = str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{where}: unknown key `{name}`; {did_you_mean(name, known)}".rstrip("; ")
    if kind == "missing":
        return f"{where}: the key `{name}` is missing"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(item.get("ctx", {}).get("expected", "")))
        found = str(item["input"])
        return f"{where}: unknown value `{found}`; {did_you_mean(found, allowed)}".rstrip("; ")
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]} (found: {item['input']!r})"


def _is_union_tag(part: str) -> bool:
    return part in ("int", "[key]") or part.startswith(("literal[", "function-"))


def _fields_at(model: type[Options], location: tuple[str | int, ...]) -> list[str]:
    """The known keys of the model that `location` leads to."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, Options):
            if part not in current.model_fields:
                continue
            current = _model_in(current.model_fields[str(part)].annotation)
    known = isinstance(current, type) and issubclass(current, Options)
    return list(current.model_fields) if known else []


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
