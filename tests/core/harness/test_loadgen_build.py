"""Building loadgen: its source, the compiler, pip's complaints, the trial, processes that end."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchwright.build.recipe import Kitchen, Recipe
from benchwright.errors import BenchwrightError
from benchwright.harness import guarded, loadgen_build, loadgen_source
from benchwright.harness.guarded import run_guarded
from benchwright.harness.loadgen_check import NEEDED
from core.harness.fake_loadgen import MODULE, contents, write_compiler, write_source


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    out = tmp_path / "out"
    out.mkdir()
    recipe = Recipe(task="loadgen", call="none:none", folder=str(tmp_path / "artifact"))
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        yield Kitchen(recipe, out, log)


def logged(kitchen: Kitchen) -> str:
    return Path(kitchen.log.name).read_text(encoding="utf-8")


# The source


def test_digest_changes_with_any_name_or_content(tmp_path: Path) -> None:
    source = write_source(tmp_path / "loadgen")
    digests = {loadgen_source.source_digest(source)}
    (source / "bindings/python_api.cc").write_text("// changed\n")
    digests.add(loadgen_source.source_digest(source))
    (source / "bindings/python_api.cc").rename(source / "bindings/renamed.cc")
    digests.add(loadgen_source.source_digest(source))
    (source / "new.h").write_text("")
    digests.add(loadgen_source.source_digest(source))
    assert len(digests) == 4


def test_digest_is_of_the_content_only(tmp_path: Path) -> None:
    one, other = write_source(tmp_path / "one"), write_source(tmp_path / "other/loadgen")
    os.utime(other / "setup.py", (1, 1))
    (other / "setup.py").chmod(0o755)
    assert loadgen_source.source_digest(one) == loadgen_source.source_digest(other)


LEFT_BEHIND = [
    "build/temp/loadgen.o",
    "generated/version_generated.cc",
    "mlperf_loadgen.cpython-311.so",
    "mlcommons_loadgen.egg-info/PKG-INFO",
    "__pycache__/version_generator.pyc",
    "mlperf_conf.h",
    ".git/HEAD",
]


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_a_build_leaves_behind_is_neither_counted_nor_copied(
    tmp_path: Path, name: str
) -> None:
    source = write_source(tmp_path / "loadgen")
    before = loadgen_source.source_digest(source)
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_text("left behind")
    assert loadgen_source.source_digest(source) == before
    loadgen_source.copy_source(source, tmp_path / "copy")
    assert name not in contents(tmp_path / "copy")
    assert loadgen_source.source_digest(tmp_path / "copy") == before


def test_a_checkout_is_as_good_as_its_loadgen_folder(tmp_path: Path) -> None:
    source = write_source(tmp_path / "checkout/loadgen")
    assert loadgen_source.source_folder(tmp_path / "checkout") == source
    assert loadgen_source.source_folder(source) == source


def test_a_folder_without_loadgen_is_refused(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("")
    with pytest.raises(BenchwrightError, match="does not hold loadgen's source") as caught:
        loadgen_source.source_folder(tmp_path)
    assert caught.value.where == str(tmp_path)


# Archives


def tar_of(path: Path, members: dict[str, bytes | str], mode: str = "w:gz") -> Path:
    """A tar with files (bytes) and symbolic links (text), in that order."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            if isinstance(content, str):
                header.type, header.linkname = tarfile.SYMTYPE, content
                tar.addfile(header)
            else:
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return path


def zip_of(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            item = zipfile.ZipInfo(name)
            link = isinstance(content, str)
            item.external_attr = (stat.S_IFLNK | 0o777 if link else stat.S_IFREG | 0o644) << 16
            archive.writestr(item, content)
    return path


ARCHIVES: list[Callable[[Path, dict[str, bytes | str]], Path]] = [tar_of, zip_of]


def release(tmp_path: Path, prefix: str = "inference-9.1/loadgen/") -> dict[str, bytes | str]:
    """The members of a release of a whole repository: loadgen, other things, and a link."""
    source = write_source(tmp_path / "original")
    members: dict[str, bytes | str] = {
        "inference-9.1/vision/setup.py": b"# speaks of mlperf_loadgen too\n",
        "inference-9.1/mlperf.conf": "loadgen/mlperf.conf",
    }
    members.update({f"{prefix}{name}": data for name, data in contents(source).items()})
    return members


@pytest.mark.parametrize("prefix", ["inference-9.1/loadgen/", "fake-9.1/", "./a/b/loadgen/", ""])
@pytest.mark.parametrize("pack", ARCHIVES)
def test_only_loadgens_folder_is_unpacked(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes | str]], Path], prefix: str
) -> None:
    members = release(tmp_path, prefix)
    if not prefix:
        members = {name: data for name, data in members.items() if "inference" not in name}
    archive = pack(tmp_path / "archive", members)
    (tmp_path / "scratch").mkdir()
    loadgen_source.unpack_source(archive, tmp_path / "source", tmp_path / "scratch")
    assert contents(tmp_path / "source") == contents(tmp_path / "original")
    assert contents(tmp_path / "scratch") == {}


EVIL: list[tuple[str, bytes | str]] = [
    ("inference-9.1/loadgen/../../../evil", b"x"),
    ("inference-9.1/loadgen/bindings/../../evil", b"x"),
    ("inference-9.1/loadgen/link", "/etc/passwd"),
    ("inference-9.1/loadgen/SETUP.PY", b"collides where case does not count"),
]


@pytest.mark.parametrize("pack", ARCHIVES)
@pytest.mark.parametrize(("name", "content"), EVIL)
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path,
    pack: Callable[[Path, dict[str, bytes | str]], Path],
    name: str,
    content: bytes | str,
) -> None:
    members = release(tmp_path)
    members[name] = content
    place = tmp_path / "a/b/c"
    place.mkdir(parents=True)
    archive = pack(tmp_path / "archive", members)
    with pytest.raises(BenchwrightError, match="is refused") as caught:
        loadgen_source.unpack_source(archive, place / "source", place)
    assert caught.value.where == str(archive)
    assert not (place / "source").exists()
    assert not list(tmp_path.rglob("evil"))


PARTS = st.sampled_from(["..", ".", "", "bindings", "setup.py", "x", "loadgen", "/", "C:", "é"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PARTS, min_size=1, max_size=6), st.booleans(), st.integers(0, 2))
def test_nothing_is_ever_written_outside(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], below: bool, kind: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("archive")
    members = release(tmp_path)
    name = ("inference-9.1/loadgen/" if below else "") + "/".join(parts)
    content: bytes | str = "/tmp" if kind == 2 else b"stray"
    members.setdefault(name, content)
    archive = ARCHIVES[kind % 2](tmp_path / "archive", members)
    place = tmp_path / "deep/er/still"
    place.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    try:
        loadgen_source.unpack_source(archive, place / "source", place)
    except BenchwrightError:
        assert not (place / "source").exists()
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(place) for path in new)
    assert not any(path.is_symlink() for path in new)


@pytest.mark.parametrize("pack", ARCHIVES)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_cut_archive_is_no_traceback(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes | str]], Path], share: float
) -> None:
    archive = pack(tmp_path / "archive", release(tmp_path))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BenchwrightError) as caught:
        loadgen_source.unpack_source(archive, tmp_path / "source", tmp_path)
    assert caught.value.where == str(archive)
    assert caught.value.why
    assert not (tmp_path / "source").exists()


def test_an_archive_of_something_else_says_so(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "x.tar.gz", {"x/setup.py": b"", "x/python_api.cc": b""})
    with pytest.raises(BenchwrightError, match="does not hold loadgen's source"):
        loadgen_source.unpack_source(archive, tmp_path / "source", tmp_path)


def test_a_folder_beyond_all_measure_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loadgen_source, "_LARGEST", 10_000)
    members = release(tmp_path)
    members["inference-9.1/loadgen/zeros"] = bytes(10_001)
    archive = tar_of(tmp_path / "archive", members)
    with pytest.raises(BenchwrightError, match="too large"):
        loadgen_source.unpack_source(archive, tmp_path / "source", tmp_path)


# The compiler


def test_compiler_is_cxx_first(tmp_path: Path) -> None:
    mine, other = write_compiler(tmp_path / "mine", "my++"), write_compiler(tmp_path / "bin", "c++")
    environment = {"CXX": f"{mine} --special", "CC": str(other), "PATH": str(other.parent)}
    found = loadgen_build.find_compiler(environment)
    assert found.command == (str(mine), "--special")
    assert found.version == "fake++ 1.2.3 --special --version"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("gcc-13", "g++-13"), ("clang", "clang++"), ("icx", "icpx"), ("cc", "c++"), ("xlc", "g++")],
)
def test_compiler_goes_with_cc(tmp_path: Path, given: str, wanted: str) -> None:
    for name in ("g++", wanted):
        write_compiler(tmp_path, name)
    found = loadgen_build.find_compiler({"CC": given, "PATH": str(tmp_path)})
    assert found.command == (str(tmp_path / wanted),)


def test_compiler_from_path_in_order(tmp_path: Path) -> None:
    order = []
    for name in ("clang++", "g++", "c++"):
        write_compiler(tmp_path, name)
        order.append(loadgen_build.find_compiler({"PATH": str(tmp_path)}).command[0])
    assert [Path(program).name for program in order] == ["clang++", "g++", "c++"]


@pytest.mark.parametrize("variables", [{}, {"CXX": "absent++"}, {"CC": "gcc"}])
def test_without_a_compiler_the_package_is_named(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(BenchwrightError, match=r"no C\+\+ compiler") as caught:
        loadgen_build.find_compiler({"PATH": str(tmp_path), **variables})
    assert "g++" in str(caught.value.fix)
    assert caught.value.why is not None
    assert ("absent++" in caught.value.why) == ("CXX" in variables)


def test_a_compiler_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    broken = write_compiler(tmp_path)
    broken.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(BenchwrightError, match="does not work"):
        loadgen_build.find_compiler({"PATH": str(tmp_path)})


# What pip says


COMPLAINTS = [
    (
        "x.cc: In function 'int f()':\nbindings/python_api.cc:3:9: fatal error: pybind11/x.h: No "
        "such file or directory\nerror: command 'g++' failed\nERROR: Failed building wheel",
        "bindings/python_api.cc:3:9: fatal error: pybind11/x.h: No such file or directory",
        None,
    ),
    (
        "a/pybind11/detail/common.h:5:10: fatal error: Python.h: No such file or directory",
        "Python's C headers are missing",
        "-dev",
    ),
    (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('x: "
        "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'"
        "\nERROR: No matching distribution found for setuptools>=42",
        "the package index cannot be reached, so there is no setuptools>=42",
        "PIP_FIND_LINKS",
    ),
    (
        "ERROR: Could not find a version that satisfies the requirement mlcommons-loadgen==0.1\n"
        "ERROR: No matching distribution found for mlcommons-loadgen==0.1",
        "the package index has no mlcommons-loadgen==0.1 that can be used here",
        "loadgen.version",
    ),
    ("some\n  error: first\nERROR: last word\n", "last word", None),
    ("nothing to see", None, None),
]


@pytest.mark.parametrize(("output", "why", "fix"), COMPLAINTS)
def test_pips_complaints_are_told_in_words(output: str, why: str | None, fix: str | None) -> None:
    found_why, found_fix = loadgen_build.explain(output)
    assert found_why == why
    assert (found_fix is None) == (fix is None)
    assert fix is None or fix in str(found_fix)


@given(st.text())
def test_any_output_can_be_explained(output: str) -> None:
    loadgen_build.explain(output)


def test_a_version_that_does_not_exist_is_told_as_such(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pip")
    monkeypatch.setenv("CXX", str(write_compiler(tmp_path / "bin")))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("mlcommons-loadgen==6.0.17\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(constraints))
    with pytest.raises(BenchwrightError, match="could not be downloaded") as caught:
        loadgen_build.download_sdist("0.0.1", kitchen)
    assert "mlcommons-loadgen==0.0.1" in str(caught.value.why)
    assert caught.value.where == kitchen.log.name


# The build


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("pip")
    program = write_compiler(tmp_path / "bin", "fake++")
    monkeypatch.setenv("CXX", str(program))
    return program


@pytest.mark.usefixtures("compiler")
def test_build_gives_a_module_that_works(kitchen: Kitchen, tmp_path: Path) -> None:
    source = write_source(tmp_path / "alone/loadgen", version="9.1")
    digest = loadgen_source.source_digest(source)
    progress: list[tuple[int, int | None]] = []
    kitchen.progress = lambda done, total: progress.append((done, total))
    site = kitchen.out / "site"
    built = loadgen_build.build(source, site, kitchen)
    assert (built.version, built.source_sha256) == ("9.1", digest)
    assert built.compiler == "fake++ 1.2.3 --version"
    assert built.module == site.resolve() / "mlperf_loadgen.py"
    assert sorted(path.name for path in site.iterdir()) == [
        "fake_loadgen-9.1.dist-info",
        "mlperf_loadgen.py",
    ]
    assert f"building with {tmp_path}/bin/fake++" in logged(kitchen)
    assert all(total is not None and done <= total for done, total in progress)
    assert progress


@pytest.mark.usefixtures("compiler")
def test_a_failed_build_says_why_and_where(kitchen: Kitchen, tmp_path: Path) -> None:
    trouble = "sys.exit('loadgen.cc:7:1: error: no such luck')"
    source = write_source(tmp_path / "alone/loadgen", trouble=trouble)
    with pytest.raises(BenchwrightError, match="could not be built") as caught:
        loadgen_build.build(source, kitchen.out / "site", kitchen)
    assert "no such luck" in str(caught.value.why)
    assert caught.value.where == kitchen.log.name
    assert not (kitchen.out / "site").exists()


@pytest.mark.usefixtures("compiler")
def test_a_source_without_build_requirements_gets_them(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_source(tmp_path / "alone/loadgen")
    (source / "pyproject.toml").unlink()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(BenchwrightError, match="could not be built"):
        loadgen_build.build(source, kitchen.out / "site", kitchen)
    # Without an index they cannot come; that they were asked for is what counts.
    assert "names no build requirements" in logged(kitchen)
    assert "setuptools" in logged(kitchen)


# The trial


def site_with(tmp_path: Path, module: str) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "mlperf_loadgen.py").write_text(module)
    return site


def test_trial_of_a_good_module(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    site = site_with(tmp_path, MODULE)
    assert loadgen_build.try_module(site, kitchen) == (site / "mlperf_loadgen.py").resolve()
    assert [path.name for path in site.iterdir()] == ["mlperf_loadgen.py"]


def test_the_trial_asks_for_all_that_the_harness_uses() -> None:
    harness = Path(loadgen_build.__file__).parent
    text = "".join((harness / name).read_text() for name in ("child.py", "settings.py"))
    assert set(NEEDED) == set(re.findall(r"\bloadgen\.([A-Z]\w+)", text))


FAULTY = [
    (MODULE.replace("def StartTestWithLogSettings", "def start"), "lacks StartTestWithLogSettings"),
    (MODULE.replace("class QuerySampleResponse", "class Other"), "lacks QuerySampleResponse"),
    ("import nowhere_to_be_found\n", "cannot be imported"),
    ("no module)", "cannot be imported: SyntaxError"),
    (MODULE.replace("self, id, data, size", "self, id, data"), "while answering"),
    (MODULE.replace("count = libraries[library]", "count = 3"), "asked for 3 of 64 samples"),
    (MODULE.replace('"fake", False', '"uncommitted", True'), "logged an error: uncommitted"),
    (MODULE.replace('("result_validity", "VALID", False),', ""), "holds no result"),
    (MODULE.replace("mlperf_log_detail", "mlperf_log_other"), "detail log cannot be read"),
    (MODULE + "\n\nos.kill(os.getpid(), 11)\n", "signal 11"),
    (MODULE + "\n\nos._exit(7)\n", "status 7"),
]


@pytest.mark.parametrize(("module", "why"), FAULTY)
def test_trial_of_a_faulty_module(kitchen: Kitchen, tmp_path: Path, module: str, why: str) -> None:
    assert module != MODULE
    with pytest.raises(BenchwrightError, match="this loadgen does not work") as caught:
        loadgen_build.try_module(site_with(tmp_path, module), kitchen)
    assert why in str(caught.value.why)


def test_trial_does_not_take_another_module_for_the_built_one(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mlperf_loadgen.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(other))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BenchwrightError, match="does not work") as caught:
        loadgen_build.try_module(empty, kitchen)
    assert f"another one was imported: {other}" in str(caught.value.why)


def test_trial_of_a_module_that_hangs(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loadgen_build, "_CHECK_SECONDS", 0.5)
    site = site_with(tmp_path, MODULE + "\n\nimport time\n\ntime.sleep(600)\n")
    with pytest.raises(BenchwrightError, match="does not work") as caught:
        loadgen_build.try_module(site, kitchen)
    assert "did not end" in str(caught.value.why)


# Processes that end with us


FAMILY = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1] + ".new", "w") as stream:
    stream.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
child.wait()
"""


PATIENCE_S = 60.0
"""After which a test gives up, instead of waiting for ever."""


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > end:
            pytest.fail("it did not come about")
        time.sleep(0.02)


def family(path: Path) -> list[int]:
    """The process numbers that a running FAMILY writes, as soon as they are there."""
    wait_for(path.exists)
    return [int(number) for number in path.read_text().split()]


def gone(number: int) -> bool:
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(numbers: list[int]) -> None:
    wait_for(lambda: all(gone(number) for number in numbers))


def test_status_and_output(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        log.write("before\n")
        code = "import os, sys; print('out'); print('err', file=sys.stderr); os._exit(5)"
        assert run_guarded([sys.executable, "-u", "-c", code], log) == 5
        log.write("after\n")
    assert (tmp_path / "log").read_text() == "before\nout\nerr\nafter\n"


def test_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        code = "import os; os.kill(os.getpid(), 9)"
        assert run_guarded([sys.executable, "-c", code], log) == 128 + signal.SIGKILL


def test_an_exception_of_ours_ends_the_whole_family(tmp_path: Path) -> None:
    numbers: list[int] = []

    def tick(seconds: float) -> None:
        numbers.extend(family(tmp_path / "numbers"))
        raise KeyboardInterrupt

    command = [sys.executable, "-c", FAMILY, str(tmp_path / "numbers")]
    with (tmp_path / "log").open("w") as log, pytest.raises(KeyboardInterrupt):
        run_guarded(command, log, tick=tick)
    assert len(numbers) == 2
    wait_until_gone(numbers)


def test_our_own_violent_end_ends_the_whole_family(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(guarded.__file__).parents[2])!r})\n"
        "from benchwright.harness.guarded import run_guarded\n"
        "run_guarded([sys.executable, '-c', sys.argv[1], sys.argv[2]], sys.stdout)\n"
    )
    command = [sys.executable, str(script), FAMILY, str(tmp_path / "numbers")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as parent:
        numbers = family(tmp_path / "numbers")
        parent.kill()
    wait_until_gone(numbers)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FAMILY, str(tmp_path / "numbers")]

    def tick(seconds: float) -> None:
        family(tmp_path / "numbers")

    with (tmp_path / "log").open("w") as log, pytest.raises(subprocess.TimeoutExpired):
        run_guarded(command, log, timeout_s=1.0, tick=tick)
    wait_until_gone(family(tmp_path / "numbers"))
