"""The columns of the table, by round, and what fills them from the machine's facts.

Source: the head of the table that the submission checkers of v3.0 to v6.1 write.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchwright.contracts.probe import JSON
from benchwright.rounds import Round

SYSTEM = (
    "number_of_nodes",
    "host_processor_model_name",
    "host_processors_per_node",
    "host_processor_core_count",
    "accelerator_model_name",
    "accelerators_per_node",
)

BASE = (
    "Organization",
    "Availability",
    "Division",
    "SystemType",
    "SystemName",
    "Platform",
    "Model",
    "MlperfModel",
    "Scenario",
    "Result",
    "Accuracy",
    *SYSTEM,
    "Location",
    "framework",
    "operating_system",
    "notes",
    "compliance",
    "errors",
    "version",
    "inferred",
    "has_power",
    "Units",
)

_LATER = ("weight_data_types",)
_NEWEST = ("total_accelerators", "weight_data_types", "design_power_watts", "PrivateID")

UNITS: Mapping[str, str] = {
    "samples/s": "Samples/s",
    "queries/s": "Queries/s",
    "tokens/s": "Tokens/s",
    "ms": "Latency (ms)",
}
"""Unit of a result here → in the table."""


def columns(round_: Round) -> tuple[str, ...]:
    """The columns of a round's table, in order."""
    if round_.layout == "v6":
        return (*BASE, *_NEWEST)
    major = int(round_.name.removeprefix("v").split(".")[0])
    return (*BASE, *_LATER) if major >= 5 else BASE


def describe_system(facts: Mapping[str, JSON]) -> dict[str, JSON]:
    """What the facts say for the table's columns; what no probe could state is left out."""
    cores, sockets = _number(facts.get("cpu.cores")), _number(facts.get("cpu.sockets"))
    accelerators = _number(facts.get("accelerator.count"))
    names = (facts.get("os.name"), facts.get("os.version"))
    found: dict[str, JSON] = {
        "number_of_nodes": 1,
        "host_processor_model_name": facts.get("cpu.model"),
        "host_processors_per_node": sockets,
        "host_processor_core_count": cores // (sockets or 1) if cores else None,
        "accelerators_per_node": accelerators or 0,
        "accelerator_model_name": facts.get("accelerator.model") if accelerators else "N/A",
        "operating_system": " ".join(str(name) for name in names if name) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _number(value: JSON) -> int | None:
    whole = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if whole and value is not None else None  # type: ignore[arg-type]
