"""`benchwright new-plugin`: what it writes passes its own tests at once; what it cannot write is
refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchwright.newplugin import KINDS, NewPlugin, option_of
from benchwright.testing.project import register
from functional.project import ROOT, Project

ALL = [option_of(kind) for kind in KINDS]


@pytest.mark.long
def test_packages_pass_their_own_tests(fresh: Project, tmp_path: Path) -> None:
    """One for each kind alone, and one with all of them; all are plugins at the same time."""
    made = {f"solo-{option[2:]}": [option] for option in ALL} | {"whole": ["--all"]}
    path = [os.environ.get("PYTHONPATH", "")]
    for name, options in made.items():
        outcome = fresh.benchwright("new-plugin", name, *options)
        assert "pip install -e '.[test]' && pytest" in outcome.out
        module = f"benchwright_{name.replace('-', '_')}"
        path += [
            register(tmp_path / name, name, module),
            str(fresh.folder / f"benchwright-{name}/src"),
        ]
    told = subprocess.run(
        # Each package's conftest.py has but one line, and pytest allows that line at the top only.
        [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "benchwright.testing",
         "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--rootdir", ".",
         *[f"benchwright-{name}/tests" for name in made]],
        cwd=fresh.folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr
    found = re.search(r"(\d+) passed", told.stdout)
    assert found is not None
    assert int(found[1]) > 180


def test_a_package_is_whole(fresh: Project) -> None:
    fresh.benchwright("new-plugin", "zeta-npu", "--probe", "--power-meter", "--folder", "here")
    files = {
        path.relative_to(fresh.folder / "here").as_posix()
        for path in (fresh.folder / "here").rglob("*")
        if path.is_file()
    }
    home = "src/benchwright_zeta_npu"
    assert files == {
        "pyproject.toml", "README.md", ".gitignore", ".github/workflows/ci.yml",
        "tests/conftest.py", "tests/test_probe.py", "tests/test_power_meter.py",
        f"{home}/__init__.py", f"{home}/py.typed", f"{home}/probe.py", f"{home}/power_meter.py",
    }  # fmt: skip
    init = (fresh.folder / "here" / home / "__init__.py").read_text("utf-8")
    assert "BENCHWRIGHT_INTERFACE = 1" in init
    assert "ZetaNpuProbe" in init
    assert "ZETA_NPU_POWER_FILE" in init
    workflow = (fresh.folder / "here/.github/workflows/ci.yml").read_text("utf-8")
    assert "${{ matrix.python }}" in workflow


@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] + [list(KINDS)], ids="+".join)
def test_what_is_written_is_clean(kinds: list[str], tmp_path: Path) -> None:
    """No placeholder is left, every file is Python, no longer line than ours."""
    plugin = NewPlugin("a2-very-long-name-that-is-quite-allowed", tuple(kinds))
    for path in plugin.write(tmp_path / "out"):
        text = path.read_text("utf-8")
        assert "$" not in text.replace("${{ matrix", "")
        if path.suffix == ".py":
            compile(text, str(path), "exec")
            assert "#: " not in text
    short = NewPlugin("acme", tuple(kinds)).files()
    assert [line for text in short.values() for line in text.splitlines() if len(line) > 110] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Acme NPU", "--probe"], "did you mean `acme-npu`"),
        (["benchwright-acme", "--probe"], "did you mean `acme`"),
        (["9lives", "--probe"], "did you mean `lives`"),
        (["a--b", "--probe"], "did you mean `a-b`"),
        (["../acme", "--probe"], "did you mean `acme`"),
        (["a" * 41, "--probe"], "at most 40"),
        (["", "--probe"], "cannot be the name"),
        (["class", "--probe"], "has a meaning already"),
        (["onnxruntime", "--probe"], "a plugin `onnxruntime` is installed already"),
        (["acme"], "name at least one of --backend, --quantizer"),
        (["acme", "--prob"], "did you mean `--probe`"),
        (["acme", "--probe", "-c", "x.yaml"], "a package has no campaign"),
    ],
)
def test_what_cannot_be_written_is_refused(fresh: Project, arguments: list[str], told: str) -> None:
    before = sorted(fresh.folder.iterdir())
    outcome = fresh.benchwright("new-plugin", *arguments, code=2)
    assert told in outcome.err
    assert sorted(fresh.folder.iterdir()) == before


def test_a_folder_that_is_there_is_left_alone(fresh: Project) -> None:
    fresh.write("benchwright-acme/notes.txt", "mine")
    outcome = fresh.benchwright("new-plugin", "acme", "--probe", code=2)
    assert "this folder exists already" in outcome.err
    assert [path.name for path in (fresh.folder / "benchwright-acme").iterdir()] == ["notes.txt"]


def test_the_example_and_the_templates_state_the_interface() -> None:
    example = ROOT / "examples/benchwright-acme/src/benchwright_acme/__init__.py"
    assert "BENCHWRIGHT_INTERFACE = 1" in example.read_text("utf-8")
