"""Spoiling a good tree: where things lie in it, and what a case of a defect is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchwright.rounds import Round, load_round
from plugins.mlperf.fabricate import edit_log

SYSTEM = "Acme-Box-onnxruntime"


@dataclass(frozen=True)
class At:
    """Places in a tree that `fabricate` wrote."""

    root: Path
    round: Round
    division: str

    @property
    def home(self) -> Path:
        return self.root / self.division / "Acme"

    @property
    def system(self) -> Path:
        return self.home / "systems" / f"{SYSTEM}.json"

    @property
    def model(self) -> Path:
        return self.home / "results" / SYSTEM / "resnet50"

    @property
    def description(self) -> Path:
        return self.home / self._path("implementation", "Offline")

    @property
    def code(self) -> Path:
        return self.home / ("code" if self.round.layout == "v3.1" else "src")

    def _path(self, kind: str, scenario: str, **names: str) -> str:
        return self.round.path(
            kind,
            system=SYSTEM,
            benchmark="resnet50",
            scenario=scenario,
            implementation="onnxruntime",
            **names,
        )

    def place(self, kind: str, scenario: str = "Offline", **names: str) -> Path:
        """The folder of this kind: performance, accuracy, measurements, compliance, power, …"""
        return self.home / self._path(kind, scenario, **names)

    def log(self, kind: str = "performance", scenario: str = "Offline", **change: Any) -> None:
        """Edits a detail log."""
        edit_log(self.place(kind, scenario) / "mlperf_log_detail.txt", change)

    def edit_system(self, **change: Any) -> None:
        edit_json(self.system, **change)

    def rename_model(self, name: str) -> None:
        """Another name for the model, everywhere."""
        kinds = {"results", "measurements", "compliance", "code"}
        for kind in kinds:
            for folder in sorted((self.home / kind).rglob("resnet50")):
                folder.rename(folder.with_name(name))

    def add_model(self, name: str, scenario: str, like: str = "Offline") -> Path:
        """A scenario of another model, its files those of a scenario of resnet50 (v6 only)."""
        folder = self.model.with_name(name) / scenario
        shutil.copytree(self.model / like, folder)
        return folder


def edit_json(path: Path, **change: Any) -> None:
    """Gives fields other values; None removes one."""
    values = json.loads(path.read_text())
    for name, value in change.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
    path.write_text(json.dumps(values))


Spoil = Callable[[At], object]
BOTH = ("v3.1", "v6.1")


@dataclass(frozen=True)
class Case:
    """A defect and the rules that it breaks. errors: exactly the rules that must be found broken
    (with `others`, further ones may be); notes: rules that must be noted."""

    name: str
    spoil: Spoil
    errors: frozenset[str]
    rounds: tuple[str, ...] = BOTH
    division: str = "closed"
    notes: frozenset[str] = frozenset()
    others: bool = False


def case(
    name: str,
    spoil: Spoil,
    *errors: str,
    rounds: str | tuple[str, ...] = BOTH,
    division: str = "closed",
    notes: tuple[str, ...] = (),
    others: bool = False,
) -> Case:
    rounds = (rounds,) if isinstance(rounds, str) else rounds
    return Case(name, spoil, frozenset(errors), rounds, division, frozenset(notes), others)


def at(root: Path, round_name: str, division: str) -> At:
    return At(root, load_round(round_name), division)


def touch(path: Path, text: str = "x\n") -> None:
    """A new file, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def steps(*spoils: Spoil) -> Spoil:
    """One after the other."""

    def spoil(a: At) -> None:
        for one in spoils:
            one(a)

    return spoil
