"""The store through the real command line: a second checkout, another machine, and bad stores."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from functional.project import LAST, PRODUCTS, RUNS, Project

DATASET, PREPROCESS, MODEL, ENGINE = PRODUCTS[2:]
STORED = ["loadgen", DATASET, PREPROCESS, MODEL, ENGINE]


@pytest.fixture
def shared(fresh: Project) -> Project:
    """A project in which nothing is built, with a store of its own."""
    fresh.env["BENCHWRIGHT_STORE"] = str(fresh.folder.with_name("store"))
    return fresh


def restored(statuses: dict[str, str]) -> list[str]:
    return [task for task, status in statuses.items() if status == "restored"]


def content(project: Project) -> dict[str, bytes]:
    """What was built, by path: artifacts with their manifests and recipes."""
    places = [project.file(name) for name in ("datasets", "models", "engines")]
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for place in places
        for path in place.rglob("*")
        if path.is_file()
    }


def info(project: Project) -> dict[str, object]:
    found = project.benchwright("store", "info", "--json").json
    assert isinstance(found, dict)
    return found


def test_a_second_checkout_restores_and_measures_itself(shared: Project) -> None:
    first = shared.run()
    assert restored(first.statuses) == []
    assert info(shared)["stages"] == dict.fromkeys(
        ("dataset", "engine", "loadgen", "model", "preprocess"), 1
    )
    second = shared.beside("second")
    outcome = second.run()
    assert restored(outcome.statuses) == STORED
    assert outcome.executed == ["system", *RUNS, *LAST]
    assert content(second) == content(shared)
    again = second.run()
    assert set(again.statuses.values()) == {"up-to-date"}
    assert not second.hidden()


def test_plain_doit_restores_too(shared: Project) -> None:
    shared.run("engine", "preprocess")
    second = shared.beside("second")
    second.write("dodo.py", (Path(__file__).parents[2] / "dodo.py").read_text(encoding="utf-8"))
    second.doit("engine", "preprocess")
    assert content(second) == content(shared)
    assert "from the store" in second.file("logs", "engine", "resnet50-tiny").joinpath(
        "onnxruntime.log"
    ).read_text(encoding="utf-8")


def test_an_option_taken_back_needs_no_work(shared: Project) -> None:
    shared.run("engine")
    shared.change("[onnxruntime]", "{onnxruntime: {graph_optimization: disabled}}")
    assert shared.run("engine").statuses[ENGINE] == "executed"
    shared.change("{onnxruntime: {graph_optimization: disabled}}", "[onnxruntime]")
    assert shared.run("engine").statuses[ENGINE] == "restored"


def test_a_damaged_artifact_is_mended_from_the_store(shared: Project) -> None:
    shared.run("engine")
    whole = shared.engine.read_bytes()
    shared.engine.write_bytes(whole[:-1])
    assert shared.run("engine").statuses[ENGINE] == "restored"
    assert shared.engine.read_bytes() == whole


def test_the_campaign_can_do_without(shared: Project) -> None:
    shared.campaign((shared.folder / "benchwright.yaml").read_text() + "store: {enabled: false}\n")
    shared.run("engine", "preprocess")
    assert info(shared)["entries"] == 0
    second = shared.beside("second")
    assert restored(second.run("engine").statuses) == []


def test_links_are_made_when_asked_for(shared: Project) -> None:
    shared.run("engine")
    assert shared.engine.stat().st_nlink == 1
    second = shared.beside("second")
    text = (shared.folder / "benchwright.yaml").read_text()
    second.campaign(text + "store: {link: true}\n")
    assert second.run("engine").statuses[ENGINE] == "restored"
    assert second.engine.stat().st_nlink == 2
    assert second.engine.stat().st_mode & 0o222 == 0
    assert set(second.run("engine").statuses.values()) == {"up-to-date"}
    # Whoever writes into it all the same harms nobody else.
    second.engine.chmod(0o644)
    second.engine.write_bytes(b"broken")
    third = shared.beside("third")
    outcome = third.run("engine")
    assert outcome.statuses[ENGINE] == "executed"
    assert "missing or damaged" in outcome.err
    assert third.engine.read_bytes() == shared.engine.read_bytes()
    assert second.run("engine").statuses[ENGINE] == "restored"


def test_a_users_own_data_set_is_not_copied(shared: Project) -> None:
    shared.run("dataset")
    shutil.copytree(shared.file("datasets/resnet50-tiny/raw"), shared.folder / "digits")
    for name in ("manifest.json", "recipe.json"):
        (shared.folder / "digits" / name).unlink()
    shared.benchwright("store", "prune", "--max-size", "0")
    shared.campaign(
        (shared.folder / "benchwright.yaml").read_text() + "datasets: {digits: digits}\n"
    )
    shared.run("dataset")
    assert info(shared)["entries"] == 0


@pytest.mark.parametrize("kind", ["open", "newer", "file", "entry", "object", "format"])
def test_a_bad_store_fails_no_build(shared: Project, kind: str) -> None:
    shared.run("engine")
    store = Path(shared.env["BENCHWRIGHT_STORE"])
    told = {
        "open": "anybody may write into this store",
        "newer": "this store has format 99",
        "file": "the store is no folder",
        "entry": "is damaged and is dropped",
        "object": "is missing or damaged",
        "format": "",
    }[kind]
    if kind == "open":
        store.chmod(0o777)
    elif kind == "newer":
        (store / "store.json").write_text('{"store": 99}')
    elif kind == "file":
        shutil.rmtree(store)
        store.write_text("")
    elif kind == "format":
        (store / "store.json").write_text("no JSON")
    else:
        for path in (store / {"entry": "entries", "object": "objects"}[kind]).glob("*/*"):
            path.chmod(0o644)
            path.write_bytes(b"?" + path.read_bytes())
    second = shared.beside("second")
    outcome = second.run("engine")
    assert told in outcome.err
    expected = "restored" if kind == "format" else "executed"
    assert outcome.statuses[ENGINE] == expected
    assert content(second) == {
        name: data for name, data in content(shared).items() if name in content(second)
    }
    if kind in ("open", "newer", "file"):
        # Said once, not for every task.
        assert outcome.err.count(told) == 1
        assert "Traceback" not in shared.benchwright("store", "info", code=1).err
        assert told in shared.benchwright("doctor").out
    else:
        third = shared.beside("third")
        assert third.run("engine").statuses[ENGINE] == "restored", "put in anew"


def test_export_and_import_for_a_machine_without_network(shared: Project) -> None:
    missing = shared.benchwright("store", "export", "bundle.tar", code=1)
    assert "benchwright run loadgen dataset:resnet50-tiny" in missing.err
    shared.run("loadgen", "engine", "preprocess")
    wrote = shared.benchwright("store", "export", "bundle.tar.gz", "--json").json
    assert sorted(wrote["tasks"]) == sorted(STORED)
    other = shared.beside("other")
    other.env["BENCHWRIGHT_STORE"] = str(shared.folder.with_name("other-store"))
    shutil.move(shared.folder / "bundle.tar.gz", other.folder)
    shutil.rmtree(shared.env["BENCHWRIGHT_STORE"])
    text = other.benchwright("store", "import", "bundle.tar.gz").out
    assert "5 artifacts, 0 of them known" in text
    outcome = other.run()
    assert restored(outcome.statuses) == STORED
    assert content(other) == content(shared)


def test_export_of_one_task_takes_what_it_is_made_from(shared: Project) -> None:
    shared.run("engine")
    wrote = shared.benchwright("store", "export", "engine.tar", "engine", "--json").json
    assert sorted(wrote["tasks"]) == sorted([MODEL, ENGINE])
    nothing = shared.benchwright("store", "export", "report.tar", "system", code=2)
    assert "none of these tasks makes anything that a store holds" in nothing.err


def test_a_damaged_bundle_is_refused(shared: Project) -> None:
    shared.run("engine")
    shared.benchwright("store", "export", "bundle.tar", "engine")
    bundle = shared.folder / "bundle.tar"
    os.truncate(bundle, bundle.stat().st_size // 2)
    outcome = shared.benchwright("store", "import", "bundle.tar", code=1)
    assert "bundle.tar: this is no whole bundle" in outcome.err
    assert "does not exist" in shared.benchwright("store", "import", "no.tar", code=2).err


def test_verify_and_prune(shared: Project) -> None:
    shared.run("engine", "preprocess")
    assert "all are whole" in shared.benchwright("store", "verify").out
    place = next(Path(shared.env["BENCHWRIGHT_STORE"], "objects").glob("*/*"))
    times = place.stat().st_mtime_ns
    place.chmod(0o644)
    place.write_bytes(b"\0" * place.stat().st_size)
    os.utime(place, ns=(times, times))
    found = shared.benchwright("store", "verify", "--json", code=1).json
    assert found["damaged"] == [str(place)]
    assert "all are whole" in shared.benchwright("store", "verify").out
    wrong = shared.benchwright("store", "prune", "--max-size", "much", code=2)
    assert "`much` is no size" in wrong.err
    done = shared.benchwright("store", "prune", "--max-size", "100kB", "--json").json
    assert done["entries"] > 0
    assert done["size"] <= 100_000
    assert int(str(info(shared)["size"])) == done["size"]


def test_the_store_switched_off(fresh: Project) -> None:
    fresh.env["BENCHWRIGHT_STORE"] = "off"
    fresh.run("engine")
    outcome = fresh.benchwright("store", "info", code=2)
    assert "switched off" in outcome.err
    assert "store: switched off" in fresh.benchwright("doctor").out


def test_misspelt_words(fresh: Project) -> None:
    assert "did you mean `prune`" in fresh.benchwright("store", "prone", code=2).err
    assert "--max-size" in fresh.benchwright("store", "prune", "--max-sise", "1", code=2).err
    fresh.campaign((fresh.folder / "benchwright.yaml").read_text() + "store: {links: true}\n")
    outcome = fresh.benchwright("list", code=2)
    assert "unknown key `links`; did you mean `link`" in outcome.err


def test_info_is_for_people_and_programs(shared: Project) -> None:
    text = shared.benchwright("store", "info").out
    assert shared.env["BENCHWRIGHT_STORE"] in text
    assert json.loads(shared.benchwright("store", "info", "--json").out)["entries"] == 0
