"""Recipes: what their key is made of; cooking leaves a whole artifact or what was there."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright.build import artifact, recipe
from benchwright.build.recipe import Recipe, TaskFault, cook, current, explain_os_error, flatten

WORK = "core.build.work_for_tests"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recipe_of(function: str = "write", **changes: Any) -> Recipe:
    given = {"text": "hello", "count": "count"} if function == "write" else {"text": "hello"}
    made = Recipe(
        task="words:one",
        call=f"{WORK}:{function}",
        folder="build/words/one",
        parameters=given,
        tools={"pen": "1.0"},
        log="build/logs/one.log",
    )
    return made._replace(**changes)


def calls() -> int:
    path = Path("count")
    return len(path.read_text(encoding="utf-8")) if path.exists() else 0


# The key


def test_ingredients_have_names_that_can_be_explained() -> None:
    made = recipe_of(parameters={"a": {"b": 1, "c": [2]}, "d": {}, "e": None}, sources=("json",))
    assert made.ingredients() == {
        "recipe": f"words by {WORK}:write",
        f"source of {WORK}": recipe.module_digest(WORK),
        "source of json": recipe.module_digest("json"),
        "option a.b": "1",
        "option a.c": "[2]",
        "option d": "{}",
        "option e": "null",
        "version of pen": "1.0",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "phrases:one"},
        {"call": f"{WORK}:page"},
        {"parameters": {"text": "other", "count": "count"}},
        {"parameters": {"text": "hello", "count": "count", "more": None}},
        {"tools": {"pen": "1.1"}},
        {"tools": {}},
        {"sources": ("json",)},
        {"keyed_by_source": False},
    ],
)
def test_what_changes_the_key(changes: dict[str, Any]) -> None:
    assert recipe_of(**changes).key() != recipe_of().key()
    assert recipe_of(**changes).ingredients() != recipe_of().ingredients()


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "words:two"},
        {"folder": "elsewhere"},
        {"log": "elsewhere.log"},
        {"publish": "elsewhere"},
        {"aside": {"expected_seconds": 3}},
        {"inputs": {"more": "file"}},
        {"parameters": {"count": "count", "text": "hello"}},
    ],
)
def test_what_does_not_change_the_key(changes: dict[str, Any]) -> None:
    assert recipe_of(**changes).key() == recipe_of().key()


def test_a_key_is_the_same_in_another_process(place: Path) -> None:
    import subprocess

    code = (
        "from benchwright.build.recipe import Recipe\n"
        "print(Recipe('a:b', 'json:dumps', 'f', {'x': {'z': 1, 'y': [True, None, 1.5]}}).key())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]


PARAMETERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=3), PARAMETERS, max_size=3),
    st.dictionaries(st.text("ab", min_size=1, max_size=3), PARAMETERS, max_size=3),
)
def test_keys_differ_where_parameters_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    keys = [recipe_of(parameters=given).key() for given in (one, other)]
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (keys[0] == keys[1]) == same


def test_flatten() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": [{"e": 2}], "f": {}}) == {
        "a.b.c": "1",
        "d": '[{"e": 2}]',
        "f": "{}",
    }


def test_module_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "single_module_here.py").write_text("raise SystemExit", encoding="utf-8")
    package = tmp_path / "package_here"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.yaml").write_text("a: 1", encoding="utf-8")

    def digest(name: str) -> str:
        recipe.module_digest.cache_clear()
        return recipe.module_digest(name)

    assert digest("single_module_here") == artifact.sha256_of(tmp_path / "single_module_here.py")
    first = digest("package_here")
    (package / "junk.pyc").touch()
    assert digest("package_here") == first
    (package / "data.yaml").write_text("a: 2", encoding="utf-8")
    assert digest("package_here") != first, "data decide as much as code"
    assert digest("nowhere_to_be_found") == "unknown"
    assert digest("sys") == "unknown"
    recipe.module_digest.cache_clear()


# Cooking


def test_cooking_makes_a_whole_artifact(place: Path) -> None:
    Path("in.txt").write_text("input", encoding="utf-8")
    made = recipe_of(inputs={"in": "in.txt"})
    assert not current(made)
    assert cook(made) == "executed"
    folder = Path(made.folder)
    assert (folder / "text.txt").read_text(encoding="utf-8") == "hello"
    assert (folder / "from-in").read_text(encoding="utf-8") == "input"
    manifest = artifact.read_manifest(folder)
    assert [entry.path for entry in manifest.files] == ["from-in", "sub/empty", "text.txt"]
    assert manifest.facts == {"length": 5}
    assert artifact.damage(folder) is None
    told = artifact.read_recipe(folder)
    assert told["key"] == made.key()
    assert told["ingredients"] == made.ingredients()
    assert told["inputs"] == {"in": artifact.sha256_of(Path("in.txt"))}
    log = Path(made.log).read_text(encoding="utf-8").splitlines()
    assert log[0] == f"words:one, recipe key {made.key()}"
    assert log[1] == "noted"
    assert log[2].startswith("done in ")
    assert [path.name for path in folder.parent.iterdir()] == ["one"], "nothing is left beside it"


def test_what_is_current_is_kept(place: Path) -> None:
    Path("in.txt").write_text("input", encoding="utf-8")
    made = recipe_of(inputs={"in": "in.txt"})
    cook(made)
    assert current(made)
    assert cook(made) == "kept"
    assert calls() == 1
    assert cook(made, again=True) == "executed"
    Path("in.txt").write_text("other", encoding="utf-8")
    assert not current(made)
    assert cook(made) == "executed"
    Path(made.folder, "text.txt").write_text("damaged", encoding="utf-8")
    assert not current(made)
    assert cook(made) == "executed"
    assert cook(made._replace(tools={"pen": "2.0"})) == "executed"
    assert calls() == 5
    Path("in.txt").unlink()
    assert not current(made)


@pytest.mark.parametrize("before", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("explained", "x:1: the file is bad\n  fix: get a good one"),
        ("bug", "unexpected ZeroDivisionError: one by nought\n  why: see the end of build/logs"),
        (str(errno.ENOSPC), "half: the disk is full\n  why: OSError: No space left on device"),
        (str(errno.EDQUOT), "half: the disk quota is used up"),
        (str(errno.EACCES), "half: no permission"),
        (str(errno.EROFS), "half: the file system is read-only"),
        (str(errno.EFBIG), "half: a file would be larger than this system allows"),
        (str(errno.EIO), "half: a file operation failed\n  why: OSError: Input/output error"),
    ],
)
def test_a_failure_leaves_what_was_there(place: Path, how: str, told: str, before: bool) -> None:
    if before:
        cook(recipe_of())
    made = recipe_of("fail", parameters={"how": how})
    with pytest.raises(TaskFault) as caught:
        cook(made)
    assert told in str(caught.value)
    assert caught.value.log == made.log
    names = [path.name for path in Path("build/words").iterdir()]
    assert names == (["one"] if before else [])
    if before:
        assert current(recipe_of())
    log = Path(made.log).read_text(encoding="utf-8")
    assert ("Traceback" in log) == (how == "bug")


def test_an_interruption_passes_and_leaves_nothing(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        cook(recipe_of("fail", parameters={"how": "interrupt"}))
    assert list(Path("build/words").iterdir()) == []


def test_a_missing_input_is_told(place: Path) -> None:
    with pytest.raises(TaskFault, match=r"in\.txt"):
        cook(recipe_of(inputs={"in": "in.txt"}))


def test_a_single_file_is_published_alone(place: Path) -> None:
    made = recipe_of("page", folder="build/manifests/page", publish="build/page.html")
    assert cook(made) == "executed"
    assert Path("build/page.html").read_text(encoding="utf-8") == "hello"
    assert sorted(path.name for path in Path(made.folder).iterdir()) == [
        artifact.MANIFEST,
        artifact.RECIPE,
    ]
    assert current(made)
    Path("build/page.html").write_text("hullo", encoding="utf-8")
    assert not current(made)
    assert cook(made) == "executed"
    assert Path("build/page.html").read_text(encoding="utf-8") == "hello"


def test_a_tree_is_published_with_nothing_of_ours(place: Path) -> None:
    made = recipe_of(folder="build/manifests/tree", publish="build/tree")
    cook(made)
    (Path("build/tree") / "leftover").touch()
    cook(made._replace(parameters={"text": "new", "count": "count"}))
    assert sorted(path.name for path in Path("build/tree").iterdir()) == ["sub", "text.txt"]
    assert Path("build/tree/text.txt").read_text(encoding="utf-8") == "new"
    assert artifact.damage(Path(made.folder)) is None
    Path("build/tree/sub/empty").unlink()
    assert artifact.damage(Path(made.folder)) == "build/tree/sub/empty is missing"


def test_files_of_the_user_stay_where_they_are(place: Path) -> None:
    Path("mine").mkdir()
    Path("mine/x").write_text("1", encoding="utf-8")
    made = recipe_of("own", parameters={"folder": "mine"})
    cook(made)
    assert artifact.read_manifest(Path(made.folder)).base(Path(made.folder)) == Path("mine")
    assert not Path(made.folder, "x").exists()
    Path("mine/x").write_text("2", encoding="utf-8")
    assert artifact.damage(Path(made.folder)) == "mine/x has changed content"


def test_what_a_killed_process_left_is_cleared_away(place: Path) -> None:
    made = recipe_of()
    folder = Path(made.folder)
    dead = 2**22 + 1  # above the kernel's largest process number
    left = [
        folder.with_name(f".one.partial-{dead}"),
        folder.with_name(f".one.partial-scratch-{dead}"),
        folder.with_name(f".one.replaced-{dead}"),
    ]
    for path in left:
        path.mkdir(parents=True)
    folder.with_name(".one.lock").touch()
    cook(made)
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_places_that_cannot_be_made_are_told(place: Path) -> None:
    Path("build").write_text("in the way", encoding="utf-8")
    with pytest.raises(TaskFault, match="build"):
        cook(recipe_of())


def test_os_errors_in_words() -> None:
    error = explain_os_error(OSError(errno.ENOSPC, "No space left on device"), "build/x")
    assert str(error) == (
        "build/x: the disk is full\n  why: OSError: No space left on device\n"
        "  fix: free some space, or build elsewhere, and run again: finished work is kept"
    )
    assert explain_os_error(OSError("odd"), "build/x").what == "a file operation failed"
    found = explain_os_error(PermissionError(errno.EACCES, "Permission denied", "a/b"), "build/x")
    assert (found.where, found.what) == ("a/b", "no permission")
