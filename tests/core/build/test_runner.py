"""Resources and budgets, what travels to workers, the display, what is captured, forecasts."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.build import console, resources, wire
from benchwright.build.display import Forecast, Lines
from benchwright.build.recipe import Recipe
from benchwright.build.task import META, measurement, product
from benchwright.errors import BenchwrightError, UsageError

# Resources


def recipe(task: str = "stage:one", **named: Any) -> Recipe:
    return Recipe(task=task, call="synthetic_work:work", folder="build/one", **named)


def test_a_task_states_what_it_asks_for() -> None:
    task = product(recipe(), doc="", resources={"cpu": 4, "memory": 8e9}, disk_bytes=7)
    assert task["meta"][META]["resources"] == {"cpu": 4, "memory": 8e9, "disk": 7}
    assert task["meta"][META]["exclusive"] is False
    assert product(recipe(), doc="")["meta"][META]["resources"] == {"cpu": 1}


def test_a_measured_run_is_exclusive() -> None:
    task = measurement(recipe(), doc="", files=[], task_dep=[], seconds=1)
    assert task["meta"][META]["exclusive"] is True


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"cpus": 1}, "did you mean `cpu`"), ({"cpu": -1}, "`cpu`"), ({"gpu": True}, "`gpu`")],
)
def test_wrong_resources_are_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match="stage:one") as raised:
        product(recipe(), doc="", resources=asked)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("", {}),
        ("cpu=2,memory=8GB,gpu=0", {"cpu": 2, "memory": 8e9, "gpu": 0}),
        ("cpu=1.5", {"cpu": 1.5}),
        ("memory=2GiB, disk=500M", {"memory": 2 * 1024**3, "disk": 500e6}),
        ("memory=123", {"memory": 123}),
    ],
)
def test_budgets(text: str, amounts: dict[str, float]) -> None:
    assert resources.parse_budget(text) == amounts


@pytest.mark.parametrize(
    "text", ["cpu", "cpu=", "cpu=0", "cpu=-1", "cpu=two", "ram=1", "memory=8XB", "memory=1iB"]
)
def test_wrong_budgets_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--budget"):
        resources.parse_budget(text)


@given(st.text(max_size=30))
def test_any_text_is_a_budget_or_refused(text: str) -> None:
    try:
        found = resources.parse_budget(text)
    except UsageError:
        return
    assert set(found) <= set(resources.NAMES)
    assert all(amount >= 0 for amount in found.values())


@pytest.mark.parametrize(("text", "jobs"), [("auto", None), ("0", 0), ("4", 4)])
def test_jobs(text: str, jobs: int | None) -> None:
    assert resources.parse_jobs(text) == jobs


@pytest.mark.parametrize("text", ["-1", "many", "", "2.5", "99999"])
def test_wrong_jobs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="-n"):
        resources.parse_jobs(text)


def machine(folder: Path, group: str, files: dict[str, str], memory_kb: int = 16_000_000) -> Path:
    texts = {
        "proc/self/cgroup": group,
        "proc/meminfo": f"MemTotal: {memory_kb} kB\nMemAvailable: {memory_kb // 2} kB\n",
        **files,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_cores_heed_a_quota_of_any_group_above(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
    }
    expected = min(1.5, len(os.sched_getaffinity(0)))
    assert resources.cores(machine(tmp_path, "0::/a/b\n", files)) == expected


def test_cores_heed_a_quota_of_version_1_and_are_never_none(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "20000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert resources.cores(machine(tmp_path, "4:cpu,cpuacct:/x\n", files)) == 1.0


def test_memory_heeds_a_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", {"sys/fs/cgroup/memory.max": "1000000000\n"})
    assert resources.memory_bytes(root) == (1e9, 1e9)
    root = machine(tmp_path, "0::/\n", {"sys/fs/cgroup/memory.max": "max\n"})
    assert resources.memory_bytes(root) == (16e6 * 1024, 8e6 * 1024)


def test_who_asks_for_more_jobs_than_cores_gets_them() -> None:
    found = resources.budget("", jobs=64)
    assert resources.job_count(64, found) == 64
    assert found.fits({"cpu": 1}, [{"cpu": 1}] * 63)
    assert not found.fits({"cpu": 1}, [{"cpu": 1}] * 64)


def test_auto_follows_the_budget() -> None:
    assert resources.job_count(None, resources.budget("cpu=3", None)) == 3
    assert resources.job_count(None, resources.budget("cpu=0.5", None)) == 1


def test_what_fits_beside_what_runs() -> None:
    found = resources.budget("cpu=4,memory=10GB,gpu=1", None)
    assert found.fits({"cpu": 2, "memory": 4e9}, [{"cpu": 2, "memory": 6e9}])
    assert not found.fits({"cpu": 1, "memory": 5e9}, [{"cpu": 1, "memory": 6e9}])
    assert not found.fits({"gpu": 1}, [{"gpu": 1}])
    assert found.fits({"cpu": 1, "gpu": 0}, [{"gpu": 1}])


def test_a_refusal_says_what_is_asked_and_what_there_is() -> None:
    found = resources.budget("cpu=2,memory=8GB", None)
    error = resources.refusal("engine:big", {"cpu": 1, "memory": 640e9}, found)
    assert error is not None
    assert "engine:big" in str(error)
    assert "640 GB memory" in str(error)
    assert "8.0 GB memory by --budget" in str(error)
    assert error.exit_code == 2
    assert resources.refusal("engine:small", {"cpu": 2, "memory": 8e9}, found) is None


# What travels to a worker

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(plain)
def test_plain_data_travels_unchanged(value: Any) -> None:
    import json

    assert wire.decode(json.loads(wire.line({"it": wire.encode(value)}))["it"]) == value


def test_a_recipe_travels() -> None:
    made = recipe(parameters={"one": (1, "two")}, sources=("a", "b"), aside={"more": [recipe("x")]})
    there = wire.decode(wire.encode(made))
    assert there == made
    assert there.key() == made.key()


@pytest.mark.parametrize("value", [{1: 2}, {1, 2}, object(), b"bytes", print])
def test_what_is_not_plain_stays(value: Any) -> None:
    with pytest.raises(wire.NotPlain):
        wire.encode(value)


# What is captured


def test_everything_printed_goes_to_the_log(tmp_path: Path) -> None:
    code = """
import sys
from synthetic_work import prints
from benchwright.build import console
with open("log", "w", 1) as log, console.captured(log):
    prints("it")
    console.say("it", "to the person")
print("after")
print("after", file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "after\n"
    assert done.stderr == "  to the person\nafter\n"
    assert sorted((tmp_path / "log").read_text().splitlines()) == [
        "it: child",
        "it: descriptor 1",
        "it: descriptor 2",
        "it: native",
        "it: printed",
        "it: printed to stderr",
    ]


def test_capture_ends_with_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(log: Any) -> None:
        with console.captured(log):
            print("inside")
            raise BenchwrightError("broken")

    with (tmp_path / "log").open("w") as log, pytest.raises(BenchwrightError):
        fail(log)
    print("outside")
    assert capsys.readouterr().out == "outside\n"
    assert (tmp_path / "log").read_text() == "inside\n"


# The display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def meta(seconds: float = 10, exclusive: bool = False) -> dict[str, Any]:
    return {"seconds": seconds, "exclusive": exclusive}


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    lines = Lines(stream=stream)
    lines.estimate({"a": meta(), "b": meta()}, 3)
    lines.started("a", meta())
    lines.say("a", "waiting for another measured run on this machine: x")
    lines.ended("a", "failed")
    lines.close()
    told = stream.getvalue().splitlines()
    assert told[0].startswith("2 of 3 tasks to run, about 20 s;")
    assert told[1:3] == ["[1/2] a", "  waiting for another measured run on this machine: x"]
    assert told[3].startswith("      failed after")
    assert "\x1b" not in stream.getvalue()


def test_tasks_at_once_are_told_apart() -> None:
    stream = io.StringIO()
    lines = Lines(stream=stream, jobs=2)
    lines.started("a")
    lines.started("b")
    lines.say("a", "hm")
    lines.ended("a", "executed")
    told = stream.getvalue()
    assert "  a: hm\n" in told
    assert "      a executed after" in told


def test_quiet_is_errors_only() -> None:
    stream = Terminal()
    lines = Lines(quiet=True, stream=stream)
    lines.estimate({"a": meta()}, 1)
    lines.started("a")
    lines.say("a", "hm")
    lines.progress("a")(1, 2)
    lines.ended("a", "executed")
    lines.error("error: broken")
    lines.close()
    assert stream.getvalue() == "error: broken\n"


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for value, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        lines = Lines(stream=stream)
        lines.started("a")
        lines.ended("a", "executed")
        lines.close()
        assert ("\x1b[32m" in stream.getvalue()) is coloured


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not Lines(stream=Terminal()).live


def test_a_name_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    lines = Lines(stream=stream)
    lines.started("a\x1b[2J\nb")
    lines.ended("a\x1b[2J\nb", "executed")
    lines.close()
    assert "\x1b[2J" not in stream.getvalue()


def test_the_forecast_learns_from_products_only() -> None:
    left = {name: (10.0, False) for name in "abcd"} | {"run": (60.0, True)}
    forecast = Forecast(2, left)
    assert forecast.seconds({}, 0) == 60 + 40 / 2
    forecast.learn(9, 19)
    assert forecast.factor == 2
    assert forecast.seconds({}, 0) == 60 + 2 * 40 / 2


def test_what_is_not_due_after_all_is_not_counted() -> None:
    stream = io.StringIO()
    lines = Lines(stream=stream)
    lines.estimate({"a": meta(), "b": meta()}, 2)
    lines.started("a", meta())
    lines.ended("a", "executed")
    lines.skipped("b")
    lines.skipped("b")
    lines.started("c", meta())
    assert stream.getvalue().splitlines()[-1] == "[2/2] c"
