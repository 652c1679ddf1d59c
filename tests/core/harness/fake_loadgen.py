"""A source tree that builds in a second: what stands in for loadgen's own sources in the tests.

It is a real project that pip builds (its build backend is in the tree and needs no network). The
module it makes behaves as loadgen as far as the check of a build goes, or misbehaves as told.
"""

from __future__ import annotations

from pathlib import Path

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

BACKEND = """\
import os
import sys
import zipfile

VERSION = "{version}"
NAME = f"fake_loadgen-{{VERSION}}"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    print(f"building with {{os.environ['CXX']}}")
    {trouble}
    os.makedirs("generated", exist_ok=True)
    with open("generated/left_behind.cc", "w") as stream:
        stream.write("made by the build")
    wheel = f"{{NAME}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        archive.write("mlperf_loadgen.py")
        archive.writestr(f"{{NAME}}.dist-info/METADATA",
                         f"Metadata-Version: 2.1\\nName: fake-loadgen\\nVersion: {{VERSION}}\\n")
        archive.writestr(f"{{NAME}}.dist-info/WHEEL",
                         "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{{NAME}}.dist-info/RECORD", "")
    return wheel
"""

MODULE = """\
import json
import os


class TestScenario:
    Offline = 3


class TestMode:
    PerformanceOnly = 2


class TestSettings:
    pass


class LogOutputSettings:
    pass


class LogSettings:
    pass


class QuerySampleResponse:
    def __init__(self, id, data, size):
        self.id, self.data, self.size = id, data, size


answered = []
systems = []
libraries = []


def QuerySamplesComplete(responses):
    answered.extend(response.id for response in responses)


def ConstructFastSUT(issue, flush):
    systems.append(issue)
    return len(systems) - 1


def ConstructQSL(total, performance, load, unload):
    libraries.append(total)
    return len(libraries) - 1


def DestroyQSL(handle):
    pass


def DestroyFastSUT(handle):
    pass


def StartTestWithLogSettings(system, library, settings, log, audit):
    count = libraries[library]
    systems[system](list(range(count)), list(range(count)))
    records = [
        ("loadgen_version", "fake", False),
        ("result_99.90_percentile_latency_ns", 1, False),
        ("result_validity", "VALID", False),
    ]
    with open(os.path.join(log.log_output.outdir, "mlperf_log_detail.txt"), "w") as stream:
        for key, value, wrong in records:
            record = {"key": key, "value": value, "metadata": {"is_error": wrong}}
            stream.write(f":::MLLOG {json.dumps(record)}\\n")
"""

COMPILER = """\
#!/bin/sh
echo "fake++ 1.2.3 $*"
echo "second line"
"""


def write_source(
    folder: Path, *, version: str = "9.1", module: str = MODULE, trouble: str = ""
) -> Path:
    """Writes the tree into a new folder. trouble: a statement that the build runs first."""
    files = {
        "setup.py": "raise SystemExit('this tree is built by backend.py')\n",
        "bindings/python_api.cc": "// stands for the binding\n",
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND.format(version=version, trouble=trouble or "pass"),
        "mlperf_loadgen.py": module,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_compiler(folder: Path, name: str = "c++") -> Path:
    """A program that answers `--version` as a compiler does."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(COMPILER, encoding="utf-8")
    program.chmod(0o755)
    return program


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
