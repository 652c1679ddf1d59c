"""The built distributions: what they hold, and the main job from an empty folder with the wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command outside any checkout, without this process's Python settings."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "PYTEST", "BENCHWRIGHT"))
    }
    return subprocess.run(
        command, cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=600
    )


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist of this checkout's tracked files, and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    listed = run(["git", "ls-files", "-co", "--exclude-standard"], ROOT)
    names = (
        listed.stdout.splitlines()
        if listed.returncode == 0
        else [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]
    )
    for name in names:
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    maker = "import sys, setuptools.build_meta as backend;print(backend.build_sdist(sys.argv[1]))"
    environment = folder / "build-env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    installed = run([python, "-m", "pip", "install", "-q", "setuptools>=77"], folder)
    assert installed.returncode == 0, installed.stderr
    made = run([python, "-c", maker, str(folder)], source)
    assert made.returncode == 0, made.stderr
    sdist = next(folder.glob("*.tar.gz"))
    wheel = run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", ".", str(sdist)], folder)
    assert wheel.returncode == 0, wheel.stderr
    return {"sdist": sdist, "wheel": next(folder.glob("*.whl"))}


def test_sdist_holds_what_a_checkout_needs(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions["sdist"]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for wanted in (
        "dodo.py",
        "benchwright.yaml",
        "tests/packaging/test_wheel.py",
        "README.md",
        "examples/benchwright-acme/pyproject.toml",
        "examples/make/Makefile",
        "examples/ninja/build.ninja",
        "examples/dodo/dodo.py",
        "examples/cmake/CMakeLists.txt",
        "examples/python/notebook.ipynb",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("build/") or "__pycache__" in name]


def test_wheel_holds_every_package_and_its_data(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as archive:
        names = set(archive.namelist())
    for package in ROOT.glob("*/benchwright*/__init__.py"):
        name = package.parent.name
        assert f"{name}/py.typed" in names
        for module in package.parent.rglob("*"):
            inside = module.relative_to(package.parents[1]).as_posix()
            if module.is_file() and "__pycache__" not in inside:
                assert inside in names, f"{inside} is missing from the wheel"
    assert not [name for name in names if name.startswith(("tests/", "dodo"))]


@pytest.fixture(scope="module")
def binaries(distributions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a clean environment with the wheel in it."""
    environment = tmp_path_factory.mktemp("clean") / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install(environment / "bin", str(distributions["wheel"]))
    return environment / "bin"


def install(binaries: Path, *what: str) -> None:
    """`pip install` with the versions that CI uses."""
    installed = run(
        [str(binaries / "pip"), "install", "-q", *what],
        binaries,
        PIP_CONSTRAINT=str(ROOT / "constraints.txt"),
    )
    assert installed.returncode == 0, installed.stderr


@pytest.mark.serial
def test_main_job_with_the_wheel_from_an_empty_folder(binaries: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    benchwright = str(binaries / "benchwright")
    assert run([benchwright, "init"], project).returncode == 0
    made = run([benchwright, "run"], project)
    # 1 is a run that came out INVALID on a busy machine; the results below say which.
    assert made.returncode in (0, 1), made.stderr
    assert made.stdout.splitlines()[-1] == "build/default/report.html"
    assert (project / "build/default/report.html").is_file()
    results = json.loads(run([benchwright, "results", "--json"], project).stdout)
    assert len(results) == 8
    assert all(item["valid"] for item in results if item["mode"] == "accuracy")
    assert all(
        item["accuracy"] >= item["accuracy_target"]
        for item in results
        if item["mode"] == "accuracy"
    )
    again = run([benchwright, "run"], project)
    assert "nothing to do: 18 tasks are up to date" in again.stderr


@pytest.mark.long
def test_a_vendors_package_beside_the_wheel(binaries: Path, tmp_path: Path) -> None:
    """The example is built, installed and put to its own tests, which run a campaign on it; so is
    what `new-plugin` writes."""
    example = tmp_path / "benchwright-acme"
    source = ROOT / "examples" / "benchwright-acme"
    shutil.copytree(source, example, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    benchwright = str(binaries / "benchwright")
    written = run([benchwright, "new-plugin", "zeta", "--probe", "--power-meter"], tmp_path)
    assert written.returncode == 0, written.stderr
    packages = [example, tmp_path / "benchwright-zeta"]
    for package in packages:
        built = run(
            [str(binaries / "pip"), "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(package)],
            tmp_path,
        )
        assert built.returncode == 0, built.stderr
    install(binaries, "pytest", *map(str, tmp_path.glob("*.whl")))
    # Not the sources, which lie beside the tests, but what was installed.
    for package in packages:
        shutil.rmtree(package / "src")
        passed = run([str(binaries / "python"), "-m", "pytest", "-q"], package)
        assert passed.returncode == 0, passed.stdout + passed.stderr
    told = json.loads(run([benchwright, "plugins", "--json"], tmp_path).stdout)["plugins"]
    states = {row["name"]: (row["distribution"], row["status"]) for row in told}
    assert states["acme"] == ("benchwright-acme", "active")
    assert states["zeta"] == ("benchwright-zeta", "active")
    assert len(next(row for row in told if row["name"] == "acme")["hooks"]) == 7
