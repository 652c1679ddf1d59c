"""What a campaign file may hold, as pydantic models: keys, types, defaults, descriptions.

Only a file that has changed is checked against it; `benchwright.campaign` has the values.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from benchwright.campaign import DEFAULT_SUBMITTER
from benchwright.errors import did_you_mean
from benchwright.layout import SHARED
from benchwright.options import Options

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
Category = Literal["edge", "datacenter"]
Mode = Literal["performance", "accuracy", "compliance"]


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


def _folder(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("name the folder, as in `imagenet2012: /data/imagenet`")
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"there is no user `{value[1:].split('/')[0]}` here") from None
    return value


Categories = Annotated[list[Category], BeforeValidator(_names), Field(min_length=1)]
Scenarios = Annotated[list[Scenario], BeforeValidator(_names), Field(min_length=1)]


class PinsSchema(Options):
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
    latency_bound_ms: float | None = Field(
        None,
        gt=0,
        strict=True,
        description="Server, of a model that is merely tried: how late an answer may be",
    )
    token_latencies: bool | None = Field(
        None,
        strict=True,
        description="SingleStream, Offline: time first tokens too, of a benchmark that generates",
    )


PinsByScenario = Annotated[
    dict[Scenario, PinsSchema], Field(default_factory=dict, description="pinned values by scenario")
]


class BenchmarkSchema(Options):
    """What one benchmark does otherwise than the campaign."""

    preset: str | None = Field(None, description="`official`, `tiny` or `synthetic`")
    scenarios: Scenarios | None = Field(None, description="only these scenarios")
    settings: PinsByScenario


class LoadgenSchema(Options):
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


class StoreSchema(Options):
    """Whether artifacts are shared with other checkouts through the store, and how."""

    enabled: bool = Field(True, strict=True, description="look in the store, and put things there")
    link: bool = Field(
        False, strict=True, description="share files with the store by hard links, read-only"
    )


class SystemSchema(Options):
    """The fields of a system's description in a file of their own."""

    system: dict[str, str | int]


class CampaignSchema(Options):
    """A campaign file."""

    name: str = Field("", description="folder below build/; by default from the file's name")
    round: str = Field("v3.1", description="MLPerf Inference round, such as `v3.1`")
    division: Literal["closed", "open"] = Field("open", description="submission division")
    category: Categories = Field(["edge", "datacenter"], description="`edge`, `datacenter` or both")
    duration: Literal["quick", "official"] | int = Field(
        "quick", description="`quick`, `official`, or seconds of each performance run"
    )
    strict_duration: bool = Field(
        False,
        strict=True,
        description="end each performance run when its duration is over; its result is not VALID",
    )
    submitter: str = Field(DEFAULT_SUBMITTER, description="the submitting organisation")
    preset: str = Field("tiny", description="`official`, `tiny` or `synthetic`")
    benchmarks: Annotated[
        dict[str, BenchmarkSchema], BeforeValidator(_settings_by_name), Field(min_length=1)
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
    infer: dict[Scenario, Scenario] = Field(
        default_factory=dict,
        description="edge: scenarios that are not run → the scenario whose result stands for them, "
        "such as `{Offline: SingleStream}`",
    )
    modes: Annotated[list[Mode], BeforeValidator(_names), Field(min_length=1)] | None = Field(
        None,
        description="which runs to make; by default `performance` and `accuracy`, and in closed "
        "`compliance` too",
    )
    settings: PinsByScenario
    loadgen: LoadgenSchema = Field(default_factory=lambda: LoadgenSchema.model_construct())
    store: StoreSchema = Field(default_factory=lambda: StoreSchema.model_construct())
    power: Annotated[dict[str, dict[str, Any]], BeforeValidator(_settings_by_name)] = Field(
        default_factory=dict,
        description="a power meter, or `auto`: runs record power, informative; a name, or a name "
        "with options (see `benchwright plugins NAME`)",
    )
    datasets: dict[str, Annotated[Path, BeforeValidator(_folder)]] = Field(
        default_factory=dict, description="data sets the user has: name → folder, used in place"
    )
    formatter: str | None = Field(
        None, description="what writes the submission tree; by default the first for the round"
    )
    system: dict[str, str | int] = Field(
        default_factory=dict,
        description="fields of the system description, or the YAML file that holds them "
        "(`benchwright system --init` writes one); `name` names it",
    )

    @field_validator("name")
    @classmethod
    def _grouped_name(cls, value: str) -> str:
        group, inside, name = value.partition("/")
        if inside and name in ("", SHARED):
            raise ValueError(f"`{value}` names no campaign of the group `{group}`")
        for part in value.split("/"):
            cls._plain_name(part)
        return value

    @field_validator("submitter")
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
