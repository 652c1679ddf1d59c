"""loadgen built from source: a wheel, by pip and this machine's compiler, unpacked into a folder.

The environment is never touched: runs put that folder on the path of their own process. Finding
and copying sources is in `loadgen_source`, the trial of the result in `loadgen_check`. Planning
imports this module, so what only a build needs is imported there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchwright.build.recipe import Kitchen
from benchwright.errors import BenchwrightError
from benchwright.harness import loadgen_check
from benchwright.harness.guarded import run_guarded
from benchwright.harness.loadgen_source import source_digest

RECIPE = 1
"""Number of the way the build is done. It is part of the key instead of this module's source,
because every rebuild changes the module's bytes (it holds the time of its build) and so makes
every run stale: raise it when the same source would be built in another way."""

DISTRIBUTION = "mlcommons-loadgen"
DEFAULT_VERSION = "6.0.17"
"""The release that is built where none is named and none is installed."""

BUILD_SECONDS = 75.0
"""What a build takes: 60 to 75 s on two busy cores, 3.1 as well as 6.0.17."""

_COMPILERS = ("c++", "g++", "clang++")
_CHECK_SECONDS = 60.0
_TOOLCHAIN = """\
[build-system]
requires = ["setuptools", "wheel", "pybind11"]
build-backend = "setuptools.build_meta:__legacy__"
"""
"""For sources up to 3.1, which name no build requirements but need these."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C++ compiler: its command, and the first line of its `--version`."""

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build gave: the version of its wheel, the digest of its source, the module's file."""

    version: str
    source_sha256: str
    compiler: str
    module: Path


# The compiler


def find_compiler(environment: Mapping[str, str]) -> Compiler:
    """The C++ compiler: `CXX`, the companion of `CC`, or the first of c++, g++ and clang++ on
    PATH. BenchwrightError, with the package to install, when there is none."""
    given = _words(environment, "CXX")
    candidates = [given] if given else _usual_compilers(environment)
    for words in candidates:
        program = shutil.which(words[0], path=environment.get("PATH", ""))
        if program is not None:
            return Compiler((program, *words[1:]), _version_line([program, *words[1:]]))
    looked = f"CXX is `{shlex.join(given)}`" if given else f"no {', '.join(_COMPILERS)} on PATH"
    raise BenchwrightError(
        "there is no C++ compiler to build loadgen with",
        why=looked,
        fix="install one: `g++` (Debian, Ubuntu), `gcc-c++` (Fedora, RHEL, SUSE), `gcc` (Arch), "
        "`xcode-select --install` (macOS); or name yours in CXX",
    )


def compiler_line() -> str:
    """The compiler's version for a recipe key; `none` where there is none."""
    try:
        return find_compiler(os.environ).version
    except BenchwrightError:
        return "none"


def _words(environment: Mapping[str, str], name: str) -> list[str]:
    try:
        return shlex.split(environment.get(name, ""))
    except ValueError as error:
        raise BenchwrightError(
            f"{name} cannot be understood", where=f"environment variable {name}", why=str(error)
        ) from error


def _usual_compilers(environment: Mapping[str, str]) -> list[list[str]]:
    companion = []
    if words := _words(environment, "CC"):
        # gcc-13 goes with g++-13, clang with clang++, icx with icpx, cc with c++.
        folder, name = os.path.split(words[-1])
        plus = re.sub(r"gcc|clang|icx|cc$", lambda found: _PLUS[found[0]], name, count=1)
        companion = [[*words[:-1], os.path.join(folder, plus)]] if plus != name else []
    return [*companion, *([name] for name in _COMPILERS)]


_PLUS = {"gcc": "g++", "clang": "clang++", "icx": "icpx", "cc": "c++"}


def _version_line(command: Sequence[str]) -> str:
    try:
        told = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            "the C++ compiler does not work",
            where=shlex.join(command),
            why=f"`--version` failed: {error}",
            fix="repair it, or name another one in CXX",
        ) from error
    return told.strip().partition("\n")[0].strip() or "unknown"


# pip


def download_sdist(version: str, kitchen: Kitchen) -> Path:
    """The released source archive, from the package index that pip is configured for."""
    folder = kitchen.scratch() / "sdist"
    wanted = f"{DISTRIBUTION}=={version}"
    _pip(
        ["download", "--no-deps", "--no-binary", DISTRIBUTION, "--dest", str(folder), wanted],
        kitchen,
        find_compiler(os.environ),
        f"the source of {wanted} could not be downloaded",
    )
    return _only(folder, "*")


def build(source: Path, site: Path, kitchen: Kitchen) -> Built:
    """Builds loadgen out of a folder of our own, unpacks its wheel into `site`, and tries it.

    source: a copy that may be written to, in a folder that holds nothing else (loadgen's build
    asks git about the folder above its own). Everything that runs writes into the kitchen's log.
    """
    from benchwright.archive import unpack

    compiler = find_compiler(os.environ)
    kitchen.note(f"compiler: {compiler.version} ({shlex.join(compiler.command)})")
    digest = source_digest(source)
    kitchen.note(f"source: {digest}")
    project = source / "pyproject.toml"
    if not project.exists():
        kitchen.note("this source names no build requirements: setuptools and pybind11 are added")
        project.write_text(_TOOLCHAIN, encoding="utf-8")
    wheels = kitchen.scratch() / "wheel"
    _pip(
        ["wheel", "-v", "--no-deps", "--wheel-dir", str(wheels), str(source.resolve())],
        kitchen,
        compiler,
        "loadgen could not be built",
    )
    wheel = _only(wheels, "*.whl")
    unpack(wheel, site)
    module = try_module(site, kitchen)
    return Built(wheel.name.split("-")[1], digest, compiler.version, module)


def _pip(arguments: Sequence[str], kitchen: Kitchen, compiler: Compiler, failure: str) -> None:
    if importlib.util.find_spec("pip") is None:
        raise BenchwrightError(
            "building loadgen needs pip, which is not installed",
            where=sys.executable,
            fix=f"`{sys.executable} -m ensurepip --upgrade` installs it",
        )
    temporary = kitchen.scratch().resolve() / "tmp"
    temporary.mkdir(exist_ok=True)
    command = shlex.join(compiler.command)
    environment = {
        # Older setuptools compile C++ with CC.
        "CC": command,
        **os.environ,
        "CXX": command,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        # So that an interrupted build leaves nothing behind.
        "TMPDIR": str(temporary),
    }
    # What the environment may hold (its loadgen, for one) does not bind what is built here.
    environment.pop("PIP_CONSTRAINT", None)
    kitchen.note(f"pip {shlex.join(arguments)}")
    start = os.fstat(kitchen.log.fileno()).st_size
    total = round(BUILD_SECONDS * 10)

    def tick(seconds: float) -> None:
        done = round(seconds * 10)
        kitchen.progress(min(done, total), max(done, total))

    command_line = [sys.executable, "-m", "pip", *arguments]
    status = run_guarded(command_line, kitchen.log, env=environment, tick=tick)
    if status != 0:
        with open(kitchen.log.name, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            why, fix = explain(log.read())
        raise BenchwrightError(
            failure,
            where=kitchen.log.name,
            why=why or f"pip ended with status {status}",
            fix=fix or f"see the end of {kitchen.log.name}",
        )


_NO_HEADERS = re.compile(r"Python\.h\b.*(?:no such file|not found)", re.IGNORECASE)
_COMPILE_ERROR = re.compile(r"^.*:\d+(?::\d+)?: (?:fatal )?error: .*$", re.MULTILINE)
_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|SSLError|Max retries"
    r"|name resolution|Network is unreachable|Connection refused",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(r"No matching distribution found for (\S+)")
_ERROR = re.compile(r"^\s*(?:ERROR|error):\s*(.+)$", re.MULTILINE)


def explain(output: str) -> tuple[str | None, str | None]:
    """(why, fix) of a failed pip, from what it printed; None where nothing is known."""
    if _NO_HEADERS.search(output):
        major, minor = sys.version_info[:2]
        return (
            "Python's C headers are missing",
            f"install `python{major}.{minor}-dev` (Debian, Ubuntu) or "
            f"`python{major}.{minor}-devel` (Fedora, RHEL, SUSE)",
        )
    if found := _COMPILE_ERROR.search(output):
        return found[0].strip(), None
    missing = _NOT_THERE.search(output)
    if _UNREACHABLE.search(output):
        return (
            "the package index cannot be reached"
            + (f", so there is no {missing[1]}" if missing else ""),
            "see `pip config list` and your network; without one, give pip a folder that holds "
            "the sdist, setuptools, wheel and pybind11 (PIP_FIND_LINKS, PIP_NO_INDEX)",
        )
    if missing:
        return (
            f"the package index has no {missing[1]} that can be used here",
            "check `loadgen.version`, and `pip config list`",
        )
    errors = _ERROR.findall(output)
    return (errors[-1].strip() if errors else None), None


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if len(found) != 1:
        raise BenchwrightError(
            "pip did not give exactly one file",
            where=str(folder),
            why=f"found: {', '.join(path.name for path in found) or 'nothing'}",
        )
    return found[0]


# The result


def try_module(site: Path | None, kitchen: Kitchen) -> Path:
    """The file of the module in `site` (None: the installed one), after a short test with it.

    BenchwrightError when it cannot be imported, lacks what the harness needs, crashes, or logs
    an error.
    """
    logs = kitchen.scratch().resolve() / "check"
    logs.mkdir()
    script = str(Path(loadgen_check.__file__).resolve())
    place = "-" if site is None else str(site.resolve())
    status: int | None
    try:
        status = run_guarded(
            [sys.executable, "-P", script, place, str(logs)],
            kitchen.log,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            timeout_s=_CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        status = None
    told: dict[str, str] = {}
    if (logs / loadgen_check.REPORT).exists():
        told = json.loads((logs / loadgen_check.REPORT).read_text(encoding="utf-8"))
    fault = told.get("error") or _ending(status) or _log_fault(logs)
    if fault or "file" not in told:
        raise BenchwrightError(
            "this loadgen does not work",
            where=place if site is not None else "the installed module mlperf_loadgen",
            why=fault or "the test of it said nothing",
            fix="build another version (`loadgen:` in the campaign)"
            if site is not None
            else f"reinstall {DISTRIBUTION}, or build it here (`loadgen: {{build: source}}`)",
        )
    return Path(told["file"])


def _ending(status: int | None) -> str | None:
    if status is None:
        return f"its test did not end within {_CHECK_SECONDS:.0f} s"
    if status > 128:
        return f"its test ended by signal {status - 128}"
    return f"its test ended with status {status}" if status else None


def _log_fault(logs: Path) -> str | None:
    from benchwright.harness.logs import DETAIL_FILE, read_detail

    try:
        log = read_detail(logs / DETAIL_FILE)
    except BenchwrightError as error:
        return f"{error.what}: {error.why}"
    if log.errors:
        return f"its test logged an error: {log.errors[0]}"
    return None if log.finished else "its log holds no result"
