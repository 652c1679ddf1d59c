"""The rules of the house that a program can check: import directions, types, docstrings, light
planning."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE, TASKS = "benchwright", "benchwright_tasks"
PACKAGES = sorted(
    path.parent
    for root in ("core", "plugins", "tasks")
    for path in (ROOT / root).glob("*/__init__.py")
)
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))

HEAVY = {"numpy", "onnxruntime", "requests", "matplotlib", "PIL", "torch", "cv2", "tqdm"}

UNUSED_BY_PLANNING = {
    "benchwright.archive",
    "benchwright.cli",
    "benchwright.contracts.program",
    "benchwright.contracts.tensor",
    "benchwright.download",
    "benchwright.harness.samples",
    "benchwright.report",
    "benchwright.results",
    "benchwright.rounds.conf",
    "benchwright.steps",
    "benchwright_linux.macos",
    "benchwright_medical.kits19",
    "benchwright_medical.unet3d",
    "benchwright_mlperf.check",
    "benchwright_mlperf.formatter",
    "benchwright_mlperf.write",
    "benchwright_onnxruntime.backend",
    "benchwright_vision.resnet50",
    "difflib",
    "email.parser",
    "pydantic",
    "yaml",
}
"""Light, but not free: what only a task, an error message or another command needs."""

MOST_MODULES = 84
"""Modules of ours that planning may import: each costs a fifth of a millisecond."""

MOST_DATACLASSES = 16
"""Dataclasses of ours that planning may make: each costs a millisecond, a NamedTuple a fifth."""


def imported(module: Path) -> Iterator[str]:
    """The top-level names of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def package_of(module: Path) -> str:
    return next(package.name for package in PACKAGES if package in module.parents)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(module: Path) -> None:
    own = package_of(module)
    others = {name for name in imported(module) if name.startswith("benchwright")} - {own}
    allowed = set() if own == CORE else {CORE}
    assert others <= allowed, f"{module} imports {sorted(others - allowed)}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


def test_built_in_plugins_come_through_the_vendors_door() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    registered = set(project["entry-points"]["benchwright"].values())
    assert registered == {package.name for package in PACKAGES} - {CORE}


@pytest.mark.parametrize("command", [["--help"], ["list"], ["plan"], ["explain", "report"]])
def test_planning_imports_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from benchwright.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    (tmp_path / "benchwright.yaml").write_bytes((ROOT / "benchwright.yaml").read_bytes())
    found = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "HEAVY []", found.stderr


def test_help_imports_no_library(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from benchwright.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(sorted({'doit', 'pluggy', 'pydantic', 'yaml'} & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]", found.stderr


def test_planning_imports_and_makes_little(tmp_path: Path) -> None:
    """Start-up time is imports, so that they are what is counted here, and no seconds."""
    program = (
        "import dataclasses, json, sys\n"
        "from doit.doit_cmd import DoitMain\n"
        "code = DoitMain().run(['list'])\n"
        "own = [name for name in sys.modules if name.startswith('benchwright')]\n"
        "made = [\n"
        "    f'{name}.{item.__name__}'\n"
        "    for name in own\n"
        "    for item in vars(sys.modules[name]).values()\n"
        "    if isinstance(item, type) and item.__module__ == name\n"
        "    and dataclasses.is_dataclass(item)\n"
        "]\n"
        "print(json.dumps([code, own, made, list(sys.modules)]))\n"
    )
    for name in ("benchwright.yaml", "dodo.py", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    # Where something was built, what planning worked out is remembered.
    (tmp_path / "build").mkdir()
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        code, own, made, everything = json.loads(done.stdout.splitlines()[-1])
        assert code == 0, done.stderr
    assert "benchwright.plan" in own
    assert not UNUSED_BY_PLANNING & set(everything)
    assert len(own) <= MOST_MODULES, own
    assert len(made) <= MOST_DATACLASSES, made
