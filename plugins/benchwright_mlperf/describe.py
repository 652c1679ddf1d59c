"""From probed facts to the fields of a system description.

A fact that no probe could state leaves its field out; what then becomes of the field is the
business of write/system.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchwright.contracts.probe import JSON
from benchwright.rounds import SystemJson

_GIB = 2**30
_MIB = 2**20
NONE = "N/A"
"""What the fields of accelerators say where there is none."""

ACCELERATOR_FIELDS = (
    "accelerator_model_name",
    "accelerator_memory_capacity",
    "accelerator_frequency",
    "accelerator_host_interconnect",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "accelerator_memory_configuration",
    "accelerator_on-chip_memories",
)

BY_ITSELF = (
    "division",
    "submitter",
    "system_type",
    "system_name",
    "number_of_nodes",
    "accelerators_per_node",
    "framework",
    "other_software_stack",
)
"""Fields that a tree states by itself, from the campaign and from what ran."""


def empty(value: object) -> bool:
    """Whether a field's value says nothing."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def accelerated(stated: Mapping[str, Any]) -> bool:
    """Whether the system has accelerators, as far as is stated."""
    return str(stated.get("accelerators_per_node", "0")).strip() not in ("0", "")


def unstated_fields(rules: SystemJson, stated: Mapping[str, JSON]) -> list[str]:
    """The fields that must be answered and that nobody has, in the round's order."""
    known = {*BY_ITSELF, *(name for name, value in stated.items() if not empty(value))}
    if not accelerated(stated):
        known.update(ACCELERATOR_FIELDS)
    else:
        # Probes that know no accelerator have said that there is none.
        known -= {name for name in ACCELERATOR_FIELDS[:2] if stated.get(name) == NONE}
    return [
        name for name in rules.required if name in rules.must_not_be_empty and name not in known
    ]


def describe_system(facts: Mapping[str, JSON]) -> dict[str, JSON]:
    """Fields of the system JSON, all of them texts, from facts by the names of the `probe`
    contract. Numbers are texts too, since the official checkers take a zero for an empty answer.
    """
    fields: dict[str, JSON] = {
        "host_processor_model_name": _text(facts.get("cpu.model")),
        "host_processors_per_node": _count(facts.get("cpu.sockets")),
        "host_processor_core_count": _cores_of_one(facts),
        "host_processor_frequency": _frequency(facts.get("cpu.max_mhz")),
        "host_processor_caches": _text(facts.get("cpu.caches")),
        "host_memory_capacity": _memory(facts.get("memory.bytes")),
        "host_memory_configuration": _text(facts.get("memory.configuration")),
        "host_storage_capacity": _storage(facts.get("storage.bytes")),
        "host_storage_type": _text(facts.get("storage.type")),
        "host_networking": _text(facts.get("network.description")),
        "host_network_card_count": _count(facts.get("network.cards")),
        "operating_system": _operating_system(facts),
        **_accelerators(facts),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _accelerators(facts: Mapping[str, JSON]) -> dict[str, JSON]:
    count = _number(facts.get("accelerator.count"))
    if not count:
        # Probes that know accelerators come with them: none stated means none in use.
        return {"accelerators_per_node": "0", **dict.fromkeys(ACCELERATOR_FIELDS, NONE)}
    return {
        "accelerators_per_node": f"{count:.0f}",
        "accelerator_model_name": _text(facts.get("accelerator.model")),
        "accelerator_memory_capacity": _memory(facts.get("accelerator.memory_bytes")),
    }


def _cores_of_one(facts: Mapping[str, JSON]) -> str | None:
    """Cores of one processor; the fact counts those of the whole machine."""
    cores = _number(facts.get("cpu.cores"))
    sockets = _number(facts.get("cpu.sockets")) or 1
    return f"{cores // sockets:.0f}" if cores else None


def _operating_system(facts: Mapping[str, JSON]) -> str | None:
    name = " ".join(filter(None, (_text(facts.get(f"os.{key}")) for key in ("name", "version"))))
    kernel = _text(facts.get("os.kernel"))
    return f"{name} ({kernel})" if name and kernel else name or kernel


def _frequency(mhz: JSON) -> str | None:
    value = _number(mhz)
    return f"{value:.0f} MHz" if value else None


def _memory(size: JSON) -> str | None:
    """As memory is sold: in units of 1024, the small rest that firmware keeps rounded away."""
    value = _number(size)
    if not value:
        return None
    return f"{value / _GIB:.0f} GB" if value >= _GIB else f"{value / _MIB:.0f} MB"


def _storage(size: JSON) -> str | None:
    """As storage is sold: in units of 1000."""
    value = _number(size)
    if not value:
        return None
    return f"{value / 1e12:.1f} TB" if value >= 1e12 else f"{value / 1e9:.0f} GB"


def _count(value: JSON) -> str | None:
    number = _number(value)
    return None if number is None else f"{number:.0f}"


def _number(value: JSON) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _text(value: JSON) -> str | None:
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    return " ".join(str(value).split()) or None
