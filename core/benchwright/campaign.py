"""The campaign: which benchmarks, on which backends, in which scenarios, for which round.

This module has the values of a campaign file that was found right (`campaign_schema` says what
that is) and knows nothing of what is installed: names of benchmarks, backends and rounds are
resolved by the plan.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from benchwright import yamlfile
from benchwright.distributions import tool_version
from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE
from benchwright.remembered import remembered

if TYPE_CHECKING:
    from benchwright.plan import Plan

DEFAULT_SUBMITTER = "Benchwright"
"""Who submits where the file does not say it."""

Pins = Mapping[str, Any]
"""Values of one scenario that are otherwise found by a calibration; only those that are given."""


class BenchmarkSettings(NamedTuple):
    """What one benchmark does otherwise than the campaign."""

    preset: str | None
    scenarios: list[str] | None
    settings: dict[str, Pins]


class LoadgenSettings(NamedTuple):
    """Which loadgen runs use: the installed wheel, or one built from source."""

    build: Literal["wheel", "source"]
    version: str | None
    source: str | None
    checksum: str | None


class StoreSettings(NamedTuple):
    """Whether artifacts are shared with other checkouts through the store, and how."""

    enabled: bool
    link: bool

    @property
    def use(self) -> Literal["", "copy", "link"]:
        """As a recipe states it."""
        if not self.enabled:
            return ""
        return "link" if self.link else "copy"


class Campaign(NamedTuple):
    """A campaign file's values; `campaign_schema.CampaignSchema` says what each one is."""

    document: yamlfile.Document
    name: str
    round: str
    division: Literal["closed", "open"]
    category: list[str]
    duration: str | int
    strict_duration: bool
    submitter: str
    preset: str
    benchmarks: dict[str, BenchmarkSettings]
    backends: dict[str, dict[str, Any]]
    precision: list[str]
    quantizers: dict[str, dict[str, Any]]
    scenarios: list[str] | None
    infer: dict[str, str]
    modes: list[str] | None
    settings: dict[str, Pins]
    loadgen: LoadgenSettings
    store: StoreSettings
    power: dict[str, dict[str, Any]]
    datasets: dict[str, Path]
    formatter: str | None
    system: dict[str, str | int]
    system_document: yamlfile.Document | None = None
    """The file of the system's fields, where `system:` names one."""

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

    def where(self, *location: str | int) -> str:
        """`file:line: dotted.path` of a value in the file, or in that of the system's fields."""
        if location[:1] == ("system",) and self.system_document is not None:
            return self.system_document.where(location)
        return self.document.where(location)

    @property
    def option(self) -> str:
        """What a command needs besides to mean this campaign: ` -c FILE`, or nothing."""
        return _option(self.document.name)

    @property
    def how_to_state(self) -> str:
        """How to give the system's fields that are missing, in words."""
        if self.system_document is not None:
            return f"state it in {self.system_document.name}"
        command = f"benchwright system --init{self.option}"
        return f"`{command}` writes a file to complete; name it: `system: system.yaml`"

    @property
    def files(self) -> dict[str, str]:
        """What the file names besides, by its path from there → its text."""
        described = self.system_document
        if described is None:
            return {}
        name = os.path.relpath(described.name, os.path.dirname(self.document.name) or ".")
        return {name: described.text}


def load_campaign(path: Path, *, awaited: bool = False) -> Campaign:
    """Reads a campaign file; UsageError with file, line and dotted path when it is wrong.

    awaited: the file that `system:` names need not be there yet, and then counts as an empty one.
    A file that was found right before, by the same rules, is not checked again.
    """
    if not path.exists():
        raise UsageError(
            "this campaign file does not exist",
            where=str(path),
            fix="`benchwright init` writes one here, or name another with `-c FILE`",
        )
    name, text = str(path), yamlfile.read(path)
    if awaited:
        return parse_campaign(yamlfile.parse(text, name), awaited=True)

    def make() -> tuple[dict[str, Any], list[str]]:
        found = _checked(yamlfile.parse(text, name))
        described = found["system"]
        return found, [*_rules(), *([described["name"]] if described else [])]

    found = remembered(f"campaign {name}", [text, tool_version("pydantic")], make)
    return _campaign(found, name, text)


def parse_campaign(document: yamlfile.Document, *, awaited: bool = False) -> Campaign:
    """The campaign of a parsed file; UsageError when it is wrong. awaited: see `load_campaign`."""
    return _campaign(_checked(document, awaited), document.name, document.text)


def _rules() -> list[str]:
    """The modules that decide whether a campaign file is right."""
    here = Path(__file__).parent
    modules = ("campaign", "campaign_schema", "options", "validation", "yamlfile")
    return [f"{here}/{module}.py" for module in modules]


def _checked(document: yamlfile.Document, awaited: bool = False) -> dict[str, Any]:
    """The file's values as JSON, defaults filled in, and the line of each."""
    from benchwright.campaign_schema import CampaignSchema
    from benchwright.validation import validate

    if document.data is None:
        raise UsageError(
            "this campaign file is empty",
            where=document.name,
            fix="it needs at least `benchmarks:` and `backends:`; `benchwright init` writes one",
        )
    if not isinstance(document.data, dict):
        raise UsageError("a campaign is a mapping of keys", where=document.where())
    data = {"name": _name_of(Path(document.name)), **document.data}
    described = _system_file(document, awaited)
    if described is not None:
        data["system"] = described.data["system"]
    return {
        "values": validate(CampaignSchema, data, document).model_dump(mode="json"),
        "lines": _lines(document),
        "system": described
        and {"name": described.name, "text": described.text, "lines": _lines(described)},
    }


def _lines(document: yamlfile.Document) -> list[Any]:
    return [[list(location), line] for location, line in document.lines.items()]


def _system_file(document: yamlfile.Document, awaited: bool) -> yamlfile.Document | None:
    """The file that `system:` names, beside the campaign's; None where it names none."""
    from benchwright.campaign_schema import SystemSchema
    from benchwright.validation import validate

    name = document.data.get("system")
    if not isinstance(name, str):
        return None
    path = Path(document.name).parent / name
    if awaited and not path.exists():
        read = yamlfile.Document(str(path), "", None)
    elif not path.is_file():
        raise UsageError(
            f"there is no file {path} with the system's fields",
            where=document.where(("system",)),
            fix=f"`benchwright system --init{_option(document.name)}` writes one to complete",
        )
    else:
        read = yamlfile.load(path)
    described = read._replace(
        data={"system": {} if read.data is None else read.data},
        lines={("system", *location): line for location, line in read.lines.items()},
    )
    validate(SystemSchema, described.data, described)
    return described


def _option(campaign: str) -> str:
    return "" if campaign == CAMPAIGN_FILE else f" -c {shlex.quote(campaign)}"


def _name_of(path: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9._+-]", "-", path.stem)
    return "default" if path.name == CAMPAIGN_FILE else stem


def _campaign(found: Mapping[str, Any], name: str, text: str) -> Campaign:
    values = dict(found["values"])
    document = _document(name, text, found["lines"])
    described = found["system"]
    if described is not None:
        values["system_document"] = _document(**described)
    values["benchmarks"] = {
        benchmark: BenchmarkSettings(given["preset"], given["scenarios"], _pins(given["settings"]))
        for benchmark, given in values["benchmarks"].items()
    }
    values["settings"] = _pins(values["settings"])
    values["loadgen"] = LoadgenSettings(**values["loadgen"])
    values["store"] = StoreSettings(**values["store"])
    values["datasets"] = {key: Path(folder) for key, folder in values["datasets"].items()}
    return Campaign(document, **values)


def _document(name: str, text: str, lines: list[Any]) -> yamlfile.Document:
    positions = {tuple(location): line for location, line in lines}
    return yamlfile.Document(name, text, None, positions)


def _pins(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Pins]:
    return {
        scenario: {name: value for name, value in given.items() if value is not None}
        for scenario, given in settings.items()
    }
