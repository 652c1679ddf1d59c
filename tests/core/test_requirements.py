"""What is not installed: found by distribution or module, and refused before anything is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchwright.build.recipe import Recipe, TaskFault, cook
from benchwright.errors import UsageError
from benchwright.requirements import Requirement, installing, lacking, refuse_lacking

READY = Requirement("ready-tiny", ("numpy",), "vision")
NOTHING = Requirement("simple-tiny", ())
LACKS = Requirement("odd-tiny", ("numpy", "no-such-package"), "vision,odd")
OTHER = Requirement("backend odd", ("no-such-runtime",))


@pytest.mark.parametrize(
    ("package", "there"),
    [
        ("numpy", True),
        ("pyyaml", True),
        ("no-such-package", False),
        ("no-such-package:sys", True),
        ("no-such-package:no_such_module", False),
        ("odd-package", True),
        ("odd-folder", False),
        ("no-such-package:broken", False),
    ],
)
def test_a_distribution_or_what_brings_its_module(
    package: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_package.py").write_text("raise SystemExit('looking must not import it')")
    (tmp_path / "odd_folder").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "broken", None)
    requirement = Requirement("odd-tiny", (package,))
    assert bool(requirement.missing()) is not there
    assert lacking([requirement, requirement]) == ([] if there else [requirement])
    assert requirement.names == [package.split(":")[0]]


def test_one_command_installs_everything() -> None:
    assert installing([OTHER]) == "pip install no-such-runtime"
    assert installing([LACKS]) == "pip install 'benchwright[vision,odd]'"
    both = [LACKS, OTHER, Requirement("more-tiny", ("none",), "odd")]
    assert installing(both) == "pip install 'benchwright[vision,odd]' no-such-runtime"


def metas(**given: tuple[str, tuple[Requirement, ...]]) -> dict[str, dict[str, Any]]:
    """Tasks by name, each of a kind and with requirements; one of somebody else's besides."""
    made: dict[str, dict[str, Any]] = {"foreign": {}}
    for name, (kind, requires) in given.items():
        made[name] = {"kind": kind, "recipe": Recipe(name, "json:dumps", "f", requires=requires)}
    return made


BOTH = metas(
    system=("product", ()),
    dataset_a=("product", (READY,)),
    run_a=("measurement", (READY, NOTHING)),
    dataset_b=("product", (LACKS,)),
    run_b=("measurement", (LACKS, OTHER)),
)


def test_what_is_due_and_lacks_something_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_lacking(BOTH, lambda: list(BOTH), keep_going=False)
    assert refused.value.what == (
        "not installed: no-such-package, which odd-tiny needs; "
        "no-such-runtime, which backend odd needs"
    )
    fix = "pip install 'benchwright[vision,odd]' no-such-runtime"
    assert refused.value.fix == f"{fix}; or make the rest alone: --keep-going"
    # With it, the rest is made.
    refuse_lacking(BOTH, lambda: list(BOTH), keep_going=True)


def test_keeping_going_is_of_no_use_where_nothing_else_is_measured() -> None:
    due = ["system", "dataset_a", "dataset_b", "run_b"]
    for keep_going in (False, True):
        with pytest.raises(UsageError) as refused:
            refuse_lacking(BOTH, lambda: due, keep_going=keep_going)
        assert "--keep-going" not in str(refused.value)
    # Nothing is measured at all: then a product is worth it.
    refuse_lacking(BOTH, lambda: ["dataset_a", "dataset_b"], keep_going=True)


def test_what_is_not_due_needs_nothing() -> None:
    refuse_lacking(BOTH, lambda: ["system", "dataset_a", "run_a"], keep_going=False)

    def never() -> list[str]:
        raise AssertionError("nothing is missing, so that nobody need ask")

    refuse_lacking(metas(run=("measurement", (READY,))), never, keep_going=False)


def test_a_task_says_it_itself_before_its_work(tmp_path: Path) -> None:
    """Under plain doit, which refuses nothing."""
    made = Recipe(
        "words:one", "json:no_such_function", str(tmp_path / "made"), requires=(READY, LACKS)
    )
    with pytest.raises(TaskFault, match="not installed: no-such-package, which odd-tiny needs"):
        cook(made)
    assert not (tmp_path / "made").exists()
