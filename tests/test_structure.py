"""The rules of the house that a program can check: import directions, types, docstrings, light
planning."""

from __future__ import annotations

import ast
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
