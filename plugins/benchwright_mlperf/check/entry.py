"""A scenario folder, as every group of rules sees it."""

from __future__ import annotations

from dataclasses import dataclass

from benchwright.rounds import Round, RoundModel
from benchwright_mlperf.check.files import join
from benchwright_mlperf.check.systems import System


@dataclass(frozen=True, slots=True)
class Entry:
    """home: <division>/<submitter>. benchmark and folder are the folders' names; scenario is the
    round's spelling. model is None where the round does not know it. power: there are power
    logs."""

    round: Round
    home: str
    system: System
    benchmark: str
    folder: str
    scenario: str
    model: RoundModel | None
    power: bool = False

    def place(self, kind: str, **more: str) -> str:
        """Where something of this scenario lies, from the root on."""
        names = {
            "system": self.system.name,
            "benchmark": self.benchmark,
            "scenario": self.folder,
            **more,
        }
        return join(self.home, self.round.path(kind, **names))

    @property
    def edge(self) -> bool:
        """Of a system in the edge category, whose results may be inferred."""
        return "edge" in (self.system.system_type or "edge")
