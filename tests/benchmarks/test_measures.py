"""The parts of the measurements that can be told right from wrong without a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from benchwright.errors import BenchwrightError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a module of `benchmarks/`."""
    from importlib import import_module

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module


@pytest.mark.parametrize(
    ("better", "rounds", "met"),
    [
        ("lower", [0.9, 0.5, 0.4], True),
        ("lower", [0.9, 0.7, 0.4], False),
        ("higher", [0.5, 0.7, 0.9], True),
        ("higher", [0.5, 0.55, 0.9], False),
    ],
)
def test_the_median_round_is_judged(
    module: Callable[[str], ModuleType], better: str, rounds: list[float], met: bool
) -> None:
    result = module("measures.result").judged(
        "x",
        value=1.23456,
        unit="µs",
        baseline=12345.6,
        ratio=0.5,
        better=better,
        goal=0.6,
        bounded=rounds,
    )
    assert result.met is met
    assert result.spread == (min(rounds), max(rounds))
    assert (result.value, result.baseline) == (1.235, 12346)


def test_stock_is_kept_until_its_key_changes(
    module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stock = module("measures.stock")
    monkeypatch.setattr(stock, "STOCK", tmp_path)
    made: list[Path] = []

    def make(out: Path) -> None:
        made.append(out)
        (out / "file").write_text("x")

    first = stock._kept("thing", ["a"], make)
    assert stock._kept("thing", ["a"], make) == first
    assert len(made) == 1
    other = stock._kept("thing", ["b"], make)
    assert (other / "file").exists()
    assert not first.exists()

    def fail(out: Path) -> None:
        (out / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stock._kept("thing", ["c"], fail)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


def test_a_failed_round_says_why(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    spec = {"engine": str(tmp_path), "samples": str(tmp_path), "preset": "tiny", "seconds": 1}
    with pytest.raises(BenchwrightError, match="the preprocessed samples cannot be read") as caught:
        module("measures.rounds").rounds("measures.server_null", spec, 1, print, json.dumps)
    assert str(tmp_path / "samples.json") in str(caught.value)


def test_a_crashed_round_says_so(module: Callable[[str], ModuleType]) -> None:
    with pytest.raises(BenchwrightError, match="the process of a round failed") as caught:
        module("measures.rounds").rounds("measures.server_null", {}, 1, print, json.dumps)
    assert "KeyError" in str(caught.value)
