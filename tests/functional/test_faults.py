"""Bad data and bad machines: a clear error that names the file, finished work kept, no half-written
target, and the next run goes on."""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from functional import vendor
from functional.project import PRODUCTS, ROOT, SUBJECT, Outcome, Project, script

DATASET, PREPROCESS, MODEL, ENGINE = PRODUCTS[2:]

MODEL_VENDOR = '''
"""A benchmark like resnet50 whose model file is not what it should be."""

from dataclasses import replace

from benchwright.contracts.source import Packaged
from benchwright.download import Checksum
from benchwright.hooks import hookimpl
from benchwright_vision.descriptors import resnet50


@hookimpl
def benchmarks():
    good = resnet50()
    model = Packaged("resnet50.onnx", "cutmodel", "cut.onnx", Checksum("sha256", "{checksum}"))
    tiny = replace(good.presets["tiny"], model=(model,))
    return [replace(good, name="cut", family="cut", presets={{"tiny": tiny}})]
'''


def own_data(project: Project) -> Path:
    """Gives the project a data set folder of its own."""
    folder = project.folder / "digits"
    shutil.copytree(project.file("datasets/resnet50-tiny/raw"), folder)
    for name in ("manifest.json", "recipe.json"):
        (folder / name).unlink()
    with (project.folder / "benchwright.yaml").open("a", encoding="utf-8") as stream:
        stream.write("datasets: {digits: digits}\n")
    return folder


def assert_failed(project: Project, outcome: Outcome, task: str) -> None:
    """One task failed, with its name and log; what was finished is kept and nothing is half."""
    assert outcome.statuses[task] == "failed"
    assert list(outcome.statuses.values()).count("failed") == 1
    assert f"error: {task} failed\n" in outcome.err
    assert "log: build/default/logs/" in outcome.err
    assert "finished work is kept" in outcome.err
    assert not project.hidden()


class TestImages:
    @pytest.mark.parametrize(
        "content", [b"", b"no image at all", None], ids=["empty", "text", "cut"]
    )
    def test_an_unreadable_image(self, project: Project, content: bytes | None) -> None:
        image = sorted(own_data(project).rglob("*.png"))[700]
        original = image.read_bytes()
        image.write_bytes(original[: len(original) // 2] if content is None else content)
        samples = project.file("datasets/resnet50-tiny/preprocessed")
        before = project.snapshot()
        outcome = project.run(code=1)
        assert_failed(project, outcome, PREPROCESS)
        name = image.relative_to(project.folder)
        assert f"{name}: this image cannot be read" in outcome.err
        assert outcome.statuses[DATASET] == "executed"
        kept = project.snapshot()
        place = samples.relative_to(project.folder).as_posix()
        assert {key: value for key, value in kept.items() if key.startswith(place)} == {
            key: value for key, value in before.items() if key.startswith(place)
        }
        image.write_bytes(original)
        again = project.run()
        assert again.statuses[PREPROCESS] == "up-to-date", "the samples are those of before"
        assert "stale" not in again.err

    def test_fewer_samples_than_the_preset_has_are_told(self, project: Project) -> None:
        """A map that was cut off is whole by itself; no result of it may look like the preset's."""
        place = own_data(project) / "val_map.txt"
        lines = place.read_text(encoding="utf-8").splitlines(keepends=True)
        place.write_text("".join(lines[:40]), encoding="utf-8")
        told = project.benchwright("run", "--rerun").out
        reason = "40 samples instead of 1,024"
        assert f"not for submission: preset tiny, duration quick, {reason}\n" in told
        for run in project.measured():
            assert run.result.unofficial == ("preset tiny", "duration quick", reason) or (
                run.result.mode == "accuracy" and run.result.unofficial == ("preset tiny", reason)
            )

    def test_an_image_that_is_missing(self, project: Project) -> None:
        folder = own_data(project)
        lines = (folder / "val_map.txt").read_text(encoding="utf-8").splitlines()
        name = lines[41].split()[0]
        (folder / name).unlink()
        outcome = project.run(code=1)
        assert_failed(project, outcome, DATASET)
        assert f"digits/val_map.txt:42: the image {name} is missing" in outcome.err
        assert f"there is no {Path(name).name} in digits/images" in outcome.err

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("images/nothing.png 3", "the image images/nothing.png is missing"),
            ("../../secret.png 3", "an image must lie inside the data set's folder"),
            ("images/no-label.png", "this line is not `path label`"),
            ("images/no-number.png three", "this line is not `path label`"),
            ("images/high.png 10", "label 10 is out of range"),
        ],
    )
    def test_a_wrong_line(self, project: Project, line: str, problem: str) -> None:
        with (own_data(project) / "val_map.txt").open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")
        outcome = project.run("dataset", code=1)
        assert f"digits/val_map.txt:1025: {problem}" in outcome.err

    def test_no_val_map(self, project: Project) -> None:
        (own_data(project) / "val_map.txt").unlink()
        outcome = project.run("dataset", code=1)
        assert "digits/val_map.txt: this data set has no readable val_map.txt" in outcome.err


class TestModels:
    @pytest.fixture
    def cut(self, fresh: Project, tmp_path: Path) -> Callable[[bytes], Project]:
        """A project whose benchmark ships the given bytes as its model."""

        def make(content: bytes, checksum: str | None = None) -> Project:
            site = tmp_path / "site"
            source = MODEL_VENDOR.format(checksum=hashlib.sha256(content).hexdigest())
            fresh.path.append(vendor.install(site, "cut", source))
            (site / "cutmodel").mkdir()
            (site / "cutmodel" / "__init__.py").touch()
            (site / "cutmodel" / "cut.onnx").write_bytes(content)
            fresh.change("[resnet50]", "[cut]")
            return fresh

        return make

    @pytest.fixture
    def model(self) -> bytes:
        return (ROOT / "plugins/benchwright_vision/tiny/resnet50.onnx").read_bytes()

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
    def test_a_truncated_model(
        self, cut: Callable[[bytes], Project], model: bytes, share: float
    ) -> None:
        project = cut(model[: int(len(model) * share)])
        outcome = project.run("engine", code=1)
        assert_failed(project, outcome, "engine:cut-tiny/onnxruntime")
        assert "build/default/models/cut-tiny/resnet50.onnx: ONNX Runtime cannot load" in (
            outcome.err
        )
        assert outcome.statuses["model:cut-tiny"] == "executed"
        assert not project.file("engines/cut-tiny/onnxruntime").exists()

    def test_a_packaged_file_with_another_content(
        self, cut: Callable[[bytes], Project], model: bytes, tmp_path: Path
    ) -> None:
        project = cut(model)
        (tmp_path / "site/cutmodel/cut.onnx").write_bytes(model[:-1] + b"!")
        outcome = project.run("model", code=1)
        assert_failed(project, outcome, "model:cut-tiny")
        assert "this file has another content than expected" in outcome.err
        assert "reinstall the package that brings `cutmodel`" in outcome.err
        assert not project.file("models/cut-tiny").exists()

    def test_a_packaged_file_that_is_missing(
        self, cut: Callable[[bytes], Project], model: bytes, tmp_path: Path
    ) -> None:
        project = cut(model)
        (tmp_path / "site/cutmodel/cut.onnx").unlink()
        outcome = project.run("model", code=1)
        assert "package `cutmodel` does not hold cut.onnx" in outcome.err

    def test_a_damaged_engine_is_built_anew_before_a_run(self, project: Project) -> None:
        project.engine.write_bytes(b"damaged")
        outcome = project.run("performance")
        assert outcome.executed == [ENGINE]


FULL = """
set -e
mount -t tmpfs -o size=1m tmpfs "$1"
cd "$1"
cp "$2" benchwright.yaml
shift 2
set +e
"$@" 1>&2
echo "first $?"
find build -name '.*partial*' -o -name '.*replaced*' -o -name '.*.lock' | sed 's/^/left /'
test -e build/default/datasets/resnet50-tiny/raw && echo "half dataset"
test -e build/default/system/manifest.json && echo "kept system"
mount -o remount,size=64m "$PWD"
"$@" 1>&2
echo "second $?"
"""


def test_a_full_disk(fresh: Project) -> None:
    """A file system of one megabyte, in a mount namespace of its own; the budget says that there
    is more, or the estimate alone would refuse it."""
    disk = fresh.folder / "disk"
    disk.mkdir()
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = [*namespace, "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    able = shutil.which("unshare")
    if not able or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no mount namespace")
    outcome = fresh.call(
        [*namespace, "sh", "-c", FULL, "sh", str(disk), str(fresh.folder / "benchwright.yaml"),
         *script("benchwright"), "run", "--budget=disk=1GB", "system", "preprocess", "engine"]
    )  # fmt: skip
    assert outcome.out.splitlines() == ["first 1", "kept system", "second 0"], outcome.err
    first, second = outcome.err.split("[1/", 2)[1:]
    assert "No space left on device" in first
    assert "  fix: " in first
    assert "] system" in first
    assert "] system" not in second


def test_a_limit_of_file_sizes(project: Project) -> None:
    """The same in a way that any machine allows: no file may grow beyond 64 kB."""
    engine = project.engine.read_bytes()
    assert len(engine) > 65_536
    project.engine.unlink()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))

    outcome = project.run("preprocess", "engine", code=1, preexec_fn=limit)
    assert_failed(project, outcome, ENGINE)
    assert not project.engine.exists()
    assert project.run("preprocess", "engine").executed == [ENGINE]
    assert project.engine.read_bytes() == engine


CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


def as_a_plain_user() -> None:
    """In the child: root may write everywhere unless it gives up the capability to."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


class TestPermissions:
    def test_a_folder_that_may_not_be_written(self, fresh: Project) -> None:
        fresh.folder.chmod(0o555)
        try:
            outcome = fresh.run(code=None, preexec_fn=as_a_plain_user)
        finally:
            fresh.folder.chmod(0o755)
        assert outcome.code == 1
        assert outcome.err.startswith("error: build/.benchwright-state.db: the build records ")
        assert "ermission" in outcome.err
        assert [path.name for path in fresh.folder.iterdir()] == ["benchwright.yaml"]

    def test_a_part_of_the_build_that_may_not_be_written(self, project: Project) -> None:
        project.change("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}")
        place = project.engine.parent.parent
        place.chmod(0o555)
        before = project.engine.read_bytes()
        try:
            outcome = project.run("model", "engine", code=1, preexec_fn=as_a_plain_user)
        finally:
            place.chmod(0o755)
        assert_failed(project, outcome, ENGINE)
        assert "no permission" in outcome.err
        assert (
            "fix: give yourself write permission there, or build in another folder" in outcome.err
        )
        assert project.engine.read_bytes() == before
        assert project.run("engine").executed == [ENGINE]

    def test_reading_needs_no_permission_to_write_artifacts(self, project: Project) -> None:
        places = [project.file(), *(path for path in project.file().rglob("*") if path.is_dir())]
        for place in places:
            place.chmod(0o555)
        try:
            outcome = project.run(preexec_fn=as_a_plain_user)
        finally:
            for place in places:
                place.chmod(0o755)
        assert outcome.executed == []

    def test_an_input_that_may_not_be_read(self, project: Project) -> None:
        image = sorted(own_data(project).rglob("*.png"))[3]
        image.chmod(0)
        outcome = project.run("dataset", code=1, preexec_fn=without_reading)
        image.chmod(0o644)
        assert "Permission denied" in outcome.err
        assert str(image.relative_to(project.folder)) in outcome.err


def without_reading() -> None:
    """As `as_a_plain_user`, for reading as well."""
    as_a_plain_user()
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE + 1, 0, 0, 0)


def test_records_that_are_damaged(project: Project) -> None:
    records = project.folder / "build/.benchwright-state.db"
    for path in records.parent.glob(f"{records.name}*"):
        path.write_bytes(b"this is no database" * 100)
    outcome = project.run()
    assert "the build records are damaged and begin anew" in outcome.err
    assert outcome.executed == [], "finished work is recognised by its manifests"
    assert records.with_name(f"{records.name}.damaged").is_file()
    assert "damaged" not in project.run().err


def test_a_build_folder_that_is_a_file(fresh: Project) -> None:
    fresh.write("build", "mine")
    outcome = fresh.benchwright("run", code=1)
    assert outcome.err.startswith("error: ")
    assert (fresh.folder / "build").read_text(encoding="utf-8") == "mine"


def test_file_names_that_are_no_text(project: Project) -> None:
    folder = own_data(project)
    strange = os.fsencode(folder) + b"/\xff\xe9.png"
    shutil.copyfile(sorted(folder.rglob("*.png"))[0], strange)
    assert project.run("dataset").executed == [DATASET]
    assert project.run("dataset").executed == []
    os.unlink(strange)
    told = project.explain(DATASET)["reasons"]
    assert len(told) == 1
    assert "is missing" in told[0]


def test_a_pipe_in_a_data_set_is_not_read(project: Project) -> None:
    os.mkfifo(own_data(project) / "pipe")
    assert project.run("dataset").executed == [DATASET]
    assert SUBJECT in project.benchwright("list").out
