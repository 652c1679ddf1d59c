"""Task dicts: plain data that any doit takes; products rebuilt when they would differ, measured
runs kept."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from doit.task import dict_to_task

from benchwright.build import artifact
from benchwright.build.engine import as_doit_tasks, run_tasks, with_state
from benchwright.build.recipe import Recipe, cook
from benchwright.build.status import TaskStatus, ordered, statuses
from benchwright.build.task import (
    META,
    differences,
    measure,
    measurement,
    product,
    remove,
    stale_reasons,
)

WORK = "core.build.work_for_tests:write"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("source.txt").write_text("source", encoding="utf-8")
    return tmp_path


def model(**changes: Any) -> Recipe:
    made = Recipe(
        "model:m",
        WORK,
        "build/model",
        parameters={"text": "weights", "count": "model-count"},
        inputs={"source": "source.txt"},
        log="build/model.log",
    )
    return made._replace(**changes)


def engine(**changes: Any) -> Recipe:
    made = Recipe(
        "engine:e",
        WORK,
        "build/engine",
        parameters={"text": "fast", "count": "engine-count"},
        inputs={"model": "build/model/text.txt"},
        log="build/engine.log",
    )
    return made._replace(**changes)


def run(**changes: Any) -> Recipe:
    made = Recipe(
        "performance:p",
        WORK,
        "build/run",
        parameters={"text": "result", "count": "run-count"},
        inputs={"engine": "build/engine/text.txt"},
        keyed_by_source=False,
        log="build/run.log",
    )
    return made._replace(**changes)


def tasks(
    m: Recipe | None = None, e: Recipe | None = None, r: Recipe | None = None, rerun: bool = False
) -> list[dict[str, Any]]:
    return [
        product(m or model(), doc="a model", files=["text.txt"]),
        product(e or engine(), doc="an engine", files=["text.txt"]),
        measurement(
            r or run(), doc="a run", files=["text.txt"], task_dep=["engine:e"], seconds=2,
            rerun=rerun,
        ),
    ]  # fmt: skip


def built(given: list[dict[str, Any]], code: int = 0) -> dict[str, str]:
    records: list[dict[str, Any]] = []
    names = [f"{task['basename']}:{task['name']}" for task in given]
    assert run_tasks(given, names, quiet=True, records=records) == code
    return {record["task"]: record["status"] for record in records}


def looked_at(given: list[dict[str, Any]]) -> dict[str, TaskStatus]:
    found: dict[str, TaskStatus] = {}
    with_state(given, lambda by_name, records: found.update(statuses(by_name.values(), records)))
    return found


def calls(name: str) -> int:
    return len(Path(f"{name}-count").read_text(encoding="utf-8"))


def test_dicts_are_what_doit_takes() -> None:
    for given in tasks():
        values = dict(given)
        name = f"{values.pop('basename')}:{values.pop('name')}"
        task = dict_to_task({"name": name, **values})
        assert set(task.meta) == {META}
        assert task.targets[0].endswith("/manifest.json")
    assert [group.name for group in as_doit_tasks(tasks()) if group.has_subtask] == [
        "model",
        "engine",
        "performance",
    ]


def test_dicts_travel_to_other_processes() -> None:
    given = tasks()
    assert pickle.loads(pickle.dumps(given)) == given


def test_a_task_without_a_subject_is_a_task_of_its_own() -> None:
    given = product(model(task="report"), doc="a report")
    assert given["basename"] == "report"
    assert "name" not in given


def test_what_comes_of_nothing_and_of_no_change() -> None:
    assert set(built(tasks()).values()) == {"executed"}
    assert set(built(tasks()).values()) == {"up-to-date"}
    assert [calls(name) for name in ("model", "engine", "run")] == [1, 1, 1]


def test_only_what_depends_on_a_change_is_made_again() -> None:
    built(tasks())
    changed = engine(parameters={"text": "faster", "count": "engine-count"})
    assert built(tasks(e=changed)) == {
        "model:m": "up-to-date",
        "engine:e": "executed",
        "performance:p": "up-to-date",
    }
    Path("source.txt").write_text("another", encoding="utf-8")
    # The model holds the source, but the file that the engine reads is the same as before.
    assert built(tasks(e=changed))["engine:e"] == "up-to-date"


def test_a_run_stays_until_it_is_asked_for_again() -> None:
    built(tasks())
    stale = run(parameters={"text": "another result", "count": "run-count"})
    assert built(tasks(r=stale))["performance:p"] == "up-to-date"
    assert stale_reasons(stale) == ['option text changed from "result" to "another result"']
    assert built(tasks(r=stale, rerun=True))["performance:p"] == "executed"
    assert stale_reasons(stale) == []
    assert calls("run") == 2


def test_a_run_that_is_there_is_kept_where_records_are_lost() -> None:
    built(tasks())
    stale = run(parameters={"text": "another result", "count": "run-count"})
    assert measure(stale, False) == {"status": "kept"}
    for path in Path("build").glob(".benchwright-state.db*"):
        path.unlink()
    assert set(built(tasks(r=stale)).values()) == {"up-to-date"}
    assert [calls(name) for name in ("model", "engine", "run")] == [1, 1, 1]


def test_a_damaged_run_is_made_again() -> None:
    built(tasks())
    Path("build/run/text.txt").write_text("forged", encoding="utf-8")
    assert built(tasks())["performance:p"] == "executed"


def test_differences_have_old_and_new_values() -> None:
    cook(model())
    was = artifact.read_recipe(Path("build/model"))
    assert differences(model(), was) == []
    changed = model(
        parameters={"text": "w", "more": 1}, tools={"pen": "2"}, inputs={"source": "nowhere.txt"}
    )
    assert differences(changed, was) == [
        'option count changed from "model-count" to absent',
        "option more changed from absent to 1",
        'option text changed from "weights" to "w"',
        "version of pen changed from absent to 2",
        "the input nowhere.txt is missing",
    ]
    Path("source.txt").write_text("another", encoding="utf-8")
    (change,) = differences(model(), was)
    old = was["inputs"]["source"][:12]
    new = artifact.sha256_of(Path("source.txt"))[:12]
    assert change == f"input source changed from {old} to {new} (source.txt)"
    assert differences(model(), {}) != []


def test_status_of_every_task() -> None:
    found = looked_at(tasks())
    assert {name: item.word for name, item in found.items() if ":" in name} == {
        "model:m": "due",
        "engine:e": "due",
        "performance:p": "due",
    }
    assert found["model:m"].reasons == ("build/model has not been built",)
    assert found["engine:e"].reasons == ("build/engine has not been built", "model:m is due")
    built(tasks())
    assert {item.word for item in looked_at(tasks()).values()} == {"up-to-date"}
    stale = run(parameters={"text": "x", "count": "run-count"})
    found = looked_at(tasks(r=stale))
    assert found["performance:p"].word == "up-to-date"
    assert found["performance:p"].stale == ('option text changed from "result" to "x"',)
    found = looked_at(tasks(rerun=True))
    assert found["performance:p"].reasons == ("asked for again",)
    Path("build/model/text.txt").unlink()
    found = looked_at(tasks())
    assert found["model:m"].reasons == ("build/model/text.txt is missing",)
    assert "model:m is due" in found["engine:e"].reasons


def test_tasks_stand_after_what_they_need() -> None:
    given = as_doit_tasks(list(reversed(tasks())))
    names = [task.name for task in ordered(given) if ":" in task.name]
    assert names.index("model:m") < names.index("engine:e") < names.index("performance:p")


def test_a_failure_is_recorded_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    bad = engine(call="core.build.work_for_tests:fail", parameters={"how": "explained"}, inputs={})
    assert built(tasks(e=bad), code=1) == {"model:m": "executed", "engine:e": "failed"}
    told = capsys.readouterr().err
    assert "error: engine:e failed\n  x:1: the file is bad\n" in told
    assert "log: build/engine.log" in told
    assert json.loads(Path("build/model/manifest.json").read_text("utf-8"))["facts"]


def test_remove(place: Path) -> None:
    cook(model())
    remove("build/model")
    remove("build/model")
    assert not Path("build/model").exists()
