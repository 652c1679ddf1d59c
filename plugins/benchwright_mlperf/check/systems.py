"""The descriptions of systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchwright.errors import did_you_mean
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.report import Report, listed
from benchwright_mlperf.check.rules import V31

_TEXTS = (
    "division",
    "submitter",
    "status",
    "system_type",
    "system_name",
    "host_processor_model_name",
    "accelerator_model_name",
    "framework",
    "operating_system",
    "hw_notes",
    "sw_notes",
    "is_network",
)
"""Fields that the official checkers and report scripts take for texts; another value ends them."""

_COUNTS = ("number_of_nodes", "host_processors_per_node", "accelerators_per_node")
"""Fields that some official report or other multiplies with."""

_POWER_FIELDS = (
    "power_management",
    "filesystem",
    "boot_firmware_version",
    "management_firmware_version",
    "other_hardware",
    "number_of_type_nics_installed",
    "nics_enabled_firmware",
    "nics_enabled_os",
    "nics_enabled_connected",
    "network_speed_mbit",
    "power_supply_quantity_and_rating_watts",
    "power_supply_details",
    "disk_drives",
    "disk_controllers",
    "system_power_only",
)
"""Known to the checkers, required by none."""


@dataclass(frozen=True, slots=True)
class System:
    """What the other groups of rules need of a description. system_type is None where it is
    not valid, so that nothing more is concluded from it."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    system_type: str | None = None

    @property
    def network(self) -> bool:
        """The system is measured over a network."""
        return str(self.fields.get("is_network", "")).lower() == "true"


def check_system(tree: Tree, report: Report, home: str, name: str) -> System:
    """The description of one folder in results/."""
    path = join(home, report.round.path("system", system=name))
    if tree.mode(path) == 0:
        report.add("system.missing", path, "no such file", file=path)
        return System(name)
    fields = report.read("system.unreadable", path, tree.json_object)
    if fields is None:
        return System(name)
    _check_fields(report, path, fields)
    _check_enums(report, path, fields)
    _check_place(report, path, home, fields)
    kind = fields.get("system_type")
    valid = isinstance(kind, str) and kind in report.round.system_json.enums["system_type"]
    system = System(name, fields, str(kind) if valid else None)
    _check_network(report, path, system)
    return system


def _check_fields(report: Report, path: str, fields: Mapping[str, Any]) -> None:
    rules, verdicts = report.round.system_json, report.round.verdicts
    told = set()
    for name in rules.required:
        value = fields.get(name)
        if name not in fields:
            report.add("system.field-missing", path, f"no `{name}`", field=name)
        elif name in rules.must_not_be_empty and not value:
            report.add("system.field-empty", path, f"`{name}` is {value!r}", field=name)
            told.update([name] if verdicts.emptiness == "error" else [])
        elif name in rules.must_not_be_empty and isinstance(value, str) and not value.strip():
            report.note("system.field-empty", path, f"`{name}` is {value!r}", field=name)
    for name in _TEXTS:
        value = fields.get(name, "")
        if isinstance(value, str) or name in told or (name == "sw_notes" and value is None):
            continue
        found = f"`{name}` is of type {type(value).__name__}"
        report.add("system.field-text", path, found, field=name)
    for name in dict.fromkeys((*rules.whole_numbers, *_COUNTS)):
        if fields.get(name) and not _whole(fields[name]):
            fatal = verdicts.whole_numbers == "error" and name in rules.whole_numbers
            tell = report.add if fatal else report.note
            tell("system.whole-number", path, f"`{name}` is {fields[name]!r}", field=name)
    known = {*rules.required, *rules.network_required, *rules.optional, *_POWER_FIELDS}
    known.add("is_network")
    for name in sorted(set(fields) - known):
        near = did_you_mean(name, known)
        hint = f"; {near}" if near.startswith("did you mean") else ""
        report.add("system.unknown-field", path, f"`{name}`", field=name, hint=hint)


def _whole(value: object) -> bool:
    try:
        int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _check_enums(report: Report, path: str, fields: Mapping[str, Any]) -> None:
    enums = report.round.system_json.enums
    status, kind = fields.get("status"), fields.get("system_type")
    if "status" in fields and str(status).lower() not in enums["status"]:
        report.add("system.status", path, f"{status!r}", allowed=listed(enums["status"]))
    if "system_type" in fields and kind not in list(enums["system_type"]):
        report.add("system.type", path, f"{kind!r}", allowed=listed(enums["system_type"]))


def _check_place(report: Report, path: str, home: str, fields: Mapping[str, Any]) -> None:
    division, submitter = home.split("/", 1)
    stated = fields.get("submitter")
    if "submitter" in fields and str(stated).lower() != submitter.lower():
        report.add("system.submitter", path, f"{stated!r}", folder=submitter)
    stated = fields.get("division")
    if "division" not in fields or stated == division:
        return
    same = str(stated).lower() == division
    lenient = same and report.round.verdicts.division_case != "error"
    tell = report.note if lenient else report.add
    tell("system.division", path, f"{stated!r}", folder=division)


def _check_network(report: Report, path: str, system: System) -> None:
    expected = {"network": True, "closed": False}.get(report.division)
    stated = system.fields.get("is_network")
    if expected is not None and system.network is not expected:
        report.add("system.network", path, f"is_network is {stated!r}")
        return
    missing = [f for f in report.round.system_json.network_required if f not in system.fields]
    if stated and missing:
        # The newest checker takes any answer for a yes here, were it "false".
        fatal = system.network or report.round.layout != V31
        tell = report.add if fatal else report.note
        tell("system.network-fields", path, f"is_network is {stated!r}; no {', '.join(missing)}")
