"""The official presets end to end: from a server to a score, on miniature files in the official
formats, by the code that serves every preset."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchwright.build.artifact import MANIFEST, read_manifest
from functional.official import resnet50
from functional.official.miniature import Miniature, Served, served, tar
from functional.project import QUICK as QUICK_CAMPAIGN
from functional.project import Project

QUICK = "resnet50"
FAMILIES = [
    QUICK,
    *(pytest.param(name, marks=pytest.mark.long) for name in
      ("retinanet", "bert", "rnnt", "unet", "dlrm", "gptj")),
]  # fmt: skip

RECORDS = (MANIFEST, "recipe.json")
"""What an artifact's folder holds besides the artifact."""

Serve = Callable[[Miniature], Served]


@pytest.fixture(scope="module", params=FAMILIES)
def measured(
    request: pytest.FixtureRequest, ground: Path, temporary: dict[str, str]
) -> Iterator[Served]:
    """A family's miniature, fetched, built and measured."""
    folder = ground / f"official-{request.param}"
    module = import_module(f"functional.official.{request.param}")
    with served(module.make(folder / "files"), folder, temporary) as found:
        found.place()
        found.outcome = found.project.run(code=None)
        yield found
        found.project.close()


@pytest.fixture
def serve(place: Path, temporary: dict[str, str]) -> Iterator[Serve]:
    """Puts a miniature on a server, with a project in which nothing is built."""
    managers = []

    def start(made: Miniature) -> Served:
        manager = served(made, place, temporary)
        managers.append(manager)
        return manager.__enter__()

    yield start
    for manager in managers:
        manager.__exit__(None, None, None)


@pytest.fixture
def mini(serve: Serve, place: Path) -> Served:
    """The quick family's; the licensed file is not there yet."""
    return serve(resnet50.make(place))


def files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of every file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.stat()
        found[str(path.relative_to(folder))] = (state.st_ino, state.st_size, state.st_mtime_ns)
    return found


def test_it_runs_from_download_to_score(measured: Served) -> None:
    made = measured.made
    assert measured.outcome is not None
    assert set(measured.outcome.statuses.values()) == {"executed"}, measured.outcome.err
    for name in {**made.dataset, **made.model}:
        assert len(measured.file(name).asked) == (name not in made.manual), name
    runs = {run.result.mode: run.result for run in measured.project.measured()}
    performance, accuracy = runs["performance"], runs["accuracy"]
    # So few samples a second are asked for that the run may end early; nothing else is wrong.
    assert all("minimum duration" in reason for reason in performance.reasons)
    assert performance.value > 0
    assert accuracy.valid
    assert accuracy.preset == "official"
    found = {item["metric"]: item["value"] for item in accuracy.accuracies}
    assert found == pytest.approx(dict(made.accuracy), abs=1e-3)
    assert accuracy.accuracy >= accuracy.accuracy_target > 0
    # A round's own minimum, not one that a preset brought.
    assert made.info.presets["official"].reference is None
    assert read_manifest(measured.dataset).facts["samples"] == made.samples


def test_a_folder_of_the_user_s_is_used_in_place(measured: Served, place: Path) -> None:
    made = measured.made
    mine = place / "mine"
    shutil.copytree(measured.dataset, mine, ignore=shutil.ignore_patterns(*RECORDS))
    before = files(mine)
    asked = {name: len(measured.file(name).asked) for name in made.dataset}
    name = made.info.presets["official"].dataset_name
    other = measured.another(f"{measured.project.folder.name}-mine")
    other.campaign(f"datasets: {{{name}: {mine}}}\n")
    other.project.run(f"preprocess:{measured.task}")
    assert files(mine) == before
    assert {path.name for path in other.dataset.iterdir()} == {*RECORDS}
    assert {name: len(measured.file(name).asked) for name in made.dataset} == asked
    samples = [measured.samples, other.samples]
    names = [path.name for path in samples[0].iterdir() if path.name not in RECORDS]
    assert filecmp.cmpfiles(*samples, names, shallow=False) == (names, [], [])
    other.project.close()


def test_a_folder_of_another_kind_is_refused(measured: Served, place: Path) -> None:
    wrong = place / "holiday"
    wrong.mkdir()
    (wrong / "notes.txt").write_text("sunny\n")
    name = measured.made.info.presets["official"].dataset_name
    other = measured.another(f"{measured.project.folder.name}-wrong")
    other.campaign(f"datasets: {{{name}: {wrong}}}\n")
    outcome = other.project.benchwright("run", f"dataset:{measured.task}", code=1)
    assert str(wrong) in outcome.err
    assert f"dataset:{measured.task}" in outcome.err
    assert "fix:" in outcome.err
    assert [path.name for path in wrong.iterdir()] == ["notes.txt"]
    other.project.close()


def test_a_folder_that_is_not_there_is_refused_before_anything_starts(
    fresh: Project, place: Path
) -> None:
    (place / "digits").mkdir()
    (place / "file").touch()
    for name, told in (
        ("digit", f"there is no digit in {place}; did you mean `digits`?"),
        ("file", f"{place}/file is a file"),
    ):
        fresh.campaign(f"{QUICK_CAMPAIGN}datasets: {{digits: {place / name}}}\n")
        for command in (["run"], ["run", "-n", "2"], ["run", "--keep-going"]):
            outcome = fresh.benchwright(*command, code=2)
            assert f"datasets.digits: there is no data set folder {place / name}" in outcome.err
            assert f"why: {told}" in outcome.err
        assert told in fresh.benchwright("plan").out
        assert not fresh.file().exists()
    # Who needs no data set is not stopped, and the others go on.
    fresh.run("model")
    fresh.change("[resnet50]", "[resnet50, bert-99]")
    fresh.run("dataset", code=2)
    outcome = fresh.run("dataset", "--keep-going", code=1)
    assert outcome.executed == ["dataset:bert-tiny"]


def test_a_licensed_file_is_asked_for_and_then_found(mini: Served) -> None:
    path = "build/downloads/ILSVRC2012_img_val.tar"
    spoken = mini.project.benchwright("plan").out
    assert f"to be placed by hand: {path}: ImageNet's licence asks for an account" in spoken
    outcome = mini.project.run(code=1)
    assert "ILSVRC2012_img_val.tar must be placed by hand" in outcome.err
    assert "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php" in outcome.err
    assert f"put it at {path}" in outcome.err
    assert "or name a folder that holds this data set: `datasets: {imagenet2012: …}`" in outcome.err
    assert outcome.statuses["dataset:resnet50-official"] == "failed"
    assert not any(name.startswith(("performance", "accuracy")) for name in outcome.executed)

    mini.downloads.mkdir(parents=True, exist_ok=True)
    (mini.project.folder / path).write_bytes(b"another file of this name")
    outcome = mini.project.run("dataset", code=1)
    assert "another content than expected" in outcome.err
    assert path in outcome.err

    mini.place()
    assert "by hand" not in mini.project.benchwright("plan").out
    outcome = mini.project.run("accuracy")
    assert outcome.statuses["dataset:resnet50-official"] == "executed"
    assert outcome.statuses["loadgen"] == "up-to-date"


def test_a_wrong_checksum_is_told_and_finished_work_is_kept(mini: Served) -> None:
    mini.place()
    labels = mini.file("caffe_ilsvrc12.tar.gz")
    right = labels.content
    labels.content = tar({"val.txt": b"1.JPEG 3\n"}, "w:gz").ljust(len(right), b"\0")
    outcome = mini.project.run("--keep-going", code=1)
    assert "caffe_ilsvrc12.tar.gz" in outcome.err
    assert "md5:" in outcome.err
    assert "fix:" in outcome.err
    assert outcome.statuses["dataset:resnet50-official"] == "failed"
    done = [*outcome.executed]
    assert "model:resnet50-official" in done
    assert "engine:resnet50-official/onnxruntime" in done
    assert not mini.dataset.exists() or not (mini.dataset / MANIFEST).exists()

    labels.content = right
    outcome = mini.project.run("accuracy")
    assert not {*done} & {*outcome.executed}
    assert len(mini.file("resnet50_v1.onnx").asked) == 1


def test_a_damaged_archive_is_told(serve: Serve, place: Path) -> None:
    made = resnet50.make(place)
    whole = made.dataset["caffe_ilsvrc12.tar.gz"]
    made.dataset["caffe_ilsvrc12.tar.gz"] = whole[:-30]
    found = serve(made)
    found.place()
    outcome = found.project.run("dataset", code=1)
    assert "caffe_ilsvrc12.tar.gz" in outcome.err
    assert "why:" in outcome.err


def test_a_truncated_sample_is_told(serve: Serve, place: Path) -> None:
    made = resnet50.make(place)
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, 6)]
    pictures = [*map(resnet50.picture, resnet50.COLOURS, resnet50.SIZES)]
    pictures[2] = pictures[2][:-400]
    made.dataset["ILSVRC2012_img_val.tar"] = tar(dict(zip(names, pictures, strict=True)))
    found = serve(made)
    found.place()
    outcome = found.project.run(code=1)
    assert names[2] in outcome.err
    assert "replace the file by an undamaged copy" in outcome.err
    assert outcome.statuses["dataset:resnet50-official"] == "executed"
    assert outcome.statuses["preprocess:resnet50-official"] == "failed"


def test_a_download_goes_on_where_the_connection_was_cut(mini: Served) -> None:
    model = mini.file("resnet50_v1.onnx")
    model.cuts = [1000]
    mini.project.run("model")
    assert model.ranges_asked == [None, "bytes=1000-"]
    name = "resnet50_v1.onnx"
    assert (mini.downloads / name).read_bytes() == mini.made.model[name]


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"name": "image"}, "this model has no input `input_tensor:0`"),
        ({"side": 200}, "the input `input_tensor:0` of this model is float32 [N, 3, 200, 200]"),
        ({"dtype": "float64"}, "the input `input_tensor:0` of this model is float64"),
    ],
)
def test_a_model_whose_inputs_do_not_match_is_told(
    serve: Serve, place: Path, tensors: dict[str, Any], told: str
) -> None:
    made = resnet50.make(place)
    made.model["resnet50_v1.onnx"] = resnet50.network(**tensors)
    found = serve(made)
    outcome = found.project.run("engine", code=1)
    assert told in outcome.err
    assert "build/default/models/resnet50-official/resnet50.onnx" in outcome.err
    assert outcome.statuses["model:resnet50-official"] == "executed"


# What is needed is said, and refused, before anything starts


def test_what_is_not_there_is_refused_before_anything_is_fetched(mini: Served) -> None:
    mini.specify(disk_bytes=7_000_000_000, memory_bytes=3_000_000_000)
    spoken = mini.project.benchwright("plan").out
    assert "disk up to 7.0 GB" in spoken
    assert "memory up to 3.0 GB" in spoken
    for budget in ("disk=6GB", "memory=2GB"):
        assert "cannot run here" in mini.project.benchwright("plan", f"--budget={budget}").out
        outcome = mini.project.benchwright("run", f"--budget={budget}", code=2)
        assert outcome.err.startswith("error: ")
        assert "by --budget" in outcome.err
    # One stage alone: its model may need as much memory as a run.
    outcome = mini.project.benchwright("run", "model", "--budget=memory=2GB", code=2)
    assert "3.0 GB memory" in outcome.err
    assert not any(mini.file(name).asked for name in (*mini.made.dataset, *mini.made.model))
    assert not mini.downloads.exists()
    assert not mini.project.file().exists()


OFFICIAL = {
    # Benchmark: GB of disk and of memory; files to place by hand; GB to download, files of which
    # the size is not known.
    "resnet50": (43, 4, 1, 0, 2),
    "retinanet": (198, 6, 0, 8.2, 2),
    "bert-99": (4, 3, 0, 0, 3),
    "rnnt": (2, 4, 0, 0, 2),
    "3d-unet-99": (16, 16, 0, 0.012, 43),
    "dlrm-v2-99": (550, 150, 3, 0, 2),
    "gptj-99": (96, 32, 0, 0, 4),
}


@pytest.mark.parametrize("benchmark", OFFICIAL)
def test_what_the_official_presets_need(fresh: Project, benchmark: str) -> None:
    disk, memory, manual, fetched, unknown = OFFICIAL[benchmark]
    fresh.change("preset: tiny", "preset: official")
    fresh.change("benchmarks: [resnet50]", f"benchmarks: [{benchmark}]")
    fresh.change("scenarios: [SingleStream]", "scenarios: [Offline]")
    fresh.change("settings: {SingleStream: {expected_latency_ms: 0.02}}\n", "")
    plan = fresh.benchwright("plan", "--json").json
    assert plan["disk_bytes"] >= 0.9e9 * disk
    assert plan["memory_bytes"] >= 0.9e9 * memory
    assert plan["download_bytes"] == pytest.approx(1e9 * fetched, rel=0.2)
    assert plan["unknown_downloads"] == unknown
    assert len(plan["by_hand"]) == manual
    spoken = fresh.benchwright("plan").out
    least = "; the size of {} files is not known" if fetched else "; downloads {} files of unknown"
    assert least.format(unknown) in spoken
    assert all(name in spoken for name in plan["by_hand"])
    assert "nothing to download" not in spoken
    refused = fresh.benchwright("run", "--budget=disk=1GB,memory=9TB", code=2)
    assert "GB disk" in refused.err
    assert not fresh.file().exists()


@pytest.mark.parametrize(
    ("benchmark", "dataset", "disk"),
    [
        ("resnet50", "imagenet2012", 20),
        ("dlrm-v2-99", "criteo", 395),
        ("gptj-99", "cnn-dailymail", 96),
    ],
)
def test_a_folder_of_one_s_own_spares_the_data_set_alone(
    fresh: Project, benchmark: str, dataset: str, disk: int
) -> None:
    fresh.campaign(
        f"preset: official\nscenarios: [Offline]\nbenchmarks: [{benchmark}]\n"
        f"backends: [onnxruntime]\ndatasets: {{{dataset}: here}}\n"
    )
    plan = fresh.benchwright("plan", "--json").json
    assert 0.9e9 * disk < plan["disk_bytes"] < 1.2e9 * disk
    assert plan["by_hand"] == {}


def test_a_package_that_is_missing_is_refused_before_the_downloads(mini: Served) -> None:
    mini.specify(requires=["opencv-python-headless:cv2", "no-such-package", "no-such:sys"])
    told = "not installed: no-such-package, which resnet50-official needs"
    fix = "pip install 'benchwright[vision]'"
    spoken = mini.project.benchwright("plan").out
    assert f"{told}: {fix}" in spoken
    for more in ((), ("-n", "2"), ("--keep-going",), ("model",)):
        outcome = mini.project.benchwright("run", *more, code=2)
        assert outcome.err.startswith(f"error: {told}\n  fix: {fix}\n")
    assert not any(mini.file(name).asked for name in (*mini.made.dataset, *mini.made.model))
    assert not mini.downloads.exists()
    assert not mini.project.file().exists()


def test_a_missing_package_of_one_benchmark_does_not_keep_the_others(mini: Served) -> None:
    mini.specify(requires=["no-such-package"])
    mini.project.change(
        "benchmarks: [resnet50]", "benchmarks: {resnet50: , bert-99: {preset: tiny}}"
    )
    outcome = mini.project.benchwright("run", "dataset", code=2)
    assert "or make the rest alone: --keep-going" in outcome.err
    outcome = mini.project.run("dataset", "--keep-going", code=1)
    assert outcome.statuses == {
        "dataset:resnet50-official": "failed",
        "dataset:bert-tiny": "executed",
    }
    assert "not installed: no-such-package, which resnet50-official needs" in outcome.err
    assert "pip install 'benchwright[vision]'" in outcome.err
    assert not mini.downloads.exists()
    # What is there already needs nothing any more.
    assert mini.project.run("dataset:bert-tiny").executed == []
