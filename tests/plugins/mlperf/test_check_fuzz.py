"""Whatever a tree holds, a check ends with findings: never with an error of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchwright.rounds import load_round
from benchwright_mlperf.check.walk import check_tree
from plugins.mlperf.conftest import TreeOf
from plugins.mlperf.spoiling import at

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RELAXED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def _to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _shuffled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 3 :] + content[: len(content) // 3])


def _odd_name(path: Path) -> None:
    os.rename(os.fsencode(path), os.path.join(os.fsencode(path.parent), b"\xff{0}\n"))


HARM: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(b'\xff:::MLLOG {"key": 1}\n\x00' * 50),
    "null": lambda path: path.write_text("null"),
    "deep": _deep,
    "folder": _to_folder,
    "pipe": _to_pipe,
    "circle": _to_circle,
    "shuffled": _shuffled,
    "name": _odd_name,
}


def assert_ends(tree: Path, round_name: str) -> None:
    findings = check_tree(tree, load_round(round_name))
    for finding in findings:
        assert finding.rule != "check.failed", finding
        assert "{" not in finding.required + finding.fix.replace('{"own-name"', ""), finding
        str(finding).encode()


@pytest.mark.parametrize("round_name", ["v3.1", "v6.1"])
@pytest.mark.parametrize("harm", HARM)
def test_every_file_of_a_scenario_harmed(copied: TreeOf, round_name: str, harm: str) -> None:
    """One file after the other, none mended, so that damage also comes together."""
    tree = copied(round_name, "closed")
    files = [path for path in sorted(tree.rglob("*")) if path.is_file()]
    files = [p for p in files if "Offline" in p.parts or "results" not in p.parts]
    for number, path in enumerate(files):
        HARM[harm](path)
        if number % 4 == 0:
            assert_ends(tree, round_name)
    assert check_tree(tree, load_round(round_name))


@RELAXED
@given(data=st.data())
def test_random_harm(written: TreeOf, tmp_path: Path, data: st.DataObject) -> None:
    round_name = data.draw(st.sampled_from(["v3.1", "v6.1"]))
    source = written(round_name, data.draw(st.sampled_from(["closed", "open"])))
    tree = tmp_path / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(source, tree)
    paths = sorted(tree.rglob("*"))
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=5, unique=True)):
        harm = HARM[data.draw(st.sampled_from(sorted(HARM)))]
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            if data.draw(st.booleans()):
                path.write_text("a file in a folder's place")
        elif path.is_file() and not path.is_symlink():
            harm(path)
    assert_ends(tree, round_name)


@RELAXED
@given(data=st.data())
def test_any_value_in_a_description(written: TreeOf, tmp_path: Path, data: st.DataObject) -> None:
    round_name = data.draw(st.sampled_from(["v3.1", "v6.1"]))
    place = at(tmp_path / round_name, round_name, "closed")
    if not place.root.exists():
        shutil.copytree(written(round_name, "closed"), place.root)
    for path in (place.system, place.description):
        values: dict[str, Any] = json.loads(path.read_text())
        for name in data.draw(st.lists(st.sampled_from(sorted(values)), max_size=4)):
            values[name] = data.draw(JSON_VALUES)
        values["is_network"] = data.draw(JSON_VALUES)
        original = path.read_text()
        path.write_text(json.dumps(values))
        assert_ends(place.root, round_name)
        path.write_text(original)


@RELAXED
@given(data=st.data())
def test_any_value_in_a_log(written: TreeOf, tmp_path: Path, data: st.DataObject) -> None:
    round_name = data.draw(st.sampled_from(["v3.1", "v6.1"]))
    place = at(tmp_path / round_name, round_name, "closed")
    if not place.root.exists():
        shutil.copytree(written(round_name, "closed"), place.root)
    scenario = data.draw(st.sampled_from(["SingleStream", "MultiStream", "Offline"]))
    log = place.place("performance", scenario) / "mlperf_log_detail.txt"
    original = log.read_text()
    lines = [json.loads(line.split(" ", 1)[1]) for line in original.splitlines()]
    # Anything but VALID, so that the run's verdict is explained too.
    change = {"result_validity": data.draw(st.sampled_from(["INVALID", 1, None]))}
    keys = sorted({line["key"] for line in lines})
    for key in data.draw(st.lists(st.sampled_from(keys), max_size=6)):
        change[key] = data.draw(JSON_VALUES)
    for line in lines:
        line["value"] = change.get(line["key"], line["value"])
    log.write_text("\n".join(f":::MLLOG {json.dumps(line)}" for line in lines))
    assert_ends(place.root, round_name)
    log.write_text(original)


@given(text=st.text(alphabet="0123456789.,:=%{}'\"accuracy rougeL\n", max_size=200))
def test_any_accuracy_text(text: str) -> None:
    from benchwright_mlperf.check.accuracy import stated

    for name in ("v3.1", "v6.1"):
        for metric in load_round(name).accuracy_patterns:
            stated(load_round(name), metric, text)
