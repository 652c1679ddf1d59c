"""The `loadgen` stage: what is planned, and what its artifact holds."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import sys
import tarfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from benchwright import yamlfile
from benchwright.build import artifact
from benchwright.build.recipe import Recipe, TaskFault, cook, current
from benchwright.build.task import META
from benchwright.campaign import parse_campaign
from benchwright.errors import UsageError
from benchwright.harness import loadgen_build
from benchwright.plan import Plan
from benchwright.plugins import Registry
from benchwright_tasks import loadgen
from core.harness.fake_loadgen import MODULE, contents, write_compiler, write_source
from core.http_server import Resource, serving

PLUGINS = ("benchwright_vision", "benchwright_onnxruntime")
installed = pytest.mark.skipif(
    importlib.util.find_spec("mlperf_loadgen") is None, reason="no loadgen is installed"
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("CXX", str(write_compiler(tmp_path / "bin", "fake++")))


def plan_of(text: str = "") -> Plan:
    """A real plan of a campaign whose `loadgen:` is the given text."""
    lines = ["benchmarks: [resnet50]", "backends: [onnxruntime]"]
    if text:
        lines.append(f"loadgen: {text}")
    registry = Registry(EntryPoint(name, name, "benchwright") for name in PLUGINS)
    return Plan(parse_campaign(yamlfile.parse("\n".join(lines), "campaign.yaml")), registry)


def task_of(text: str = "") -> dict[str, Any]:
    (task,) = loadgen.tasks(plan_of(text))
    return task


def recipe_of(text: str = "") -> Recipe:
    recipe = task_of(text)["meta"][META]["recipe"]
    assert isinstance(recipe, Recipe)
    return recipe


def described(recipe: Recipe) -> dict[str, Any]:
    found = json.loads((Path(recipe.folder) / "loadgen.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def pack(source: Path, archive: Path, prefix: str = "inference-9.1/loadgen") -> str:
    """Packs a source tree; returns the archive's checksum."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, arcname=prefix)
    return f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"


def assert_nothing_left(recipe: Recipe) -> None:
    folder = Path(recipe.folder)
    assert not folder.exists()
    assert not [path for path in folder.parent.iterdir() if folder.name in path.name]


# The installed module


@installed
def test_the_installed_module_is_described_and_nothing_is_built() -> None:
    task = task_of()
    recipe = task["meta"][META]["recipe"]
    assert cook(recipe) == "executed"
    spec = importlib.util.find_spec("mlperf_loadgen")
    assert spec is not None
    assert spec.origin is not None
    found = described(recipe)
    assert found["build"] == "wheel"
    assert found["path"] is None
    assert found["version"] == importlib.metadata.version("mlcommons-loadgen")
    assert found["module_sha256"] == artifact.sha256_of(Path(spec.origin))
    manifest = artifact.read_manifest(Path(recipe.folder))
    assert [entry.path for entry in manifest.files] == ["loadgen.json"]
    assert manifest.facts == {
        "build": "wheel",
        "version": found["version"],
        "source_sha256": None,
        "compiler": None,
        "python": loadgen.python_interface(),
        "module": Path(spec.origin).name,
    }
    assert task["targets"] == [f"{recipe.folder}/manifest.json", f"{recipe.folder}/loadgen.json"]
    assert task["basename"] == "loadgen"
    assert "name" not in task
    assert cook(recipe) == "kept"


def install(folder: Path, version: str, module: str = MODULE) -> None:
    """A module and its distribution's record, as an installer leaves them."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.dist-info/METADATA"):
        old.unlink()
    record = folder / f"mlcommons_loadgen-{version}.dist-info"
    record.mkdir(exist_ok=True)
    (record / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: mlcommons-loadgen\nVersion: {version}\n"
    )
    (folder / "mlperf_loadgen.py").write_text(module)
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before the environment's own, in child processes too."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delitem(sys.modules, "mlperf_loadgen", raising=False)
    return folder


def test_another_wheel_is_another_recipe(site: Path) -> None:
    install(site, "7.0")
    seven = recipe_of()
    cook(seven)
    assert described(seven)["version"] == "7.0"
    install(site, "7.1")
    assert recipe_of().key() != seven.key()
    assert cook(recipe_of()) == "executed"
    assert described(seven)["version"] == "7.1"


def test_another_file_of_the_same_version_is_another_input(site: Path) -> None:
    install(site, "7.0")
    cook(recipe_of())
    before = described(recipe_of())["module_sha256"]
    install(site, "7.0", MODULE + "# rebuilt\n")
    assert not current(recipe_of())
    cook(recipe_of())
    assert described(recipe_of())["module_sha256"] != before


def test_an_installed_module_that_does_not_work_is_found_out(site: Path) -> None:
    install(site, "7.0", MODULE.replace("def StartTest", "def Begin"))
    recipe = recipe_of()
    with pytest.raises(TaskFault, match="lacks StartTestWithLogSettings"):
        cook(recipe)
    assert_nothing_left(recipe)


def test_where_none_is_installed_the_release_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(folder: str) -> bool:
        return not any(Path(folder or ".").glob("mlperf_loadgen*"))

    recipe_of("{build: source}")
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if without(folder)])
    monkeypatch.delitem(sys.modules, "mlperf_loadgen", raising=False)
    importlib.invalidate_caches()
    task = task_of()
    recipe = task["meta"][META]["recipe"]
    assert recipe.parameters["build"] == "source"
    assert recipe.parameters["version"] == loadgen_build.DEFAULT_VERSION == "6.0.17"
    assert "none is installed" in task["doc"]
    assert recipe.aside["instead"] is True
    # The same thing by either way: it is not built twice.
    assert recipe.key() == recipe_of("{build: source, version: 6.0.17}").key()


# What cannot be meant


WRONG = [
    ("{version: 5.1.2}", "loadgen.version", "build: source"),
    ("{source: folder}", "loadgen.source", "build: source"),
    ("{build: source, version: 6.0.17, source: .}", "loadgen.version", "remove one"),
    ("{build: source, version: '--pre'}", "loadgen.version", "6.0.17"),
    ("{build: source, version: 'https://x/y'}", "loadgen.version", "6.0.17"),
    ("{build: source, source: nowhere}", "loadgen.source", "https://"),
    ("{build: source, source: bin}", "loadgen.source", "checkout"),
    ("{build: source, source: 'https://example.org/x.zip'}", "loadgen.source", "checksum"),
    ("{build: source, source: x.zip, checksum: abc}", "loadgen.checksum", "sha256"),
    (f"{{build: source, source: bin, checksum: 'md5:{'0' * 32}'}}", "loadgen.checksum", "remove"),
    (f"{{build: source, source: 'ftp://x/y', checksum: 'md5:{'0' * 32}'}}", "loadgen.source", ""),
]


@pytest.mark.parametrize(("text", "where", "fix"), WRONG)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, where: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        task_of(text)
    assert caught.value.where == f"campaign.yaml:3: {where}"
    assert fix in (caught.value.fix or "")


# Source: a folder


pip_needed = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is missing")


@pip_needed
def test_a_folder_is_built_and_left_as_it_was(tmp_path: Path) -> None:
    source = write_source(tmp_path / "checkout/loadgen")
    before = contents(tmp_path / "checkout")
    recipe = recipe_of("{build: source, source: checkout}")
    assert cook(recipe) == "executed"
    assert contents(tmp_path / "checkout") == before
    found = described(recipe)
    assert found["build"] == "source"
    assert found["path"] == "site"
    assert found["version"] == "9.1"
    assert found["compiler"] == "fake++ 1.2.3 --version"
    module = Path(recipe.folder) / "site" / found["module"]
    assert found["module_sha256"] == artifact.sha256_of(module)
    manifest = artifact.read_manifest(Path(recipe.folder))
    assert {key: found[key] for key in manifest.facts} == manifest.facts
    assert manifest.facts.keys() == {
        "build", "version", "source_sha256", "compiler", "python", "module"
    }  # fmt: skip
    assert "site/mlperf_loadgen.py" in [entry.path for entry in manifest.files]
    assert sorted(os.listdir(Path(recipe.folder).parent)) == ["loadgen", "logs"]
    assert f"building with {tmp_path}/bin/fake++" in Path(recipe.log).read_text()
    assert cook(recipe_of("{build: source, source: checkout/loadgen}")) == "kept"
    (source / "setup.py").write_text("# changed\n")
    assert cook(recipe_of("{build: source, source: checkout}")) == "executed"
    assert described(recipe)["source_sha256"] != found["source_sha256"]


def test_the_key_follows_the_source_and_the_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_source(tmp_path / "loadgen")
    text = "{build: source, source: loadgen}"
    first = recipe_of(text).key()
    (source / "build").mkdir()
    (source / "build/left.o").write_text("behind")
    assert recipe_of(text).key() == first
    (source / "bindings/python_api.cc").write_text("// changed\n")
    changed = recipe_of(text).key()
    assert changed != first
    source.rename(tmp_path / "moved")
    assert recipe_of("{build: source, source: moved}").key() == changed
    compiler = tmp_path / "bin/fake++"
    compiler.write_text(compiler.read_text().replace("1.2.3", "1.2.4"))
    assert recipe_of("{build: source, source: moved}").key() != changed
    monkeypatch.setenv("CXX", "absent++")
    assert recipe_of("{build: source, source: moved}").tools["compiler"] == "none"


@pip_needed
def test_a_failed_build_leaves_what_was_there(tmp_path: Path) -> None:
    source = write_source(tmp_path / "loadgen")
    text = "{build: source, source: loadgen}"
    recipe = recipe_of(text)
    cook(recipe)
    before = contents(Path(recipe.folder))
    write_source(source, trouble="sys.exit('loadgen.cc:1:2: error: broken')")
    broken = recipe_of(text)
    with pytest.raises(TaskFault, match=r"loadgen\.cc:1:2: error: broken") as caught:
        cook(broken)
    assert caught.value.log == recipe.log
    assert recipe.log in str(caught.value)
    assert contents(Path(recipe.folder)) == before
    assert sorted(os.listdir(Path(recipe.folder).parent)) == ["loadgen", "logs"]


def test_without_a_compiler_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(tmp_path / "loadgen")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    recipe = recipe_of("{build: source, source: loadgen}")
    with pytest.raises(TaskFault, match=r"no C\+\+ compiler.*\n.*\n.*install one: `g\+\+`"):
        cook(recipe)
    assert_nothing_left(recipe)


# Source: an archive, an address


@pip_needed
def test_an_archive_with_its_checksum(tmp_path: Path) -> None:
    source = write_source(tmp_path / "original")
    checksum = pack(source, tmp_path / "release.tar.gz")
    recipe = recipe_of(f"{{build: source, source: release.tar.gz, checksum: '{checksum}'}}")
    cook(recipe)
    folder = recipe_of("{build: source, source: original}")
    assert described(recipe)["source_sha256"] == folder.parameters["sha256"]
    assert cook(recipe) == "kept"
    (source / "new.h").write_text("")
    pack(source, tmp_path / "release.tar.gz")
    assert not current(recipe)


def test_an_archive_with_another_checksum_is_not_built(tmp_path: Path) -> None:
    found = pack(write_source(tmp_path / "original"), tmp_path / "release.tar.gz")
    expected = f"sha256:{'0' * 64}"
    recipe = recipe_of(f"{{build: source, source: release.tar.gz, checksum: '{expected}'}}")
    with pytest.raises(TaskFault, match="another content than expected") as caught:
        cook(recipe)
    assert f"expected {expected}, found {found}" in str(caught.value)
    assert_nothing_left(recipe)


def test_an_archive_that_leaves_its_folder_is_not_built(tmp_path: Path) -> None:
    write_source(tmp_path / "original")
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "original", arcname="a/loadgen")
        tar.addfile(tarfile.TarInfo("a/loadgen/../../../../../evil"))
    recipe = recipe_of("{build: source, source: release.tar.gz}")
    with pytest.raises(TaskFault, match="is refused") as caught:
        cook(recipe)
    assert "release.tar.gz" in str(caught.value)
    assert_nothing_left(recipe)
    assert not list(tmp_path.rglob("evil"))


@pip_needed
def test_an_address_with_its_checksum(tmp_path: Path) -> None:
    checksum = pack(write_source(tmp_path / "original"), tmp_path / "release.tar.gz")
    with serving() as server:
        resource = Resource((tmp_path / "release.tar.gz").read_bytes())
        address = server.add("/v9.1.tar.gz", resource)
        recipe = recipe_of(f"{{build: source, source: '{address}', checksum: '{checksum}'}}")
        cook(recipe)
        assert described(recipe)["version"] == "9.1"
        assert len(resource.asked) == 1
        moved = server.add("/mirror/loadgen.tar.gz", Resource())
        text = f"{{build: source, source: '{moved}', checksum: '{checksum}'}}"
        assert recipe_of(text).key() == recipe.key()


# The real thing


@pytest.mark.long
@pip_needed
def test_the_released_source_builds_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX")
    if loadgen_build.compiler_line() == "none":
        pytest.skip("there is no C++ compiler")
    recipe = recipe_of("{build: source, version: 6.0.17}")
    try:
        cook(recipe)
    except TaskFault as fault:
        if "package index" in str(fault):
            pytest.skip(f"pip cannot get the source: {fault}")
        raise
    found = described(recipe)
    assert found["version"] == "6.0.17"
    assert found["module"].endswith(".so")
    assert (Path(recipe.folder) / "site" / found["module"]).is_file()
