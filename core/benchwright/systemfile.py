"""The file in which people state what no probe can know of a system (`system --init`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from benchwright.contracts.probe import JSON
from benchwright.rounds import Round

EXAMPLES: Mapping[str, str] = {
    "accelerator_frequency": "1980 MHz",
    "accelerator_host_interconnect": "PCIe Gen5 x16",
    "accelerator_interconnect": "NVLink, or N/A",
    "accelerator_interconnect_topology": "all to all",
    "accelerator_memory_capacity": "80 GB",
    "accelerator_memory_configuration": "HBM3",
    "accelerator_on-chip_memories": "L2 50 MB",
    "cooling": "air",
    "host_memory_configuration": "12x 64 GB DDR5-4800",
    "host_network_card_count": "1",
    "host_networking": "10G Ethernet",
    "host_networking_topology": "N/A for a single node",
    "host_processor_frequency": "3100 MHz",
    "host_processor_interconnect": "UPI",
    "host_storage_capacity": "1 TB",
    "host_storage_type": "NVMe SSD",
    "system_type_detail": "edge server",
}
"""What an answer can look like."""

_BY_CAMPAIGN = ("division", "submitter", "system_type", "system_name")
"""The campaign says these elsewhere."""


def system_text(
    round_: Round,
    described: Mapping[str, JSON],
    unstated: Sequence[str],
    file: str,
    name: str = "",
) -> str:
    """The file: what has to be stated first, then what was probed, then what may stay empty.

    described: fields as probed and as the campaign has them; unstated: those that a submission
    needs besides; file: its place as the campaign names it; name: the system's own, where it has
    one.
    """
    rules = round_.system_json
    known = {name: value for name, value in described.items() if value not in (None, "", [], {})}
    rest = [name for name in rules.required if name not in {*known, *unstated, *_BY_CAMPAIGN}]
    written = ("number_of_nodes", "accelerators_per_node", "framework", "other_software_stack")
    lines = [
        f"# The system's description for round {round_.name}. Complete it, then name this file in",
        f"# the campaign: `system: {file}`. Where there is no such thing, N/A is an answer.",
        f"name: {json.dumps(name, ensure_ascii=False)}"
        if name
        else "# `name: …` would give the system its name in folders.",
        "",
        *_section("To be stated: no probe can know it.", unstated, {}, round_),
        *_section(
            "As probed, or as the campaign has it: correct what is wrong.", known, known, round_
        ),
        *_section(
            "May stay out: nobody has to answer it, or what runs says it.",
            [name for name in rest if name not in written] + [n for n in written if n in rest],
            None,
            round_,
        ),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(
    title: str, names: Iterable[str], values: Mapping[str, JSON] | None, round_: Round
) -> list[str]:
    """values: None writes the fields as comments."""
    lines = []
    for name in names:
        allowed = round_.system_json.enums.get(name)
        hint = " or ".join(allowed) if allowed else EXAMPLES.get(name, "")
        if hint:
            hint = f"{hint}" if allowed else f"such as {hint}"
        value = json.dumps(str((values or {}).get(name, "")), ensure_ascii=False)
        entry = f"{name}: {value}"
        if values is None:
            entry = f"# {entry}"
        lines.append(f"{entry}  # {hint}" if hint and value == '""' else entry)
    return [f"# {title}", *lines, ""] if lines else []
