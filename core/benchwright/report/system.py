"""The machine, as the probes saw it."""

from __future__ import annotations

from collections.abc import Mapping

from benchwright.contracts.probe import JSON
from benchwright.report.markup import Cell, Child, Html, fold, join, row, table, tag
from benchwright.report.quantities import number, size, tidy, value_text

_LONG = 12

_WORDS = {
    "c": "°C",
    "cpu": "CPU",
    "gpu": "GPU",
    "mbit": "Mbit/s",
    "mhz": "MHz",
    "numa": "NUMA",
    "os": "OS",
    "pci": "PCI",
    "w": "W",
}


def system_tables(identity: Mapping[str, JSON], observation: Mapping[str, JSON]) -> Html:
    """What results depend on, and what was seen besides."""
    if not identity and not observation:
        return tag("p", "Nothing is known of the machine.", class_="empty")
    tables = [
        ("Identity: what a result depends on", identity),
        ("Observation: as it was found at the time", observation),
    ]
    return tag(
        "div", join(_facts(caption, facts) for caption, facts in tables if facts), class_="columns"
    )


def _facts(caption: str, facts: Mapping[str, JSON]) -> Html:
    lines = [
        row([Cell(label(name), header=True, title=name), _value(name, value)])
        for name, value in sorted(facts.items())
    ]
    return table(caption, ("Fact", "Value"), [lines], "pairs")


def label(name: str) -> str:
    """A fact's dotted name in words.

    >>> [label(name) for name in ("cpu.max_mhz", "memory.bytes", "os.name")]
    ['CPU max MHz', 'Memory', 'OS name']
    """
    words = [part for dotted in name.split(".") for part in dotted.split("_") if part]
    if len(words) > 1 and words[-1] == "bytes":
        del words[-1]
    shown = [_WORDS.get(word, word) for word in words]
    return " ".join([shown[0][:1].upper() + shown[0][1:], *shown[1:]]) if shown else name


def _value(name: str, value: JSON) -> Child:
    amount = number(value)
    if amount is not None and name.endswith("bytes"):
        return tag("span", size(amount), title=f"{value} bytes")
    if amount is not None:
        return tidy(amount, 6)
    if isinstance(value, list) and len(value) > _LONG:
        return fold(f"{len(value)} entries", tag("div", value_text(value), class_="long"))
    return value_text(value)
