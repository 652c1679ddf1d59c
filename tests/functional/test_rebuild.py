"""What is made again after which change: exactly what depends on it, and no measured run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from functional.project import LAST, PRODUCTS, QUICK, ROOT, RUNS, SUBJECT, Project, made

DATASET, PREPROCESS, MODEL, ENGINE = PRODUCTS[2:]


@pytest.fixture(scope="module")
def imported(built: Project, ground: Path) -> Project:
    """The same campaign on a machine that never built: all products come out of a bundle."""
    bundle = ground / "prepared.tar"
    built.benchwright("store", "export", str(bundle))
    other = Project(ground / "imported", {**built.env, "BENCHWRIGHT_STORE": str(ground / "store")})
    other.campaign(QUICK)
    other.benchwright("store", "import", str(bundle))
    statuses = other.run().statuses
    assert [task for task in PRODUCTS[2:] if statuses[task] != "restored"] == []
    return other


LONG = [pytest.mark.long]


@pytest.fixture(
    params=[
        "one by one",
        pytest.param("-n 4", marks=LONG),
        pytest.param("two processes", marks=LONG),
        pytest.param("imported", marks=LONG),
    ]
)
def project(request: pytest.FixtureRequest, built: Project, place: Path) -> Iterator[Project]:
    """A copy of the built project, in which every build is made in one of four ways."""
    how = request.param
    source = request.getfixturevalue("imported") if how == "imported" else built
    folder = place / "project"
    shutil.copytree(source.folder, folder, symlinks=True)
    project = Project(folder, dict(source.env))
    project.jobs = ("-n", "4") if how == "-n 4" else ()
    project.paired = how == "two processes"
    yield project
    project.close()


def assert_settled(project: Project) -> None:
    """Nothing is due any more."""
    outcome = project.run()
    assert made(outcome) == []
    assert f"nothing to do: {len(outcome.json)} tasks are up to date" in outcome.err
    assert not project.hidden()


def test_a_copy_is_as_up_to_date_as_the_original(project: Project) -> None:
    assert_settled(project)


def test_touch_without_change(project: Project) -> None:
    for path in (project.folder / "build").rglob("*"):
        if path.is_file():
            os.utime(path)
    os.utime(project.folder / "benchwright.yaml")
    assert_settled(project)


def test_a_clock_that_goes_back(project: Project) -> None:
    """All that was built seems to come from the future, then what is made now from the past."""
    for path in (project.folder / "build").rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert_settled(project)
    project.change("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}")
    assert made(project.run()) == [ENGINE, *LAST]
    assert_settled(project)
    for path in (project.folder / "build").rglob("*"):
        os.utime(path, (1e6, 1e6))
    project.change("{onnxruntime: {graph_optimization: disabled}}", "[onnxruntime]")
    assert made(project.run()) == [ENGINE, *LAST]
    assert_settled(project)


def test_damage_that_keeps_size_and_time(project: Project) -> None:
    times = project.engine.stat()
    whole = project.engine.read_bytes()
    project.engine.write_bytes(whole[:100] + b"!" + whole[101:])
    os.utime(project.engine, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert made(project.run()) == [ENGINE]
    assert project.engine.read_bytes() == whole


def test_an_option_of_the_engine(project: Project) -> None:
    result = project.file("runs", SUBJECT, "SingleStream", "performance", "result.json")
    measured = result.read_bytes()
    project.change("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}")
    told = project.explain("engine")
    assert told["status"] == "due"
    assert told["reasons"] == ['option options.graph_optimization changed from "all" to "disabled"']
    outcome = project.run()
    # Tree and report tell of the campaign's text and of runs that are stale.
    assert made(outcome) == [ENGINE, *LAST]
    assert {outcome.statuses[run] for run in RUNS} == {"up-to-date"}
    for run in RUNS:
        assert f"stale: {run} is kept although " in outcome.err
        assert f"`benchwright run --rerun {run}` replaces it" in outcome.err
    assert result.read_bytes() == measured
    assert_settled(project)
    stale = project.explain(RUNS[0])
    assert stale["status"] == "up-to-date"
    assert any(text.startswith("input engine changed from ") for text in stale["stale"])
    assert 'option options.graph_optimization changed from "all" to "disabled"' in stale["stale"]
    assert "(stale)" in project.benchwright("list").out


def test_an_option_that_only_concerns_runs(project: Project) -> None:
    project.change("[onnxruntime]", "{onnxruntime: {spinning: true}}")
    outcome = project.run()
    assert made(outcome) == LAST
    assert outcome.err.count("stale: ") == 2
    assert project.explain(RUNS[0])["stale"] == [
        "option options.spinning changed from false to true"
    ]


def test_an_option_taken_back_brings_the_engine_back(project: Project) -> None:
    original = project.engine.read_bytes()
    project.change("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}")
    assert made(project.run("engine")) == [ENGINE]
    assert project.engine.read_bytes() != original
    project.change("{onnxruntime: {graph_optimization: disabled}}", "[onnxruntime]")
    assert made(project.run("engine")) == [ENGINE]
    assert project.engine.read_bytes() == original
    assert "stale" not in project.run().err


def test_a_comment_in_the_campaign_concerns_only_what_quotes_it(project: Project) -> None:
    project.change("round: v3.1", "round: v3.1  # the round")
    assert made(project.run()) == LAST


def test_a_damaged_data_file(project: Project) -> None:
    image = sorted(project.file("datasets/resnet50-tiny/raw").rglob("*.png"))[5]
    content = image.read_bytes()
    image.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    told = project.explain(DATASET)
    place = image.relative_to(project.folder)
    assert told["reasons"] == [f"{place} has changed content"]
    assert project.explain("preprocess")["reasons"] == [f"{DATASET} is due"]
    outcome = project.run()
    # The same bytes came back, so that nothing else had to follow.
    assert made(outcome) == [DATASET]
    assert image.read_bytes() == content
    assert_settled(project)


@pytest.mark.parametrize("kind", ["damaged", "truncated", "deleted", "folder", "manifest", "facts"])
def test_a_target_that_is_no_longer_whole(project: Project, kind: str) -> None:
    engine = project.engine
    original = engine.read_bytes()
    if kind == "damaged":
        engine.write_bytes(original[:100] + b"!" + original[101:])
    elif kind == "truncated":
        os.truncate(engine, 100)
    elif kind == "deleted":
        engine.unlink()
    elif kind == "folder":
        shutil.rmtree(engine.parent)
    else:
        manifest = engine.parent / "manifest.json"
        text = manifest.read_text(encoding="utf-8")
        told = "{" if kind == "manifest" else text.replace('"all"', '"none"', 1)
        assert told != text
        manifest.write_text(told, encoding="utf-8")
    (reason,) = project.explain("engine")["reasons"]
    expected = {
        "damaged": "has changed content",
        "truncated": f"has 100 bytes instead of {len(original)}",
        "deleted": "is missing",
        "folder": "has not been built",
        "manifest": "this manifest is damaged",
        "facts": "manifest.json has changed content",
    }
    assert expected[kind] in reason
    assert made(project.run()) == [ENGINE]
    assert engine.read_bytes() == original
    assert_settled(project)


def test_a_missing_file_among_the_samples(project: Project) -> None:
    for path in project.file("datasets/resnet50-tiny/preprocessed").glob("*.npy"):
        path.unlink()
    assert made(project.run()) == [PREPROCESS]
    assert_settled(project)


def test_damage_to_tree_report_and_check(project: Project) -> None:
    project.file("report.html").unlink()
    assert made(project.run()) == ["report"]
    for path in project.file("submission").rglob("mlperf_log_detail.txt"):
        path.write_text("forged", encoding="utf-8")
    # The tree is written anew with the same bytes; the check of those stands.
    assert made(project.run()) == ["submission"]
    project.file("check", "findings.json").write_text("{}", encoding="utf-8")
    assert made(project.run()) == ["check"]
    assert_settled(project)


def test_a_damaged_record_of_a_run_is_measured_again(project: Project) -> None:
    run = project.file("runs", SUBJECT, "SingleStream", "accuracy")
    (run / "accuracy.txt").write_text("accuracy=100.000%", encoding="utf-8")
    outcome = project.run("accuracy")
    assert made(outcome) == [RUNS[1]]
    assert "accuracy=99." in (run / "accuracy.txt").read_text(encoding="utf-8")


def fake_version(folder: Path, name: str, version: str) -> str:
    """Metadata that shadows an installed distribution's."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    return str(folder)


def test_a_new_version_of_a_tool(project: Project, tmp_path: Path) -> None:
    project.path.append(fake_version(tmp_path / "site", "pillow", "99"))
    (reason,) = project.explain("preprocess")["reasons"]
    assert reason.startswith("version of pillow changed from ")
    assert reason.endswith(" to 99")
    assert made(project.run()) == [PREPROCESS]
    assert_settled(project)
    project.path.clear()
    assert made(project.run()) == [PREPROCESS]


def test_a_new_version_of_the_runtime_makes_runs_stale(project: Project, tmp_path: Path) -> None:
    project.path.append(fake_version(tmp_path / "site", "onnxruntime", "99"))
    outcome = project.run()
    assert made(outcome) == [ENGINE, "report"]
    assert outcome.err.count("version of onnxruntime changed from ") == 2


def test_a_changed_recipe_source(project: Project, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(ROOT / "plugins" / "benchwright_vision", site / "benchwright_vision")
    with (site / "benchwright_vision" / "images.py").open("a", encoding="utf-8") as source:
        source.write("# Nothing that matters, but nobody can know.\n")
    project.path.append(str(site))
    (reason,) = project.explain(PREPROCESS)["reasons"][:1]
    assert reason.startswith("the source of module benchwright_vision.images changed from ")
    # Of several at a time, the quicker ones come first.
    assert sorted(made(project.run())) == sorted([DATASET, PREPROCESS, MODEL, ENGINE])
    assert_settled(project)


def test_lost_records_are_recovered_from_manifests(project: Project) -> None:
    for path in (project.folder / "build").glob(".benchwright-state.db*"):
        path.unlink()
    runs = project.file("runs")
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}
    assert "will be verified" in project.explain("engine")["reasons"][0]
    outcome = project.run()
    assert set(outcome.statuses.values()) == {"up-to-date"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_settled(project)


def test_rerun_replaces_a_run_and_what_is_made_of_it(project: Project) -> None:
    run = project.file("runs", SUBJECT, "SingleStream", "performance")
    before = (run / "mlperf_log_detail.txt").read_bytes()
    outcome = project.run("--rerun", "performance")
    assert made(outcome) == [RUNS[0]]
    assert (run / "mlperf_log_detail.txt").read_bytes() != before
    assert made(project.run()) == LAST
    assert_settled(project)


class TestOwnDataSet:
    """A data set folder of the user's own, used in place."""

    @pytest.fixture
    def own(self, project: Project) -> Project:
        folder = project.folder / "digits"
        shutil.copytree(project.file("datasets/resnet50-tiny/raw"), folder)
        for name in ("manifest.json", "recipe.json"):
            (folder / name).unlink()
        project.campaign(
            (project.folder / "benchwright.yaml").read_text(encoding="utf-8")
            + "datasets: {digits: digits}\n"
        )
        return project

    def test_the_same_content_is_the_same_data_set(self, own: Project) -> None:
        outcome = own.run()
        assert made(outcome) == [DATASET, *LAST], "only the campaign's text has changed"
        assert "stale" not in outcome.err
        assert not own.file("datasets/resnet50-tiny/raw/val_map.txt").exists()
        assert_settled(own)

    def test_the_folder_may_move(self, own: Project) -> None:
        own.run("accuracy")
        (own.folder / "digits").rename(own.folder / "elsewhere")
        own.change("digits: digits", "digits: elsewhere")
        outcome = own.run("preprocess", "accuracy")
        assert made(outcome) == [DATASET]
        assert "stale" not in outcome.err

    def test_one_changed_file(self, own: Project) -> None:
        own.run()
        images = sorted((own.folder / "digits").rglob("*.png"))
        images[0].write_bytes(images[1].read_bytes())
        place = images[0].relative_to(own.folder)
        (reason,) = own.explain(DATASET)["reasons"]
        assert str(place) in reason
        outcome = own.run()
        # The report names the samples' hashes.
        assert made(outcome) == [DATASET, PREPROCESS, "report"]
        assert outcome.err.count("stale: ") == 2
        assert any("input samples" in text for text in own.explain(RUNS[0])["stale"])
        assert_settled(own)

    def test_a_folder_that_is_not_there(self, own: Project) -> None:
        shutil.rmtree(own.folder / "digits")
        outcome = own.run(code=2)
        assert "datasets.digits: there is no data set folder digits" in outcome.err
        assert own.file("datasets/resnet50-tiny/raw/val_map.txt").exists(), "what was there is kept"
