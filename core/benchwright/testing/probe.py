"""The examination of a probe: facts that are plain, stable and cheap to read."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from benchwright.contracts.probe import JSON, Probe
from benchwright.testing.examination import Examination, at_once
from benchwright.testing.verdict import require, require_json

_CHILD_EVENTS = ("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn",
                 "os.exec", "os.spawn")  # fmt: skip

KINDS: Mapping[str, tuple[type, ...]] = {
    "cpu.model": (str,),
    "cpu.vendor": (str,),
    "cpu.architecture": (str,),
    "cpu.features": (list,),
    "cpu.sockets": (int,),
    "cpu.cores": (int,),
    "cpu.threads": (int,),
    "cpu.available": (int,),
    "cpu.max_mhz": (int, float),
    "cpu.caches": (str,),
    "cpu.numa_nodes": (int,),
    "memory.bytes": (int,),
    "memory.configuration": (str,),
    "os.name": (str,),
    "os.version": (str,),
    "os.kernel": (str,),
    "storage.bytes": (int,),
    "storage.type": (str,),
    "network.cards": (int,),
    "network.description": (str,),
    "accelerator.count": (int,),
    "accelerator.model": (str,),
    "accelerator.memory_bytes": (int,),
}
"""The types of the facts that core and formatters read; see contracts.probe.Reading."""


class ProbeExamination(Examination):
    """Subclass it with `info = "your probe's name"`. bound_s bounds the reading of identity."""

    family: ClassVar[str] = "probes"
    kind: ClassVar[str] = "probe"

    def _probe(self) -> Probe:
        probe = self.descriptor().load()
        require(isinstance(probe, Probe), f"load() gave {type(probe).__name__}, no Probe")
        found: Probe = probe
        return found

    def test_it_loads(self) -> None:
        """`load` gives a Probe."""
        self._probe()

    def test_facts_are_plain(self) -> None:
        """JSON values under dotted names; what is not known is left out."""
        probe = self._probe()
        for kind, facts in (("identity", probe.identity()), ("observation", probe.observation())):
            require(isinstance(facts, dict), f"{kind}() gave {type(facts).__name__}, no dict")
            for name, value in facts.items():
                self._require_fact(kind, name, value)

    def _require_fact(self, kind: str, name: Any, value: Any) -> None:
        parts = name.split(".") if isinstance(name, str) else []
        require(
            len(parts) > 1 and all(part.replace("_", "").isalnum() for part in parts),
            f"{kind}: {name!r} is no dotted name such as `accelerator.count`",
        )
        require_json(value, f"{kind}: `{name}`")
        require(
            value is not None and value != "",
            f"{kind}: `{name}` is {value!r}; a fact that is not known is left out",
        )
        wanted = KINDS.get(name)
        good = wanted is None or (isinstance(value, wanted) and not isinstance(value, bool))
        require(good, f"{kind}: `{name}` is {value!r}, other plugins expect {_names(wanted)}")

    def test_identity_is_the_same_every_time(self) -> None:
        """What enters keys must not change by itself: everything would be built again."""
        probe = self._probe()
        first = probe.identity()
        for again in (probe.identity(), self._probe().identity()):
            require(again == first, f"identity changed: {_difference(first, again)}")

    def test_identity_and_observation_are_apart(self) -> None:
        """What is observed now is no identity."""
        probe = self._probe()
        both = sorted(probe.identity().keys() & probe.observation().keys())
        require(not both, f"both identity and observation state {', '.join(both)}")

    def test_identity_starts_no_child_process(self) -> None:
        """Planning reads identity: `benchwright list` has no time for a child process."""
        with _children() as started:
            self._probe().identity()
        require(not started, f"identity() starts a child process ({', '.join(started)})")

    def test_what_it_returns_is_the_callers(self) -> None:
        """A caller that changes a dict it got does not change the next answer."""
        probe = self._probe()
        for read in (probe.identity, probe.observation):
            read()["examination.mark"] = True
            require(
                "examination.mark" not in read(),
                f"{read.__name__}() hands out its own dict: a caller's change comes back",
            )

    def test_several_threads_read_the_same(self) -> None:
        """Reading from several threads at once gives the same facts."""
        probe = self._probe()
        first, *others = at_once([probe.identity] * 4)
        for other in others:
            require(other == first, f"threads read differently: {_difference(first, other)}")

    def test_the_time_that_identity_takes(self, request: pytest.FixtureRequest) -> None:
        """Reported; it is part of every command's start."""
        probe = self._probe()
        begin = time.perf_counter()
        probe.identity()
        self._report(request, "identity_s", time.perf_counter() - begin, "identity()")


_watchers: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and event in _CHILD_EVENTS:
        _watchers[-1].append(event)


_hooked: list[bool] = []


@contextmanager
def _children() -> Iterator[list[str]]:
    """Collects the audit events of child processes that this interpreter starts meanwhile."""
    if not _hooked:
        # An audit hook stays for good; it does nothing while nobody watches.
        sys.addaudithook(_watch)
        _hooked.append(True)
    seen: list[str] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def _names(kinds: tuple[type, ...] | None) -> str:
    return " or ".join(kind.__name__ for kind in kinds or ())


def _difference(one: dict[str, JSON], two: dict[str, JSON]) -> str:
    names = [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]
    return ", ".join(f"{name}: {one.get(name)!r}, then {two.get(name)!r}" for name in sorted(names))
