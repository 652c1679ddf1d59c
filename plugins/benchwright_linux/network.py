"""Network cards: how many and which (identity), how fast their links run now (observation).

A card is a device behind an interface: bridges, tunnels, container interfaces and the virtual
functions of a card that is counted itself do not count. The speed is no identity: it is that of
the link, and gone when a cable is.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from benchwright.contracts.probe import JSON
from benchwright_linux.sources import Sources
from benchwright_linux.texts import counted, integer, line

NET = "sys/class/net"

_PCI = re.compile(r"([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2})\.[0-7]")
# Values of the kernel's ARPHRD_ constants.
_ETHERNET, _INFINIBAND = "1", "32"


class Interface(NamedTuple):
    """One interface of a physical card."""

    name: str
    card: str
    """The same for all ports of one card."""
    kind: str
    driver: str | None


def interfaces(sources: Sources) -> list[Interface]:
    """The interfaces that have a device behind them, by name."""
    return [found for name in sources.names(NET) if (found := _interface(sources, name))]


def _interface(sources: Sources, name: str) -> Interface | None:
    folder = f"{NET}/{name}"
    device = sources.link(f"{folder}/device")
    if device is None or sources.exists(f"{folder}/device/physfn"):
        return None
    kind = sources.value(f"{folder}/type")
    if kind == _INFINIBAND:
        text = "InfiniBand"
    elif kind == _ETHERNET:
        wireless = any(sources.exists(f"{folder}/{sign}") for sign in ("phy80211", "wireless"))
        text = "Wi-Fi" if wireless else "Ethernet"
    else:
        return None
    address = device.rstrip("/").rpartition("/")[2]
    slot = _PCI.fullmatch(address)
    driver = sources.link(f"{folder}/device/driver") or ""
    return Interface(
        name, slot[1] if slot else address or name, text, line(driver.rpartition("/")[2])
    )


def identity(sources: Sources) -> dict[str, JSON]:
    """`network.cards` and `network.description` (`2x Ethernet (mlx5_core, 2 ports)`).

    None for unknown, which includes "no card in sight": a container does not show the host's.
    """
    ports: dict[str, list[Interface]] = {}
    for interface in interfaces(sources):
        ports.setdefault(interface.card, []).append(interface)
    kinds = Counter(_describe(card) for card in ports.values())
    return {
        "network.cards": len(ports) or None,
        "network.description": counted(dict(sorted(kinds.items())), always=True),
    }


def _describe(card: list[Interface]) -> str:
    kinds = " and ".join(sorted({port.kind for port in card}))
    details = sorted({port.driver for port in card if port.driver})
    if len(card) > 1:
        details.append(f"{len(card)} ports")
    return f"{kinds} ({', '.join(details)})" if details else kinds


def observation(sources: Sources) -> dict[str, JSON]:
    """`network.speed_mbit`: the fastest link that is up, in Mbit/s; None for unknown."""
    speeds = (integer(sources.value(f"{NET}/{i.name}/speed")) for i in interfaces(sources))
    # -1 and 4294967295 stand for "unknown".
    known = [speed for speed in speeds if speed is not None and 0 < speed < (1 << 31)]
    return {"network.speed_mbit": max(known, default=None)}
